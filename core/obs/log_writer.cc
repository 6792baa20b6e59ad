#include "core/obs/log_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace barid {
namespace {

// A pipe that polls writable takes this much without blocking, in one piece.
constexpr size_t kPipeBytes = 4096;
constexpr std::chrono::milliseconds kRetryPause{1000};
constexpr std::chrono::milliseconds kStopPause{100};

bool is_standard_output(const std::string& path) { return path.empty() || path == "/dev/stdout"; }

/// The longest prefix of at most `bytes_max` that ends a line, else of exactly that size.
std::string_view whole_lines(std::string_view bytes, size_t bytes_max) noexcept {
  if (bytes.size() <= bytes_max) return bytes;
  const size_t line_end = bytes.rfind('\n', bytes_max - 1);
  return bytes.substr(0, line_end == std::string_view::npos ? bytes_max : line_end + 1);
}

}  // namespace

LogFd& LogFd::operator=(LogFd&& other) noexcept {
  if (this == &other) return *this;
  if (fd_ >= 0) close(fd_);
  fd_ = other.release();
  return *this;
}

LogFd::~LogFd() {
  if (fd_ >= 0) close(fd_);
}

Result<LogFd> LogWriter::open_target(const LogWriterOptions& options) {
  const int fd =
      is_standard_output(options.path)
          ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
          : ::open(options.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY,
                   options.permissions);
  if (fd < 0) return error_from_errno(errno, "cannot open the log file");
  return LogFd(fd);
}

Result<std::unique_ptr<LogWriter>> LogWriter::open(LogWriterOptions options) {
  BARID_TRY(LogFd target, open_target(options));
  LogFd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (event.get() < 0) return error_from_errno(errno, "eventfd");
  return std::unique_ptr<LogWriter>(
      new LogWriter(std::move(options), std::move(target), std::move(event)));
}

LogWriter::LogWriter(LogWriterOptions options, LogFd target, LogFd event)
    : options_(std::move(options)), target_(std::move(target)), event_(std::move(event)) {
  inspect_target();
}

LogWriter::~LogWriter() { LogFd unused(new_target_.load()); }

LogBuffer& LogWriter::add_buffer() {
  return *buffers_.emplace_back(std::make_unique<LogBuffer>(this, options_.chunk_count_max));
}

Status LogWriter::reopen() {
  if (is_standard_output(options_.path)) return {};
  BARID_TRY(LogFd fresh, open_target(options_));
  LogFd superseded(new_target_.exchange(fresh.release()));
  wake();
  return {};
}

void LogWriter::stop() noexcept {
  stopping_.store(true);
  const uint64_t one = 1;
  (void)!write(event_.get(), &one, sizeof one);  // a full eventfd wakes as well
}

void LogWriter::wake() noexcept {
  if (!sleeping_.load(std::memory_order_seq_cst) || !sleeping_.exchange(false)) return;
  const uint64_t one = 1;
  (void)!write(event_.get(), &one, sizeof one);
}

void LogWriter::run() noexcept {
  const auto pauses_max = options_.stop_patience / kStopPause;
  auto pauses_left = pauses_max;
  for (;;) {
    const bool stopping = stopping_.load();  // before looking: what was published before counts
    take_new_target();
    const Round round = write_round();
    if (stopping) {
      if (!has_published()) return;
      if (round == Round::kWrote) {
        pauses_left = pauses_max;
        continue;
      }
      if (--pauses_left < 0) return give_up();
      pause(kStopPause);
      continue;
    }
    switch (round) {
      case Round::kWrote:
        pause(options_.gather);
        break;
      case Round::kIdle:
        sleep_until_woken();
        break;
      case Round::kBlocked:
        break;  // it has waited already
      case Round::kFailed:
        pause(kRetryPause);
        break;
    }
  }
}

void LogWriter::take_new_target() noexcept {
  const int fd = new_target_.exchange(-1);
  if (fd < 0) return;
  target_ = LogFd(fd);
  inspect_target();
}

void LogWriter::inspect_target() noexcept {
  struct stat status {};
  target_is_file_ = fstat(target_.get(), &status) == 0 && S_ISREG(status.st_mode);
}

// One chunk's worth per buffer, so that a busy shard does not hold back another one's lines.
LogWriter::Round LogWriter::write_round() noexcept {
  Round round = Round::kIdle;
  target_failing_ = false;
  for (auto& buffer : buffers_) {
    size_t budget = kLogChunkBytes;
    while (budget > 0) {
      const std::string_view bytes = buffer->peek();
      if (bytes.empty()) break;
      const size_t count = write_some(bytes);
      if (count == 0) {
        if (round == Round::kWrote) return round;
        return target_failing_ ? Round::kFailed : Round::kBlocked;
      }
      buffer->consume(count);
      budget -= std::min(budget, count);
      round = Round::kWrote;
    }
  }
  return round;
}

bool LogWriter::has_published() noexcept {
  return std::any_of(buffers_.begin(), buffers_.end(),
                     [](const auto& buffer) { return !buffer->peek().empty(); });
}

// Returns the bytes written; 0 if the target takes nothing now. Waits for kStopPause at most: a
// reader of our standard output that stalls must not keep us from stopping.
size_t LogWriter::write_some(std::string_view bytes) noexcept {
  if (!target_is_file_) {
    pollfd ready{.fd = target_.get(), .events = POLLOUT, .revents = 0};
    const auto patience = stopping_.load() ? std::chrono::milliseconds(0) : kStopPause;
    if (poll(&ready, 1, static_cast<int>(patience.count())) <= 0) return 0;
    bytes = whole_lines(bytes, kPipeBytes);
  }
  ssize_t count = -1;
  do {
    count = write(target_.get(), bytes.data(), bytes.size());
  } while (count < 0 && errno == EINTR);
  if (count > 0) return static_cast<size_t>(count);
  if (count < 0 && errno == EAGAIN) return 0;
  target_failing_ = true;
  write_errors_.fetch_add(1, std::memory_order_relaxed);
  return 0;
}

void LogWriter::sleep_until_woken() noexcept {
  sleeping_.store(true, std::memory_order_seq_cst);
  if (has_published() || stopping_.load() || new_target_.load() >= 0) {
    sleeping_.store(false);
    return;
  }
  pause(std::chrono::milliseconds(-1));
  sleeping_.store(false);
}

void LogWriter::pause(std::chrono::milliseconds timeout) noexcept {
  pollfd event{.fd = event_.get(), .events = POLLIN, .revents = 0};
  if (poll(&event, 1, static_cast<int>(timeout.count())) <= 0) return;
  uint64_t count = 0;
  (void)!read(event_.get(), &count, sizeof count);
}

void LogWriter::give_up() noexcept {
  for (auto& buffer : buffers_) {
    for (std::string_view bytes = buffer->peek(); !bytes.empty(); bytes = buffer->peek()) {
      const auto lines = std::count(bytes.begin(), bytes.end(), '\n');
      lines_given_up_.fetch_add(static_cast<uint64_t>(lines), std::memory_order_relaxed);
      buffer->consume(bytes.size());
    }
  }
}

}  // namespace barid
