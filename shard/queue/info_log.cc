#include "shard/queue/info_log.h"

#include <fcntl.h>
#include <rocksdb/system_clock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace barid::queue {
namespace {

constexpr size_t kLineMax = 4096;

std::string stamp() {
  int64_t now = 0;
  static_cast<void>(rocksdb::SystemClock::Default()->GetCurrentTime(&now));  // cannot fail
  std::tm fields{};
  std::array<char, 32> text{};
  gmtime_r(&now, &fields);
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ ", &fields)};
}

}  // namespace

InfoLog::InfoLog(const std::string& directory, uint64_t bytes_max)
    : Logger(rocksdb::InfoLogLevel::WARN_LEVEL), path_(directory + "/LOG"), bytes_max_(bytes_max) {}

InfoLog::~InfoLog() {
  if (fd_ >= 0) ::close(fd_);
  static_cast<void>(Close());
}

void InfoLog::Logv(const char* format, va_list arguments) {
  std::array<char, kLineMax> text{};
  const int length = std::vsnprintf(text.data(), text.size(), format, arguments);
  if (length < 0) return;
  std::string line = stamp();
  line.append(text.data(), std::min<size_t>(static_cast<size_t>(length), text.size() - 1));
  if (line.back() != '\n') line += '\n';
  append(line);
}

void InfoLog::append(const std::string& line) {
  const std::lock_guard lock(mutex_);
  if (fd_ >= 0 && size_ + line.size() > bytes_max_) {
    ::close(fd_);
    fd_ = -1;
    static_cast<void>(::rename(path_.c_str(), (path_ + ".old").c_str()));
  }
  if (fd_ < 0) {
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct stat info {};
    if (fd_ < 0 || ::fstat(fd_, &info) != 0) return;
    size_ = static_cast<uint64_t>(info.st_size);
  }
  const ssize_t written = ::write(fd_, line.data(), line.size());
  if (written > 0) size_ += static_cast<uint64_t>(written);
}

size_t InfoLog::GetLogFileSize() const {
  const std::lock_guard lock(mutex_);
  return size_;
}

}  // namespace barid::queue
