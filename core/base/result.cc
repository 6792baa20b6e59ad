#include "core/base/result.h"

#include <cerrno>

namespace barid {

const char* code_name(Code code) noexcept {
  switch (code) {
    case Code::kOk:
      return "ok";
    case Code::kMalformed:
      return "malformed";
    case Code::kTooLong:
      return "too long";
    case Code::kNotFound:
      return "not found";
    case Code::kTimeout:
      return "timeout";
    case Code::kCancelled:
      return "cancelled";
    case Code::kClosed:
      return "connection closed";
    case Code::kReset:
      return "connection reset";
    case Code::kRefused:
      return "refused";
    case Code::kUnreachable:
      return "unreachable";
    case Code::kExhausted:
      return "resource exhausted";
    case Code::kNoSpace:
      return "no space left";
    case Code::kIo:
      return "input/output error";
    case Code::kCorrupt:
      return "corrupt";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kPermission:
      return "permission denied";
    case Code::kTemporary:
      return "temporary failure";
  }
  return "unknown";
}

Code code_from_errno(int error_number) noexcept {
  switch (error_number) {
    case 0:
      return Code::kOk;
    case ETIMEDOUT:
      return Code::kTimeout;
    case ECANCELED:
      return Code::kCancelled;
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
      return Code::kReset;
    case ECONNREFUSED:
      return Code::kRefused;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
      return Code::kUnreachable;
    case ENOMEM:
    case ENOBUFS:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
      return Code::kExhausted;
    case ENOSPC:
    case EDQUOT:
      return Code::kNoSpace;
    case ENOENT:
      return Code::kNotFound;
    case EACCES:
    case EPERM:
      return Code::kPermission;
    case ENOSYS:
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
      return Code::kUnsupported;
    default:
      return Code::kIo;
  }
}

}  // namespace barid
