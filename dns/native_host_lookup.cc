#include "dns/native_host_lookup.h"

#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace barid::dns {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const noexcept { freeaddrinfo(list); }
};

AnswerStatus status_of(int code) noexcept {
  switch (code) {
    case 0:
      return AnswerStatus::kOk;
    case EAI_NONAME:
      return AnswerStatus::kNxDomain;
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
      return AnswerStatus::kNoData;
    default:
      return AnswerStatus::kServFail;  // EAI_AGAIN, EAI_FAIL, EAI_SYSTEM, EAI_MEMORY
  }
}

/// Blocking.
HostLookup::Found ask_system(const std::string& host, Families families) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_family = families == Families::kV4Only   ? AF_INET
                    : families == Families::kV6Only ? AF_INET6
                                                    : AF_UNSPEC;
  addrinfo* raw = nullptr;
  const int code = getaddrinfo(host.c_str(), nullptr, &hints, &raw);
  const std::unique_ptr<addrinfo, FreeAddresses> list(raw);
  HostLookup::Found found{.status = status_of(code)};
  if (code != 0) {
    found.error_text = code == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(code);
    return found;
  }
  for (const addrinfo* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
    found.addresses.emplace_back(entry->ai_addr, entry->ai_addrlen);
  }
  if (found.addresses.empty()) found.status = AnswerStatus::kNoData;
  return found;
}

}  // namespace

rt::Task<HostLookup::Found> NativeHostLookup::lookup(std::string host, Families families,
                                                     MonoTime deadline) {
  auto call = [host = std::move(host), families] { return ask_system(host, families); };
  Result<Found> found = co_await offload_.run(std::move(call), deadline);
  if (found.ok()) co_return *std::move(found);
  const bool late = found.error().code == Code::kTimeout;
  co_return Found{.status = late ? AnswerStatus::kTimeout : AnswerStatus::kExhausted,
                  .error_text = code_name(found.error().code)};
}

}  // namespace barid::dns
