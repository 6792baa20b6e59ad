#include "tools/barid/suspension_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace barid::tools {
namespace {

constexpr size_t kFileBytesMax = 4u << 20;  // of kSuspensionsMax entries with room to spare

Error last_error() noexcept {
  return Error{.code = errno == ENOSPC ? Code::kNoSpace : Code::kIo, .error_number = errno};
}

/// Owns a descriptor.
struct File {
  explicit File(int descriptor) : fd(descriptor) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd >= 0) ::close(fd);
  }
  int fd;
};

Status write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return last_error();
    text.remove_prefix(static_cast<size_t>(written));
  }
  if (fsync(fd) != 0) return last_error();
  return {};
}

}  // namespace

std::string SuspensionFile::load(const std::string& queue_directory) {
  directory_ = queue_directory;
  const std::string path = directory_ + "/suspensions";
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) {
    return errno == ENOENT ? std::string() : fmt::format("{}: {}", path, std::strerror(errno));
  }
  std::string text;
  char buffer[16 * 1024];
  for (;;) {
    const ssize_t got = ::read(file.fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fmt::format("{}: {}", path, std::strerror(errno));
    if (got == 0) break;
    text.append(buffer, static_cast<size_t>(got));
    if (text.size() > kFileBytesMax) return path + ": longer than such a list can be";
  }
  size_t line = 0;
  Result<schedule::Suspensions> list = schedule::Suspensions::from_text(text, &line);
  if (!list.ok()) {
    return fmt::format("{}: line {}: {}; correct the line or remove the file", path, line,
                       list.error().text);
  }
  loaded_ = *std::move(list);
  return {};
}

Status SuspensionFile::save(const schedule::Suspensions& list, uint64_t version) {
  const std::lock_guard lock(mutex_);
  if (version <= saved_version_) return {};
  const std::string path = directory_ + "/suspensions";
  const std::string next = path + ".new";
  {
    const File file(::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (file.fd < 0) return last_error();
    BARID_TRY_VOID(write_all(file.fd, list.to_text()));
  }
  if (std::rename(next.c_str(), path.c_str()) != 0) return last_error();
  const File directory(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.fd < 0 || fsync(directory.fd) != 0) return last_error();
  saved_version_ = version;
  return {};
}

}  // namespace barid::tools
