#include "core/obs/log.h"

namespace barid {

char* Log::reserve() noexcept {
  if (lines_lost_pending_ != 0) report_lost_lines();
  char* out = lines_lost_pending_ == 0 ? buffer_.reserve() : nullptr;
  if (out == nullptr) {
    ++lines_lost_;
    ++lines_lost_pending_;
  }
  return out;
}

// The gap is reported where it is: before the first line that fits again.
void Log::report_lost_lines() noexcept {
  char* out = buffer_.reserve();
  if (out == nullptr) return;
  buffer_.commit(formatter_.write(out, now_, LogOrigin{}, LogLinesLost{lines_lost_pending_}));
  lines_lost_pending_ = 0;
}

}  // namespace barid
