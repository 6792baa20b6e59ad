#include "tools/barid/sendmail_options.h"

#include <fmt/format.h>

#include <array>

#include "core/text/ascii.h"

namespace barid::tools {
namespace {

using Mode = SendmailOptions::Mode;

enum class Value : uint8_t {
  kNone,
  kNeeded,    ///< attached, or the next argument
  kAttached,  ///< attached, perhaps empty
};

/// What each letter takes; a letter that is not here does not exist.
constexpr std::array<std::pair<char, Value>, 28> kLetters = {{
    {'A', Value::kNeeded},   {'B', Value::kNeeded}, {'C', Value::kNeeded}, {'F', Value::kNeeded},
    {'G', Value::kNone},     {'I', Value::kNone},   {'L', Value::kNeeded}, {'N', Value::kNeeded},
    {'O', Value::kNeeded},   {'R', Value::kNeeded}, {'U', Value::kNone},   {'V', Value::kNeeded},
    {'X', Value::kNeeded},   {'b', Value::kNeeded}, {'c', Value::kNone},   {'d', Value::kAttached},
    {'e', Value::kAttached}, {'f', Value::kNeeded}, {'h', Value::kNeeded}, {'i', Value::kNone},
    {'m', Value::kNone},     {'n', Value::kNone},   {'o', Value::kNeeded}, {'p', Value::kNeeded},
    {'q', Value::kAttached}, {'r', Value::kNeeded}, {'t', Value::kNone},   {'v', Value::kNone},
}};

std::optional<Value> value_of(char letter) {
  for (const auto& [known, value] : kLetters) {
    if (known == letter) return value;
  }
  return std::nullopt;
}

/// never, or some of failure, delay, success. 0: it is neither.
uint8_t parse_notify(std::string_view text) {
  if (text::equals_ignore_case(text, "never")) return kNotifyNever;
  uint8_t bits = 0;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view word = text::trim(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (text::equals_ignore_case(word, "success"))
      bits |= kNotifySuccess;
    else if (text::equals_ignore_case(word, "failure"))
      bits |= kNotifyFailure;
    else if (text::equals_ignore_case(word, "delay"))
      bits |= kNotifyDelay;
    else
      return 0;
  }
  return bits;
}

class Parser {
 public:
  Parser(std::span<const char* const> arguments, SendmailOptions* options)
      : arguments_(arguments), options_(*options) {}

  /// Empty, or what is wrong.
  std::string run() {
    while (next_ < arguments_.size()) {
      const std::string_view word = arguments_[next_];
      if (word == "--help") {
        options_.mode = Mode::kHelp;
        return {};
      }
      if (word == "--") {
        ++next_;
        break;
      }
      if (word.size() < 2 || word.front() != '-') break;
      ++next_;
      if (std::string problem = take_cluster(word.substr(1)); !problem.empty()) return problem;
    }
    for (; next_ < arguments_.size(); ++next_) options_.recipients.emplace_back(arguments_[next_]);
    return {};
  }

 private:
  std::string take_cluster(std::string_view letters) {
    while (!letters.empty()) {
      const char letter = letters.front();
      letters.remove_prefix(1);
      const std::optional<Value> kind = value_of(letter);
      if (!kind) return fmt::format("unknown option: -{}", letter);
      if (*kind == Value::kNone) {
        take_flag(letter);
        continue;
      }
      std::string_view value = letters;
      if (value.empty() && *kind == Value::kNeeded) {
        if (next_ == arguments_.size()) return fmt::format("option -{} needs a value", letter);
        value = arguments_[next_++];
      }
      return take_value(letter, value);
    }
    return {};
  }

  void take_flag(char letter) {
    if (letter == 't') options_.recipients_in_header = true;
    if (letter == 'i') options_.dot_is_data = true;
    if (letter == 'G') options_.relayed = true;
    if (letter == 'I') options_.mode = Mode::kAliases;
  }

  std::string take_value(char letter, std::string_view value) {
    switch (letter) {
      case 'b':
        return take_mode(value);
      case 'q':
        return take_queue(value);
      case 'o':
        if (value == "i") options_.dot_is_data = true;
        if (value.starts_with('A') && value.size() > 1) {
          options_.alias_files.emplace_back(value.substr(1));
        }
        return {};
      case 'C':
        options_.config_directory = value;
        return {};
      case 'F':
        options_.full_name = value;
        return {};
      case 'f':
      case 'r':
        options_.sender = value == "<>" ? std::string() : std::string(value);
        return {};
      case 'V':
        options_.envid = value;
        return {};
      case 'X':
        if (value.starts_with('V')) options_.verp = value.substr(1);
        return {};
      case 'O':
        if (text::equals_ignore_case(value, "smtputf8")) options_.smtputf8 = true;
        return {};
      default:
        return take_dsn_or_body(letter, value);
    }
  }

  std::string take_dsn_or_body(char letter, std::string_view value) {
    if (letter == 'N') {
      options_.notify = parse_notify(value);
      if (options_.notify == 0) {
        return fmt::format("-N {}: need never, or some of success, failure, delay", value);
      }
    } else if (letter == 'R') {
      if (text::equals_ignore_case(value, "full"))
        options_.dsn_return = DsnReturn::kFull;
      else if (text::equals_ignore_case(value, "hdrs"))
        options_.dsn_return = DsnReturn::kHeaders;
      else
        return fmt::format("-R {}: need full or hdrs", value);
    } else if (letter == 'B') {
      if (text::equals_ignore_case(value, "7BIT"))
        options_.body = BodyType::k7Bit;
      else if (text::equals_ignore_case(value, "8BITMIME"))
        options_.body = BodyType::k8BitMime;
      else
        return fmt::format("-B {}: need 7BIT or 8BITMIME", value);
    }
    return {};  // what else takes a value changes nothing here
  }

  std::string take_mode(std::string_view value) {
    static constexpr std::array<std::pair<char, Mode>, 6> kModes = {{{'m', Mode::kDeliver},
                                                                     {'s', Mode::kSmtp},
                                                                     {'p', Mode::kList},
                                                                     {'i', Mode::kAliases},
                                                                     {'d', Mode::kStart},
                                                                     {'l', Mode::kStart}}};
    if (value == "h" || value == "H") return {};  // host status: there is none to show
    for (const auto& [letter, mode] : kModes) {
      if (value.size() != 1 || value.front() != letter) continue;
      options_.mode = mode;
      return {};
    }
    if (value == "v") return "-bv: addresses cannot be verified without sending";
    return fmt::format("unknown mode: -b{}", value);
  }

  std::string take_queue(std::string_view value) {
    if (value.starts_with('I') || value.starts_with('R')) {
      options_.mode = value.front() == 'I' ? Mode::kFlushId : Mode::kFlushDomain;
      options_.target = value.substr(1);
      return options_.target.empty() ? fmt::format("-q{} needs a value", value) : std::string();
    }
    if (value.starts_with('S')) return "-qS: use `barid queue flush --sender ADDRESS`";
    if (value.empty()) options_.mode = Mode::kFlush;
    return {};  // an interval is for a daemon: the schedule here is exact
  }

  std::span<const char* const> arguments_;
  SendmailOptions& options_;
  size_t next_ = 0;
};

}  // namespace

std::optional<SendmailOptions> parse_sendmail_options(std::span<const char* const> arguments,
                                                      std::string* problem) {
  SendmailOptions options;
  *problem = Parser(arguments, &options).run();
  if (!problem->empty()) return std::nullopt;
  return options;
}

}  // namespace barid::tools
