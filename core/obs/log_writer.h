// Writes all shards' log lines to a file or to standard output. run() belongs on a thread of its
// own, which the composition root provides: this class starts none.
// Layer:  core/obs, does I/O: open, write, poll. See each function for who may call it. The process
//         ignores SIGPIPE.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/base/time.h"
#include "core/obs/log_buffer.h"

namespace barid {

struct LogWriterOptions {
  std::string path;                      ///< maillog_file; empty or /dev/stdout = standard output
  uint32_t permissions = 0600;           ///< maillog_file_permissions, of a file it creates
  std::chrono::milliseconds gather{10};  ///< pause between two writes while lines keep coming
  std::chrono::milliseconds stop_patience{2000};  ///< after stop(): for a target that takes nothing
  size_t chunk_count_max = kLogChunkCountMax;     ///< per buffer, of kLogChunkBytes each
};

/// A file descriptor that closes itself.
class LogFd {
 public:
  LogFd() = default;
  explicit LogFd(int fd) noexcept : fd_(fd) {}
  LogFd(LogFd&& other) noexcept : fd_(other.release()) {}
  LogFd& operator=(LogFd&& other) noexcept;
  ~LogFd();
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

class LogWriter final : public LogWaker {
 public:
  /// Opens the target for appending. Errors: those of open(2), with errno.
  [[nodiscard]] static Result<std::unique_ptr<LogWriter>> open(LogWriterOptions options);

  ~LogWriter() override;

  /// A buffer for one more producer thread; owned by the writer. Only before run().
  [[nodiscard]] LogBuffer& add_buffer();

  /// Writes until stop(), then what is left. On the writer's thread.
  void run() noexcept;

  /// Opens the file anew, for log rotation; the old one stays in use if that fails. Any thread.
  [[nodiscard]] Status reopen();
  /// Makes run() return soon. Lines published before the call are written first. Any thread.
  void stop() noexcept;
  /// LogWaker. Any thread.
  void wake() noexcept override;

  /// Failed writes so far (each is tried again), and lines given up at stop. Any thread.
  [[nodiscard]] uint64_t write_errors() const noexcept { return write_errors_.load(); }
  [[nodiscard]] uint64_t lines_given_up() const noexcept { return lines_given_up_.load(); }

 private:
  enum class Round : uint8_t { kWrote, kIdle, kBlocked, kFailed };

  LogWriter(LogWriterOptions options, LogFd target, LogFd event);

  [[nodiscard]] static Result<LogFd> open_target(const LogWriterOptions& options);
  void take_new_target() noexcept;
  void inspect_target() noexcept;
  [[nodiscard]] Round write_round() noexcept;
  [[nodiscard]] bool has_published() noexcept;
  [[nodiscard]] size_t write_some(std::string_view bytes) noexcept;
  void sleep_until_woken() noexcept;
  void pause(std::chrono::milliseconds timeout) noexcept;
  void give_up() noexcept;

  const LogWriterOptions options_;
  LogFd target_;
  LogFd event_;  ///< eventfd that ends sleep and pause
  bool target_is_file_ = false;
  bool target_failing_ = false;  ///< the last write ended in an error
  std::vector<std::unique_ptr<LogBuffer>> buffers_;
  std::atomic<bool> sleeping_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<int> new_target_{-1};
  std::atomic<uint64_t> write_errors_{0};
  std::atomic<uint64_t> lines_given_up_{0};
};

}  // namespace barid
