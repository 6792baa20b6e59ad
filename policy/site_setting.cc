#include "policy/site_setting.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "core/config/values.h"
#include "core/text/ascii.h"

namespace barid::policy {

using schedule::Feedback;
using schedule::SitePolicy;

namespace {

constexpr double kRateMax = 1e6;
constexpr size_t kPoolNameBytesMax = 64;

std::string_view set_number(std::string_view text, uint32_t low, uint32_t* out) {
  const std::optional<int64_t> number = config::parse_int(text);
  if (!number || *number < low || *number > std::numeric_limits<int32_t>::max()) {
    return low == 0 ? "a number, 0 or more" : "a number, 1 or more";
  }
  *out = static_cast<uint32_t>(*number);
  return {};
}

std::string_view set_time(std::string_view text, Duration* out) {
  const auto time = config::parse_time(text, 's');
  if (!time) return "a time such as 10s, 5m or 1h";
  *out = *time;
  return {};
}

std::string_view set_feedback(std::string_view text, Feedback* out) {
  const Result<Feedback> feedback = schedule::parse_feedback(text);
  if (!feedback.ok()) return "x, x/y, x/concurrency or x/sqrt_concurrency, x between 0 and 1";
  *out = *feedback;
  return {};
}

std::string show_feedback(const Feedback& feedback) {
  switch (feedback.divisor) {
    case Feedback::Divisor::kConcurrency:
      return fmt::format("{}/concurrency", feedback.numerator);
    case Feedback::Divisor::kSqrtConcurrency:
      return fmt::format("{}/sqrt_concurrency", feedback.numerator);
    case Feedback::Divisor::kNone:
      break;
  }
  return fmt::to_string(feedback.numerator);
}

std::string show_time(Duration time) {
  return fmt::format("{}s", std::chrono::duration_cast<std::chrono::seconds>(time).count());
}

std::string show_rate(double per_second) {
  if (per_second == 0) return "0";
  if (per_second >= 1) return fmt::format("{:g}/s", per_second);
  if (per_second * 60 >= 1) return fmt::format("{:g}/m", per_second * 60);
  return fmt::format("{:g}/h", per_second * 3600);
}

constexpr SiteSetting kSettings[] = {
    {"concurrency",
     [](std::string_view v, SitePolicy* p) { return set_number(v, 0, &p->window.limit); },
     [](const SitePolicy& p) { return fmt::to_string(p.window.limit); }},
    {"initial_concurrency",
     [](std::string_view v, SitePolicy* p) { return set_number(v, 1, &p->window.initial); },
     [](const SitePolicy& p) { return fmt::to_string(p.window.initial); }},
    {"positive_feedback",
     [](std::string_view v, SitePolicy* p) { return set_feedback(v, &p->window.positive); },
     [](const SitePolicy& p) { return show_feedback(p.window.positive); }},
    {"negative_feedback",
     [](std::string_view v, SitePolicy* p) { return set_feedback(v, &p->window.negative); },
     [](const SitePolicy& p) { return show_feedback(p.window.negative); }},
    {"failed_cohort_limit",
     [](std::string_view v, SitePolicy* p) {
       uint32_t number = 0;
       const std::string_view error = set_number(v, 0, &number);
       if (error.empty()) p->window.failed_cohort_limit = number;
       return error;
     },
     [](const SitePolicy& p) { return fmt::format("{:g}", p.window.failed_cohort_limit); }},
    {"dead_time", [](std::string_view v, SitePolicy* p) { return set_time(v, &p->dead_time); },
     [](const SitePolicy& p) { return show_time(p.dead_time); }},
    {"rate_delay", [](std::string_view v, SitePolicy* p) { return set_time(v, &p->rate_delay); },
     [](const SitePolicy& p) { return show_time(p.rate_delay); }},
    {"rate",
     [](std::string_view v, SitePolicy* p) -> std::string_view {
       const std::optional<double> rate = parse_rate(v);
       if (!rate) return "messages a time such as 10/s, 600/m or 100/h; 0: no limit";
       p->messages_per_second = *rate;
       return {};
     },
     [](const SitePolicy& p) { return show_rate(p.messages_per_second); }},
    {"burst", [](std::string_view v, SitePolicy* p) { return set_number(v, 1, &p->burst); },
     [](const SitePolicy& p) { return fmt::to_string(p.burst); }},
    {"messages_per_connection",
     [](std::string_view v, SitePolicy* p) {
       return set_number(v, 0, &p->messages_per_connection);
     },
     [](const SitePolicy& p) { return fmt::to_string(p.messages_per_connection); }},
    {"recipients",
     [](std::string_view v, SitePolicy* p) { return set_number(v, 0, &p->recipients_per_job); },
     [](const SitePolicy& p) { return fmt::to_string(p.recipients_per_job); }},
    {"pool",
     [](std::string_view v, SitePolicy* p) -> std::string_view {
       if (!v.empty() && !is_pool_name(v)) return "the name of an egress pool";
       p->pool = v;
       return {};
     },
     [](const SitePolicy& p) { return p.pool; }},
};

}  // namespace

std::span<const SiteSetting> site_settings() noexcept { return kSettings; }

const SiteSetting* find_site_setting(std::string_view name) noexcept {
  const auto* found = std::find_if(std::begin(kSettings), std::end(kSettings),
                                   [&](const SiteSetting& s) { return s.name == name; });
  return found == std::end(kSettings) ? nullptr : found;
}

std::optional<double> parse_rate(std::string_view text) noexcept {
  double unit = 1;
  if (const size_t slash = text.find('/'); slash != std::string_view::npos) {
    const std::string_view name = text.substr(slash + 1);
    if (name == "s") {
      unit = 1;
    } else if (name == "m") {
      unit = 60;
    } else if (name == "h") {
      unit = 3600;
    } else if (name == "d") {
      unit = 86400;
    } else {
      return std::nullopt;
    }
    text = text.substr(0, slash);
  }
  double number = 0;
  const auto parsed =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  if (!std::isfinite(number) || number < 0 || number / unit > kRateMax) return std::nullopt;
  // One message in a year is the slowest that means anything; less would overflow its interval.
  if (number > 0 && number / unit < 1.0 / (366 * 86400)) return std::nullopt;
  return number / unit;
}

bool is_pool_name(std::string_view text) noexcept {
  constexpr text::CharSet kAllowed = text::kAlnum | text::CharSet("-_.");
  return !text.empty() && text.size() <= kPoolNameBytesMax && kAllowed.has_all(text);
}

}  // namespace barid::policy
