#include "core/lookup/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace barid::lookup {
namespace {

constexpr size_t kFileBytesMax = size_t{64} << 20;

Result<std::string> read_descriptor(int fd) {
  std::string content;
  std::array<char, 16384> chunk;
  for (;;) {
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return error_from_errno(errno);
    if (got == 0) return content;
    content.append(chunk.data(), static_cast<size_t>(got));
    if (content.size() > kFileBytesMax) return Error{.code = Code::kTooLong, .error_number = EFBIG};
  }
}

}  // namespace

Result<std::string> read_whole_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return error_from_errno(errno);
  Result<std::string> content = read_descriptor(fd);
  ::close(fd);
  return content;
}

Result<std::string> read_private_file(const std::string& path) {
  constexpr mode_t kLoose = S_IWGRP | S_IRWXO;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return error_from_errno(errno);
  struct stat facts {};
  Result<std::string> content = error_from_errno(EIO);
  if (::fstat(fd, &facts) != 0) {
    content = error_from_errno(errno);
  } else if ((facts.st_mode & kLoose) != 0) {
    content = Error{.code = Code::kPermission,
                    .text = (facts.st_mode & S_IRWXO) != 0
                                ? "everybody may read or write it: chmod 600, or 640 for a group"
                                : "its group may write it: chmod 600, or 640"};
  } else {
    content = read_descriptor(fd);
  }
  ::close(fd);
  return content;
}

Result<std::string> read_no_file(const std::string&) { return error_from_errno(ENOENT); }

std::string open_failure(const std::string& path, const Error& error) {
  if (error.text != nullptr) return fmt::format("open {}: {}", path, error.text);
  std::array<char, 256> buffer{};
  const char* reason = error.error_number != 0
                           ? ::strerror_r(error.error_number, buffer.data(), buffer.size())
                           : code_name(error.code);
  return fmt::format("open {}: {}", path, reason);
}

}  // namespace barid::lookup
