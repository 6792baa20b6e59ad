#include "shard/queue/queue_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <string_view>

namespace barid::queue {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kVersionPrefix = "barid queue ";
constexpr std::string_view kPartitionPrefix = "partition-";

/// Whole content of a small file; nullopt-like empty with errno set on failure.
bool read_small_file(const std::string& path, std::string* out) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char buffer[256];
  const ssize_t got = ::read(fd, buffer, sizeof buffer);
  ::close(fd);
  if (got < 0) return false;
  out->assign(buffer, static_cast<size_t>(got));
  return true;
}

/// Writes and syncs a new file and its directory entry.
bool write_durably(const std::string& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const bool synced = written && fsync(fd) == 0;
  const int saved = errno;
  ::close(fd);
  errno = saved;
  if (!synced) return false;
  const int directory =
      ::open(fs::path(path).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return false;
  const bool directory_synced = fsync(directory) == 0;
  ::close(directory);
  return directory_synced;
}

/// A lock of the open file description: it goes with its descriptor, whatever else is closed.
struct flock whole_file(short type) {
  return {.l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0, .l_pid = 0};
}

std::string sentence(std::string_view path, std::string_view what) {
  return fmt::format("queue directory {}: {}", path, what);
}

}  // namespace

QueueDirectory::~QueueDirectory() {
  if (lock_fd_ >= 0) ::close(lock_fd_);  // also unlocks
}

std::string QueueDirectory::open(const std::string& path) {
  path_ = path;
  std::error_code error;
  const bool exists = fs::exists(path, error);
  if (error) return sentence(path, error.message());
  if (exists && !fs::is_directory(path, error)) return sentence(path, "is not a directory");
  const bool empty = !exists || fs::is_empty(path, error);
  if (error) return sentence(path, error.message());

  if (!empty) {
    if (std::string problem = check_version(); !problem.empty()) return problem;
  } else if (std::string problem = create(); !problem.empty()) {
    return problem;
  }
  if (std::string problem = lock(); !problem.empty()) return problem;
  if (access(path.c_str(), W_OK) != 0) return sentence(path, std::strerror(errno));
  fs::create_directories(path + "/public", error);
  if (error) return sentence(path, fmt::format("cannot create public/: {}", error.message()));
  fs::permissions(path + "/public", static_cast<fs::perms>(0755), error);  // whatever the umask is
  if (error) return sentence(path, fmt::format("public/: {}", error.message()));
  fs::create_directories(path + "/maildrop", error);
  if (error) return sentence(path, fmt::format("cannot create maildrop/: {}", error.message()));
  find_partitions();
  return {};
}

std::string QueueDirectory::look(const std::string& path) {
  path_ = path;
  if (std::string problem = check_version(); !problem.empty()) return problem;
  find_partitions();
  return {};
}

std::string QueueDirectory::create() {
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) return sentence(path_, fmt::format("cannot be created: {}", error.message()));
  if (chmod(path_.c_str(), 0755) != 0) return sentence(path_, std::strerror(errno));
  const std::string version = fmt::format("{}{}\n", kVersionPrefix, kQueueFormatVersion);
  if (!write_durably(path_ + "/VERSION", version)) {
    return sentence(path_, fmt::format("cannot write VERSION: {}", std::strerror(errno)));
  }
  return {};
}

std::string QueueDirectory::check_version() {
  std::string text;
  if (!read_small_file(path_ + "/VERSION", &text)) {
    if (errno == ENOENT) {
      return sentence(path_,
                      "is not empty and holds no VERSION file of a barid queue; not touched");
    }
    return sentence(path_, fmt::format("cannot read VERSION: {}", std::strerror(errno)));
  }
  int version = 0;
  if (text.starts_with(kVersionPrefix)) {
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + kVersionPrefix.size(), end, version);
    if (std::string_view(parsed.ptr, end) != "\n") version = 0;
  }
  if (version <= 0) return sentence(path_, "VERSION is not that of a barid queue; not touched");
  if (version > kQueueFormatVersion) {
    return sentence(path_,
                    fmt::format("has format {}, made by a newer version (this one reads up to "
                                "{}); not touched",
                                version, kQueueFormatVersion));
  }
  return {};
}

std::string QueueDirectory::lock() {
  const std::string lock_path = path_ + "/lock";
  lock_fd_ = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_fd_ < 0)
    return sentence(path_, fmt::format("cannot open lock: {}", std::strerror(errno)));
  struct flock whole = whole_file(F_WRLCK);
  if (fcntl(lock_fd_, F_OFD_SETLK, &whole) != 0) {
    if (errno == EAGAIN || errno == EACCES) {
      return sentence(path_, fmt::format("is in use by process {}", holder(path_)));
    }
    return sentence(path_, fmt::format("cannot be locked: {}", std::strerror(errno)));
  }
  const std::string pid = fmt::format("{}\n", getpid());
  if (ftruncate(lock_fd_, 0) != 0 ||
      pwrite(lock_fd_, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return sentence(path_, fmt::format("cannot write lock: {}", std::strerror(errno)));
  }
  return {};
}

int QueueDirectory::holder(const std::string& path) {
  const int fd = ::open((path + "/lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  struct flock whole = whole_file(F_RDLCK);  // asked for only: who looks keeps no server out
  const bool held = fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
  ::close(fd);
  std::string text;
  if (!held || !read_small_file(path + "/lock", &text)) return 0;
  int pid = 0;
  std::from_chars(text.data(), text.data() + text.size(), pid);
  return pid;
}

void QueueDirectory::find_partitions() {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path_, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPartitionPrefix)) continue;
    uint16_t number = 0;
    const char* first = name.data() + kPartitionPrefix.size();
    const auto parsed = std::from_chars(first, name.data() + name.size(), number);
    if (parsed.ec == std::errc() && parsed.ptr == name.data() + name.size()) {
      partitions_.push_back(number);
    }
  }
  std::sort(partitions_.begin(), partitions_.end());
}

std::string QueueDirectory::partition_path(uint16_t number) const {
  return fmt::format("{}/{}{:04}", path_, kPartitionPrefix, number);
}

}  // namespace barid::queue
