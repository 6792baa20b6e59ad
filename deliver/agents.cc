#include "deliver/agents.h"

#include <charconv>
#include <optional>

#include "core/text/ascii.h"

namespace barid {
namespace {

struct StatusText {
  std::optional<DsnCode> code;
  std::string_view text;
};

/// Reads "x.y.z" (RFC 3463 2: class 2, 4 or 5, then up to three digits each) from the whole `word`.
std::optional<DsnCode> parse_code(std::string_view word) noexcept {
  if (word.size() < 5 || word[1] != '.') return std::nullopt;
  if (word[0] != '2' && word[0] != '4' && word[0] != '5') return std::nullopt;
  DsnCode code{.klass = static_cast<uint8_t>(word[0] - '0')};
  const char* const end = word.data() + word.size();
  const auto subject = std::from_chars(word.data() + 2, end, code.subject);
  if (subject.ec != std::errc() || subject.ptr == end || *subject.ptr != '.') return std::nullopt;
  const auto detail = std::from_chars(subject.ptr + 1, end, code.detail);
  if (detail.ec != std::errc() || detail.ptr != end) return std::nullopt;
  if (code.subject > 999 || code.detail > 999) return std::nullopt;
  return code;
}

StatusText split(std::string_view next_hop) noexcept {
  std::string_view rest = next_hop;
  const std::optional<DsnCode> code = parse_code(text::take_word(rest));
  return {code, text::trim(code ? rest : next_hop)};
}

// Another class in the text would contradict what the agent does.
Outcome decided(Disposition disposition, uint8_t klass, std::string_view next_hop,
                std::string_view default_text) {
  const StatusText status = split(next_hop);
  const bool agrees = status.code && status.code->klass == klass;
  return Outcome{.disposition = disposition,
                 .dsn = agrees ? *status.code : DsnCode{.klass = klass},
                 .text = std::string(status.text.empty() ? default_text : status.text),
                 .relay = "none"};
}

}  // namespace

Outcome error_outcome(std::string_view next_hop) {
  return decided(Disposition::kFailed, 5, next_hop, "mail to this address is refused");
}

Outcome retry_outcome(std::string_view next_hop) {
  return decided(Disposition::kDeferred, 4, next_hop, "mail to this address is deferred");
}

Outcome discard_outcome(std::string_view next_hop) {
  return decided(Disposition::kDelivered, 2, next_hop, "discarded");
}

}  // namespace barid
