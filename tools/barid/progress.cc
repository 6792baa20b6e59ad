#include "tools/barid/progress.h"

#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace barid::tools {
namespace {

constexpr std::chrono::milliseconds kShortWork(300);
constexpr std::chrono::milliseconds kRedraw(100);

volatile std::sig_atomic_t interrupt_count = 0;

void on_interrupt(int /*signal*/) { interrupt_count = 1; }

/// A pager reads keys one by one; who only shows lines does not.
bool is_ours() {
  termios mode{};
  return tcgetattr(STDERR_FILENO, &mode) == 0 && (mode.c_lflag & ICANON) != 0;
}

}  // namespace

Progress::Progress()
    : has_terminal_(isatty(STDERR_FILENO) != 0), next_(Clock::now() + kShortWork) {}

void Progress::show(std::string_view text) {
  if (!has_terminal_) return;
  const Clock::time_point now = Clock::now();
  if (now < next_ || !is_ours()) return;
  next_ = now + kRedraw;
  fmt::print(stderr, "\r{}\033[K", text);
  std::fflush(stderr);
  shown_ = true;
}

void Progress::clear() {
  if (!shown_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  shown_ = false;
}

InterruptWatch::InterruptWatch() {
  interrupt_count = 0;
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
}

InterruptWatch::~InterruptWatch() { std::signal(SIGINT, SIG_DFL); }

bool InterruptWatch::interrupted() noexcept { return interrupt_count != 0; }

}  // namespace barid::tools
