#include "core/lookup/files.h"

#include <fcntl.h>
#include <fmt/format.h>
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

Result<std::string> read_no_file(const std::string&) { return error_from_errno(ENOENT); }

std::string open_failure(const std::string& path, const Error& error) {
  std::array<char, 256> buffer{};
  const char* reason = error.error_number != 0
                           ? ::strerror_r(error.error_number, buffer.data(), buffer.size())
                           : code_name(error.code);
  return fmt::format("open {}: {}", path, reason);
}

}  // namespace barid::lookup
