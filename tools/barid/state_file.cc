#include "tools/barid/state_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace barid::tools {
namespace {

/// 0, or the error number.
int write_synced(const std::string& path, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  int error = 0;
  for (size_t done = 0; done < text.size() && error == 0;) {
    const ssize_t wrote = ::write(fd, text.data() + done, text.size() - done);
    if (wrote >= 0) {
      done += static_cast<size_t>(wrote);
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (error == 0 && ::fdatasync(fd) != 0) error = errno;
  ::close(fd);
  return error;
}

}  // namespace

std::string replace_file(const std::string& path, const std::string& text) {
  const std::string fresh = path + ".new";
  int error = write_synced(fresh, text);
  if (error == 0 && std::rename(fresh.c_str(), path.c_str()) != 0) error = errno;
  return error == 0 ? std::string() : fmt::format("{}: {}", path, std::strerror(error));
}

}  // namespace barid::tools
