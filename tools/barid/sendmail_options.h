// The command line of sendmail(1): what it means, without doing it.
// Source: Postfix's sendmail(1).
// Layer:  tools, pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/mail/envelope.h"

namespace barid::tools {

struct SendmailOptions {
  enum class Mode : uint8_t {
    kDeliver,      ///< -bm: a message from standard input
    kSmtp,         ///< -bs: SMTP on standard input and output
    kList,         ///< -bp
    kAliases,      ///< -bi, -I
    kStart,        ///< -bd, -bl
    kFlush,        ///< -q
    kFlushId,      ///< -qI id
    kFlushDomain,  ///< -qR domain
    kHelp,
  };
  Mode mode = Mode::kDeliver;
  std::string config_directory;       ///< -C
  bool recipients_in_header = false;  ///< -t
  bool dot_is_data = false;           ///< -i, -oi
  bool relayed = false;               ///< -G: no field is added
  std::optional<std::string> sender;  ///< -f, -r; "" = the null sender
  std::string full_name;              ///< -F
  uint8_t notify = 0;                 ///< -N, Notify bits
  DsnReturn dsn_return = DsnReturn::kNotGiven;
  std::string envid;                ///< -V
  std::optional<std::string> verp;  ///< -XV: its delimiters, "" = the configured ones
  std::optional<BodyType> body;     ///< -B; else as the content is
  bool smtputf8 = false;            ///< -O smtputf8
  std::string target;               ///< of kFlushId and kFlushDomain
  std::vector<std::string> recipients;
  std::vector<std::string> alias_files;  ///< -oA
};

/// Options in any of sendmail's forms: clustered, with the value attached or not. Nullopt:
/// `problem` says why.
[[nodiscard]] std::optional<SendmailOptions> parse_sendmail_options(
    std::span<const char* const> arguments, std::string* problem);

}  // namespace barid::tools
