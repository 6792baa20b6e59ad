#include "bench/cli_util.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <cstring>

#include "core/base/rng.h"

namespace barid::bench {

Result<Duration> parse_duration(std::string_view text) noexcept {
  const Error malformed{.code = Code::kMalformed, .text = "a duration is 250ms, 5s, 2m or 1h"};
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || number < 0 || number > 1e9) return malformed;
  const std::string_view unit(after, static_cast<size_t>(end - after));
  double seconds = 0;
  if (unit.empty() || unit == "s")
    seconds = number;
  else if (unit == "ms")
    seconds = number / 1000;
  else if (unit == "m")
    seconds = number * 60;
  else if (unit == "h")
    seconds = number * 3600;
  else
    return malformed;
  if (seconds > 1e9) return malformed;
  return Duration(static_cast<int64_t>(seconds * 1e9));
}

std::string error_text(const Error& error) {
  std::string text = error.text != nullptr ? error.text : code_name(error.code);
  if (error.error_number != 0) text += fmt::format(": {}", std::strerror(error.error_number));
  return text;
}

std::string make_run_name() {
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  Rng rng(static_cast<uint64_t>(now) ^ static_cast<uint64_t>(::getpid()) << 40);
  constexpr std::string_view kLetters = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string name;
  for (int i = 0; i < 8; ++i) name += kLetters[rng.below(kLetters.size())];
  return name;
}

void raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace barid::bench
