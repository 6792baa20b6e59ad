// How far a long command is: one line on the terminal of standard error, drawn anew. Nothing is
// shown of short work, where there is no terminal, or while another program has it (a pager).
// And interrupts, so that long work ends where it can say what it did. Layer: tools.
#pragma once

#include <chrono>
#include <string_view>

namespace barid::tools {

class Progress {
 public:
  Progress();
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Standard error is a terminal: somebody may see it.
  [[nodiscard]] bool has_terminal() const noexcept { return has_terminal_; }
  void show(std::string_view text);
  /// Before anything else is written to a terminal.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  bool has_terminal_;
  bool shown_ = false;
  Clock::time_point next_;
};

/// While it lives the first SIGINT is noted, and the next one ends the process. One at a time.
class InterruptWatch {
 public:
  InterruptWatch();
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  [[nodiscard]] static bool interrupted() noexcept;
};

}  // namespace barid::tools
