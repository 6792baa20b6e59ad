#include "smtp/proto/verb.h"

#include <array>

#include "core/text/ascii.h"

namespace barid::smtp {
namespace {

constexpr std::array<std::string_view, kVerbCount> kNames = {
    "HELO", "EHLO", "XCLIENT", "XFORWARD", "STARTTLS", "AUTH", "MAIL", "RCPT",   "DATA",
    "BDAT", "RSET", "NOOP",    "VRFY",     "ETRN",     "QUIT", "HELP", "UNKNOWN"};

// Up to eight characters in one integer, upper case, so that a name is compared at once. Setting
// the case bit the other way round would confuse characters such as '@' and '`', hence to_upper.
constexpr uint64_t pack(std::string_view word) noexcept {
  uint64_t packed = 0;
  for (const char c : word) {
    packed = packed << 8 | static_cast<unsigned char>(text::to_upper(c));
  }
  return packed;
}

constexpr auto kPacked = [] {
  std::array<uint64_t, kVerbCount> packed{};
  for (size_t i = 0; i < kVerbCount; ++i) packed[i] = pack(kNames[i]);
  return packed;
}();

}  // namespace

Verb find_verb(std::string_view word) noexcept {
  if (word.size() < 4 || word.size() > 8) return Verb::kUnknown;
  const uint64_t wanted = pack(word);
  for (size_t i = 0; i < static_cast<size_t>(Verb::kUnknown); ++i) {
    if (kPacked[i] == wanted) return static_cast<Verb>(i);
  }
  return Verb::kUnknown;
}

std::string_view verb_name(Verb verb) noexcept { return kNames[static_cast<size_t>(verb)]; }

}  // namespace barid::smtp
