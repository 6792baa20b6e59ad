#include "smtp/proto/command.h"

#include <array>
#include <limits>

#include "core/text/ascii.h"
#include "core/text/cursor.h"
#include "core/text/utf8.h"
#include "core/text/xtext.h"

namespace barid::smtp {
namespace {

using text::equals_ignore_case;

constexpr text::CharSet kAddressTypeChars = text::kAlnum | text::CharSet("-");

/// Whether a parameter has a value behind "=".
enum class Value : uint8_t { kNone, kRequired, kOptional };

/// A parameter of MAIL or RCPT: what must be enabled for it, and who reads its value.
template <typename Arguments>
struct ParameterRule {
  std::string_view name;
  KeywordSet needs;  ///< any of these; 0 = always enabled
  Fault when_disabled;
  Value value;
  Fault (*read)(std::string_view value, const ArgumentOptions& options, Arguments& out) noexcept;
};

// RFC 1870 6: up to 20 digits. A number that does not fit is certainly above any limit.
Fault read_size(std::string_view value, const ArgumentOptions&, MailArguments& out) noexcept {
  if (value.empty() || value.size() > 20 || !text::kDigits.has_all(value)) return Fault::kSize;
  text::Cursor in(value);
  out.size = in.number(std::numeric_limits<uint64_t>::max());
  if (in.failed()) out.size = std::numeric_limits<uint64_t>::max();
  return Fault::kNone;
}

Fault read_body(std::string_view value, const ArgumentOptions& options,
                MailArguments& out) noexcept {
  const bool mime8 = (options.keywords & kKeyword8BitMime) != 0;
  const bool binary = (options.keywords & kKeywordBinaryMime) != 0;
  if (equals_ignore_case(value, "7BIT")) {
    out.body = BodyType::k7Bit;
  } else if (mime8 && equals_ignore_case(value, "8BITMIME")) {
    out.body = BodyType::k8BitMime;
  } else if (binary && equals_ignore_case(value, "BINARYMIME")) {
    out.body = BodyType::kBinaryMime;
  } else {
    return Fault::kUnsupported;
  }
  return Fault::kNone;
}

Fault read_smtputf8(std::string_view, const ArgumentOptions&, MailArguments& out) noexcept {
  out.smtputf8 = true;
  return Fault::kNone;
}

Fault read_ret(std::string_view value, const ArgumentOptions&, MailArguments& out) noexcept {
  if (equals_ignore_case(value, "FULL")) {
    out.dsn_return = DsnReturn::kFull;
  } else if (equals_ignore_case(value, "HDRS")) {
    out.dsn_return = DsnReturn::kHeaders;
  } else {
    return Fault::kRet;
  }
  return Fault::kNone;
}

Fault read_envid(std::string_view value, const ArgumentOptions&, MailArguments& out) noexcept {
  if (value.empty() || value.size() > kEnvidBytesMax || !text::is_xtext(value)) {
    return Fault::kEnvid;
  }
  out.envid = value;
  return Fault::kNone;
}

// RFC 6710 3: ["-"] a digit that is not 0, or "0".
Fault read_priority(std::string_view value, const ArgumentOptions&, MailArguments& out) noexcept {
  const bool negative = value.starts_with('-');
  const std::string_view digits = value.substr(negative ? 1 : 0);
  if (digits.size() != 1 || !text::kDigits.has(digits[0])) return Fault::kPriority;
  if (negative && digits[0] == '0') return Fault::kPriority;
  const int number = digits[0] - '0';
  static_assert(kPriorityMax == 9 && kPriorityMin == -9);
  out.priority = static_cast<int8_t>(negative ? -number : number);
  return Fault::kNone;
}

// RFC 4954 5: an address in xtext, or <>.
Fault read_auth(std::string_view value, const ArgumentOptions&, MailArguments& out) noexcept {
  if (value.empty() || (value != "<>" && !text::is_xtext(value))) return Fault::kAuth;
  out.auth = value;
  return Fault::kNone;
}

// Postfix's XVERP[=xy]: the delimiters of the senders that say whom a bounce is about.
Fault read_xverp(std::string_view value, const ArgumentOptions& options,
                 MailArguments& out) noexcept {
  if (value.data() == nullptr) value = options.verp_delimiters;  // bare XVERP
  const bool allowed = value.size() == 2 &&
                       options.verp_filter.find(value[0]) != std::string_view::npos &&
                       options.verp_filter.find(value[1]) != std::string_view::npos;
  if (!allowed) return Fault::kVerp;
  out.verp = value;
  return Fault::kNone;
}

// Our own: what makes a submission that is repeated after a crash the same one.
Fault read_once(std::string_view value, const ArgumentOptions&, MailArguments& out) noexcept {
  constexpr size_t kBytesMax = 64;
  if (value.empty() || value.size() > kBytesMax || !text::kAlnum.has_all(value)) {
    return Fault::kUnsupported;
  }
  out.once = value;
  return Fault::kNone;
}

// RFC 3461 4.1: NEVER alone, or a list of the others.
Fault read_notify(std::string_view value, const ArgumentOptions&, RcptArguments& out) noexcept {
  uint8_t set = 0;
  for (;;) {
    const size_t comma = value.find(',');
    const std::string_view word = value.substr(0, comma);
    if (equals_ignore_case(word, "NEVER")) {
      set |= kNotifyNever;
    } else if (equals_ignore_case(word, "SUCCESS")) {
      set |= kNotifySuccess;
    } else if (equals_ignore_case(word, "FAILURE")) {
      set |= kNotifyFailure;
    } else if (equals_ignore_case(word, "DELAY")) {
      set |= kNotifyDelay;
    } else {
      return Fault::kNotify;
    }
    if (comma == std::string_view::npos) break;
    value.remove_prefix(comma + 1);
  }
  if ((set & kNotifyNever) != 0 && set != kNotifyNever) return Fault::kNotify;
  out.notify = set;
  return Fault::kNone;
}

// RFC 3461 4.2: addr-type ";" xtext. RFC 6533 3: type "utf-8" may hold UTF-8 as it is. The grammar
// lets the type be any atom, "+0A" included; registered types are letters, digits and hyphens, and
// with only these the whole value can be decoded as xtext without anything coming out of the type.
Fault read_orcpt(std::string_view value, const ArgumentOptions& options,
                 RcptArguments& out) noexcept {
  const size_t semicolon = value.find(';');
  if (value.size() > kOrcptBytesMax || semicolon == std::string_view::npos) return Fault::kOrcpt;
  const std::string_view type = value.substr(0, semicolon);
  const std::string_view address = value.substr(semicolon + 1);
  if (type.empty() || !kAddressTypeChars.has_all(type) || address.empty()) return Fault::kOrcpt;
  const bool utf8 = options.utf8 && equals_ignore_case(type, "utf-8");
  if (!text::is_xtext(address, {.utf8 = utf8})) return Fault::kOrcpt;
  out.orcpt = value;
  return Fault::kNone;
}

constexpr std::array kMailParameters = {
    ParameterRule<MailArguments>{"SIZE", 0, Fault::kUnsupported, Value::kRequired, read_size},
    ParameterRule<MailArguments>{"BODY", kKeyword8BitMime | kKeywordBinaryMime, Fault::kUnsupported,
                                 Value::kRequired, read_body},
    ParameterRule<MailArguments>{"SMTPUTF8", kKeywordSmtpUtf8, Fault::kUnsupported, Value::kNone,
                                 read_smtputf8},
    ParameterRule<MailArguments>{"RET", kKeywordDsn, Fault::kDsnDisabled, Value::kRequired,
                                 read_ret},
    ParameterRule<MailArguments>{"ENVID", kKeywordDsn, Fault::kDsnDisabled, Value::kRequired,
                                 read_envid},
    ParameterRule<MailArguments>{"AUTH", kKeywordAuth, Fault::kUnsupported, Value::kRequired,
                                 read_auth},
    ParameterRule<MailArguments>{"MT-PRIORITY", kKeywordMtPriority, Fault::kUnsupported,
                                 Value::kRequired, read_priority},
    ParameterRule<MailArguments>{"XVERP", kKeywordXverp, Fault::kUnsupported, Value::kOptional,
                                 read_xverp},
    ParameterRule<MailArguments>{"XONCE", kKeywordOnce, Fault::kUnsupported, Value::kRequired,
                                 read_once},
};
constexpr std::array kRcptParameters = {
    ParameterRule<RcptArguments>{"NOTIFY", kKeywordDsn, Fault::kDsnDisabled, Value::kRequired,
                                 read_notify},
    ParameterRule<RcptArguments>{"ORCPT", kKeywordDsn, Fault::kDsnDisabled, Value::kRequired,
                                 read_orcpt},
};

// A parameter that is unknown or stands twice ends the reading, so their number needs no limit.
template <typename Arguments, size_t kCount>
ArgumentFault read_parameters(std::string_view rest, const ArgumentOptions& options,
                              const std::array<ParameterRule<Arguments>, kCount>& rules,
                              Arguments& out) noexcept {
  uint32_t seen = 0;
  for (;;) {
    const std::string_view word = text::take_word(rest);
    if (word.empty()) return {};
    const size_t equals = word.find('=');
    const bool has_value = equals != std::string_view::npos;
    const std::string_view name = word.substr(0, equals);
    const std::string_view value = has_value ? word.substr(equals + 1) : std::string_view();
    size_t index = 0;
    while (index < kCount && !equals_ignore_case(name, rules[index].name)) ++index;
    if (index == kCount) return {Fault::kUnsupported, word};
    const ParameterRule<Arguments>& rule = rules[index];
    if (rule.needs != 0 && (options.keywords & rule.needs) == 0) return {rule.when_disabled, word};
    const bool value_fits =
        rule.value == Value::kOptional || has_value == (rule.value == Value::kRequired);
    if (!value_fits) {
      const Fault fault = has_value ? Fault::kUnsupported : rule.read({}, options, out);
      return {fault == Fault::kNone ? Fault::kUnsupported : fault, word};
    }
    if ((seen & (1u << index)) != 0) return {Fault::kDuplicate, name};
    seen |= 1u << index;
    const Fault fault = rule.read(value, options, out);
    if (fault != Fault::kNone) return {fault, word};
  }
}

/// Strips "FROM:" or "TO:"; false if it, or anything behind it, is missing.
bool take_keyword(std::string_view& arguments, std::string_view keyword, bool strict) noexcept {
  if (!text::starts_with_ignore_case(arguments, keyword)) return false;
  arguments.remove_prefix(keyword.size());
  if (!strict) arguments = text::trim_left(arguments);
  return !arguments.empty();
}

}  // namespace

CommandLine split_command(std::string_view line) noexcept {
  CommandLine command;
  command.word = text::take_word(line);
  command.arguments = text::trim(line);
  command.verb = find_verb(command.word);
  return command;
}

ArgumentFault parse_mail(std::string_view arguments, const ArgumentOptions& options,
                         MailArguments& out) noexcept {
  out = {};
  if (!take_keyword(arguments, "FROM:", options.strict)) return {Fault::kSyntax, arguments};
  const bool utf8 = (options.keywords & kKeywordSmtpUtf8) != 0;
  const Result<Path> path =
      parse_path(arguments, {.strict = options.strict, .utf8 = utf8, .allow_null = true});
  if (!path.ok()) return {Fault::kAddress, arguments};
  out.sender = path->address;
  const ArgumentFault fault = read_parameters(path->rest, options, kMailParameters, out);
  if (!fault.none()) return fault;
  if (out.sender.utf8 && options.strict_smtputf8 && !out.smtputf8) {
    return {Fault::kAddress, arguments};
  }
  return {};
}

ArgumentFault parse_rcpt(std::string_view arguments, const ArgumentOptions& options,
                         RcptArguments& out) noexcept {
  out = {};
  if (!take_keyword(arguments, "TO:", options.strict)) return {Fault::kSyntax, arguments};
  const Result<Path> path = parse_path(arguments, {.strict = options.strict, .utf8 = options.utf8});
  if (!path.ok()) return {Fault::kAddress, arguments};
  out.recipient = path->address;
  return read_parameters(path->rest, options, kRcptParameters, out);
}

bool parse_bdat(std::string_view arguments, BdatArguments& out) noexcept {
  const std::string_view count = text::take_word(arguments);
  const std::string_view last = text::take_word(arguments);
  if (!text::trim_left(arguments).empty()) return false;
  text::Cursor in(count);
  out.size = in.number(static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));
  if (in.failed() || !in.at_end()) return false;
  out.last = !last.empty();
  return last.empty() || equals_ignore_case(last, "LAST");
}

}  // namespace barid::smtp
