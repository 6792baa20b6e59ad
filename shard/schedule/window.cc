#include "shard/schedule/window.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/text/ascii.h"

namespace barid::schedule {
namespace {

/// Sums of thirds and fifths must reach 1: 3 * (1.0 / 3) style errors are far below this.
constexpr double kEpsilon = 1e-9;

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool parse_number(std::string_view text, double* out) noexcept {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), *out);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

}  // namespace

double Feedback::of(uint32_t window) const noexcept {
  switch (divisor) {
    case Divisor::kConcurrency:
      return numerator / window;
    case Divisor::kSqrtConcurrency:
      return numerator / std::sqrt(static_cast<double>(window));
    case Divisor::kNone:
      break;
  }
  return numerator;
}

Result<Feedback> parse_feedback(std::string_view text) noexcept {
  const size_t slash = text.find('/');
  Feedback feedback;
  if (!parse_number(trimmed(text.substr(0, slash)), &feedback.numerator)) {
    return Error{.code = Code::kMalformed};
  }
  if (slash != std::string_view::npos) {
    const std::string_view divisor = trimmed(text.substr(slash + 1));
    double number = 0;
    if (divisor == "concurrency") {
      feedback.divisor = Feedback::Divisor::kConcurrency;
    } else if (divisor == "sqrt_concurrency") {
      feedback.divisor = Feedback::Divisor::kSqrtConcurrency;
    } else if (parse_number(divisor, &number) && number > 0) {
      feedback.numerator /= number;
    } else {
      return Error{.code = Code::kMalformed};
    }
  }
  if (!(feedback.numerator >= 0 && feedback.numerator <= 1)) return Error{.code = Code::kMalformed};
  return feedback;
}

void Window::restart(const WindowPolicy& policy, uint32_t busy) noexcept {
  size_ = busy > 0 ? busy : std::max(policy.initial, 1u);
  if (policy.limit > 0) size_ = std::min(size_, policy.limit);
  success_ = failure_ = failed_cohorts_ = 0;
}

void Window::clamp_to(const WindowPolicy& policy) noexcept {
  if (policy.limit > 0) size_ = std::min(size_, policy.limit);
}

void Window::on_success(const WindowPolicy& policy, uint32_t busy) noexcept {
  failed_cohorts_ = 0;
  if (dead()) {
    restart(policy, busy);
    return;
  }
  if (policy.limit > 0 && size_ >= policy.limit) return;
  if (size_ >= busy + policy.initial) return;  // never far ahead of what is really used
  const double step = policy.positive.of(size_);
  success_ += step;
  while (step > 0 && success_ + step / 2 >= 1 - kEpsilon) {
    ++size_;
    success_ -= 1;
    failure_ = 0;
  }
  clamp_to(policy);
}

bool Window::on_failure(const WindowPolicy& policy) noexcept {
  if (dead()) return false;
  failed_cohorts_ += 1.0 / size_;
  if (policy.failed_cohort_limit > 0 && failed_cohorts_ >= policy.failed_cohort_limit - kEpsilon) {
    size_ = 0;
    return true;
  }
  const double step = policy.negative.of(size_);
  failure_ -= step;
  while (failure_ - step / 2 < -kEpsilon && step > 0) {  // the drop is at the start of a cycle
    --size_;
    success_ = 0;
    failure_ += 1;
    if (size_ == 0) break;
  }
  size_ = std::max(size_, 1u);
  return false;
}

}  // namespace barid::schedule
