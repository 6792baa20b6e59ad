#include "core/crypto/secret_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace barid::crypto {
namespace {

constexpr size_t kSecretBytesMax = size_t{1} << 20;

FileIdentity identity_of(const struct stat& status) noexcept {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .changed_nanos = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec,
          .bytes = static_cast<uint64_t>(status.st_size),
          .mode = status.st_mode};
}

bool is_loose(const struct stat& status) noexcept {
  constexpr mode_t kOthers = S_IRWXO | S_IWGRP | S_IXGRP;
  if ((status.st_mode & kOthers) != 0) return true;
  return (status.st_mode & S_IRGRP) != 0 && status.st_uid == ::geteuid();
}

SecretFile failed(const std::string& path, int error_number) {
  std::array<char, 256> buffer{};
  const char* const reason = ::strerror_r(error_number, buffer.data(), buffer.size());
  return {.content = {},
          .identity = {},
          .error_number = error_number,
          .problem = fmt::format("open {}: {}", path, reason)};
}

}  // namespace

FileIdentity identify_file(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? identity_of(status) : FileIdentity{};
}

SecretFile read_secret_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return failed(path, errno);
  SecretFile file;
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    file = failed(path, errno);
  } else if (!S_ISREG(status.st_mode)) {
    file.problem = fmt::format("{}: not a regular file", path);
  } else if (is_loose(status)) {
    file.problem = fmt::format(
        "{}: mode {:04o} lets others at the secret: chmod 0600 it, owned by the user "
        "that the server runs as",
        path, status.st_mode & 07777);
  } else {
    std::array<char, 4096> chunk;
    for (;;) {
      const ssize_t got = ::read(fd, chunk.data(), chunk.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) file = failed(path, errno);
      if (got <= 0) break;
      file.content.append(chunk.data(), static_cast<size_t>(got));
      if (file.content.size() > kSecretBytesMax) {
        file.content.clear();
        file.problem = fmt::format("{}: too long for a secret", path);
        break;
      }
    }
  }
  file.identity = identity_of(status);
  ::close(fd);
  return file;
}

}  // namespace barid::crypto
