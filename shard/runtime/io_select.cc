#include "shard/runtime/io_select.h"

#include <cerrno>
#include <cstring>

#include "shard/runtime/epoll_backend.h"
#include "shard/runtime/io_uring_backend.h"

namespace barid::rt {

namespace {

bool may_fall_back(const Error& error) noexcept {
  switch (error.error_number) {
    case EPERM:
    case ENOSYS:
    case EACCES:
    case ENOMEM:
    case EINVAL:
      return true;
    default:
      return error.code == Code::kUnsupported;
  }
}

std::string describe(const Error& error) {
  std::string text = error.text != nullptr ? error.text : "io_uring";
  text += ": ";
  text += error.error_number != 0 ? std::strerror(error.error_number) : code_name(error.code);
  return text;
}

}  // namespace

Result<SelectedIo> select_io(IoChoice choice) {
  SelectedIo selected;
  if (choice != IoChoice::kEpoll) {
    auto uring = make_uring_backend();
    if (uring.ok()) {
      selected.io = *std::move(uring);
      return selected;
    }
    if (choice == IoChoice::kUring || !may_fall_back(uring.error())) return uring.error();
    selected.fallback_reason = describe(uring.error());
  }
  BARID_TRY(selected.io, make_epoll_backend());
  return selected;
}

}  // namespace barid::rt
