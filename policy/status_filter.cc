#include "policy/status_filter.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "core/text/ascii.h"

namespace barid::policy {
namespace {

/// "x.y.z" of RFC 3463 2 as a whole word.
std::optional<DsnCode> parse_code(std::string_view word) noexcept {
  DsnCode code;
  const char* position = word.data();
  const char* const end = word.data() + word.size();
  const auto number = [&](auto& value, bool last) {
    const auto parsed = std::from_chars(position, end, value);
    if (parsed.ec != std::errc() || value > 999) return false;
    position = parsed.ptr + (last ? 0 : 1);
    return last ? parsed.ptr == end : parsed.ptr < end && *parsed.ptr == '.';
  };
  uint16_t klass = 0;
  if (!number(klass, false) || !number(code.subject, false) || !number(code.detail, true)) {
    return std::nullopt;
  }
  if (klass != 2 && klass != 4 && klass != 5) return std::nullopt;
  code.klass = static_cast<uint8_t>(klass);
  return code;
}

}  // namespace

std::string StatusFilter::apply(Outcome& outcome) const {
  if (tables_.empty() || outcome.disposition == Disposition::kInDoubt) return {};
  const lookup::LookupResult found = tables_.find(outcome.dsn.text() + " " + outcome.text);
  if (found.is_temporary()) return fmt::format("{}: lookup failed: {}", name_, found.value());
  if (!found.is_found()) return {};
  std::string_view rest = found.value();
  const std::string_view word = text::take_word(rest);
  const std::optional<DsnCode> code = parse_code(word);
  const std::string_view reason = text::trim(rest);
  if (!code || reason.empty()) {
    return fmt::format("{}: \"{}\" is not \"x.y.z text\"", name_, found.value());
  }
  if ((code->klass == 2) != (outcome.disposition == Disposition::kDelivered)) {
    return fmt::format("{}: \"{}\" instead of \"{} {}\": success and failure cannot be exchanged",
                       name_, found.value(), outcome.dsn.text(), outcome.text);
  }
  outcome.dsn = *code;
  outcome.text = reason;
  if (code->klass == 4) outcome.disposition = Disposition::kDeferred;
  if (code->klass == 5) outcome.disposition = Disposition::kFailed;
  return {};
}

}  // namespace barid::policy
