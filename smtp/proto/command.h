// Command lines: the verb and, for MAIL, RCPT and BDAT, the arguments.
// Source: RFC 5321 4.1.1 (commands), 4.1.1.11 (parameters); parameters of RFC 1870 (SIZE), 6152
//         (BODY), 3030 (BINARYMIME, BDAT), 6531 (SMTPUTF8), 3461 (RET, ENVID, NOTIFY, ORCPT), 6710
//         (MT-PRIORITY).
// Layer:  smtp/proto, pure; allocates nothing. Everything parsed borrows the line.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/mail/envelope.h"
#include "smtp/proto/address.h"
#include "smtp/proto/keyword.h"
#include "smtp/proto/verb.h"

namespace barid::smtp {

inline constexpr size_t kEnvidBytesMax = 100;  ///< RFC 3461 4.4, encoded
inline constexpr size_t kOrcptBytesMax = 500;  ///< RFC 3461 4.2, encoded

struct CommandLine {
  Verb verb = Verb::kUnknown;
  std::string_view word;       ///< as written; empty for an empty line
  std::string_view arguments;  ///< without blanks at either end
};

/// Splits a line (CRLF stripped) into verb and arguments. Never fails.
[[nodiscard]] CommandLine split_command(std::string_view line) noexcept;

/// Why arguments were refused; each is one reply of the server.
enum class Fault : uint8_t {
  kNone,
  kSyntax,       ///< not "FROM:<address>" or "TO:<address>"
  kAddress,      ///< the path does not parse
  kUnsupported,  ///< unknown or disabled parameter, or a value that is not supported
  kDuplicate,    ///< a parameter stands twice
  kSize,
  kRet,
  kEnvid,
  kNotify,
  kOrcpt,
  kVerp,  ///< delimiters of XVERP that are not two of those allowed
  kPriority,
  kAuth,         ///< AUTH= that is no xtext
  kDsnDisabled,  ///< a parameter of RFC 3461 while DSN is not announced
};

struct ArgumentFault {
  Fault fault = Fault::kNone;
  std::string_view text;  ///< the path or parameter at fault, as written

  [[nodiscard]] bool none() const noexcept { return fault == Fault::kNone; }
};

struct ArgumentOptions {
  KeywordSet keywords = kKeywordsDefault;   ///< which parameters are enabled
  bool strict = false;                      ///< strict_rfc821_envelopes
  std::string_view verp_delimiters = "+=";  ///< of XVERP without a value
  std::string_view verp_filter = "-=+";     ///< what XVERP's delimiters may be
  bool utf8 = true;                         ///< MAIL: ignored; RCPT: take non-ASCII addresses
  bool strict_smtputf8 = false;             ///< MAIL: non-ASCII addresses only with SMTPUTF8
};

struct MailArguments {
  Address sender;
  uint64_t size = 0;  ///< 0 = not given; saturates for numbers above 64 bits
  BodyType body = BodyType::k7Bit;
  DsnReturn dsn_return = DsnReturn::kNotGiven;
  bool smtputf8 = false;
  int8_t priority = 0;     ///< MT-PRIORITY
  std::string_view envid;  ///< valid xtext, not decoded
  std::string_view auth;   ///< AUTH=, valid xtext, not decoded; "<>" = nobody
  std::string_view verp;   ///< two delimiters, of the line or of the options; empty = no VERP
  std::string_view once;   ///< XONCE=: letters and digits; the message is stored once under it
};

struct RcptArguments {
  Address recipient;
  uint8_t notify = 0;      ///< Notify bits, 0 = not given
  std::string_view orcpt;  ///< "type;xtext", valid, not decoded
};

/// Parses what follows "MAIL".
[[nodiscard]] ArgumentFault parse_mail(std::string_view arguments, const ArgumentOptions& options,
                                       MailArguments& out) noexcept;
/// Parses what follows "RCPT".
[[nodiscard]] ArgumentFault parse_rcpt(std::string_view arguments, const ArgumentOptions& options,
                                       RcptArguments& out) noexcept;

struct BdatArguments {
  uint64_t size = 0;  ///< below 2^63
  bool last = false;
};

/// Parses what follows "BDAT": "count [LAST]". False for anything else, counts from 2^63 included.
[[nodiscard]] bool parse_bdat(std::string_view arguments, BdatArguments& out) noexcept;

}  // namespace barid::smtp
