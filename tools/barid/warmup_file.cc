#include "tools/barid/warmup_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/lookup/files.h"

namespace barid::tools {
namespace {

std::string path_in(const std::string& queue_directory) { return queue_directory + "/warmup"; }

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

std::string read_warmup_file(const std::string& queue_directory, policy::WarmupCounts* counts) {
  const std::string path = path_in(queue_directory);
  const Result<std::string> text = lookup::read_whole_file(path);
  if (!text.ok()) {
    if (text.error().error_number == ENOENT) return {};
    return fmt::format("{}: {}: today's warm-up counts begin anew", path,
                       std::strerror(text.error().error_number));
  }
  if (counts->from_text(*text)) return {};
  return fmt::format(
      "{}: not of the form that is written here: what cannot be read of today's "
      "warm-up counts begins anew",
      path);
}

std::string write_warmup_file(const std::string& queue_directory,
                              const policy::WarmupCounts& counts) {
  const std::string path = path_in(queue_directory);
  const std::string fresh = path + ".new";
  int error = write_synced(fresh, counts.to_text());
  if (error == 0 && std::rename(fresh.c_str(), path.c_str()) != 0) error = errno;
  return error == 0 ? std::string() : fmt::format("{}: {}", path, std::strerror(error));
}

}  // namespace barid::tools
