// The log as code sees it: one Log per shard, `log.write(origin, SmtpdConnect{…})`.
// Layer:  core/obs. Belongs to one thread, like the buffer's producer side.
#pragma once

#include "core/obs/log_buffer.h"
#include "core/obs/log_format.h"

namespace barid {

class Log {
 public:
  /// Borrows `buffer`, which outlives the Log.
  Log(LogFormat format, LogBuffer& buffer) : formatter_(std::move(format)), buffer_(buffer) {}

  /// Time of the lines written until the next call. Once per turn of the reactor.
  void set_time(WallTime now) noexcept { now_ = now; }

  /// Appends one line; if the buffer is full the line is lost and counted. No allocation as long as
  /// the writer keeps up, no I/O.
  template <typename Event>
  void write(const LogOrigin& origin, const Event& event) noexcept {
    char* out = reserve();
    if (out == nullptr) return;
    buffer_.commit(formatter_.write(out, now_, origin, event));
  }

  /// Hands the lines to the writer. Once per turn, after its work.
  void publish() noexcept {
    if (lines_lost_pending_ != 0) report_lost_lines();
    buffer_.publish();
  }

  /// Lines lost since the start.
  [[nodiscard]] uint64_t lines_lost() const noexcept { return lines_lost_; }

 private:
  [[nodiscard]] char* reserve() noexcept;
  void report_lost_lines() noexcept;

  LogFormatter formatter_;
  LogBuffer& buffer_;
  WallTime now_{};
  uint64_t lines_lost_ = 0;
  uint64_t lines_lost_pending_ = 0;  ///< not yet reported in the log itself
};

}  // namespace barid
