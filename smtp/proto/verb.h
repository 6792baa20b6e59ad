// The commands of SMTP as this server knows them, in the order of the session's closing log line.
// Source: RFC 5321 4.1.1, RFC 1985 (ETRN), 3030 (BDAT), 3207 (STARTTLS), 4954 (AUTH).
// Layer:  smtp/proto, pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace barid::smtp {

enum class Verb : uint8_t {
  kHelo = 0,
  kEhlo,
  kXclient,
  kXforward,
  kStarttls,
  kAuth,
  kMail,
  kRcpt,
  kData,
  kBdat,
  kRset,
  kNoop,
  kVrfy,
  kEtrn,
  kQuit,
  kHelp,
  kUnknown,
};
inline constexpr size_t kVerbCount = 17;

/// The verb named by `word`, in any case; kUnknown for everything else.
[[nodiscard]] Verb find_verb(std::string_view word) noexcept;

/// "HELO" … "HELP"; "UNKNOWN" for kUnknown.
[[nodiscard]] std::string_view verb_name(Verb verb) noexcept;

}  // namespace barid::smtp
