#include "policy/access_action.h"

#include <array>

#include "core/text/ascii.h"

namespace barid::policy {
namespace {

using Verb = AccessAction::Verb;

struct Name {
  std::string_view text;
  Verb verb;
};
constexpr std::array kNames = {
    Name{"OK", Verb::kOk},
    Name{"RELAY", Verb::kOk},
    Name{"DUNNO", Verb::kDunno},
    Name{"REJECT", Verb::kReject},
    Name{"DEFER", Verb::kDefer},
    Name{"DEFER_IF_PERMIT", Verb::kDeferIfPermit},
    Name{"DEFER_IF_REJECT", Verb::kDeferIfReject},
    Name{"WARN", Verb::kWarn},
    Name{"INFO", Verb::kInfo},
    Name{"DISCARD", Verb::kDiscard},
    Name{"REDIRECT", Verb::kRedirect},
    Name{"BCC", Verb::kBcc},
    Name{"PREPEND", Verb::kPrepend},
    Name{"HOLD", Verb::kBad},
    Name{"FILTER", Verb::kBad},
};

constexpr bool takes_status(Verb verb) noexcept {
  return verb == Verb::kReject || verb == Verb::kDefer || verb == Verb::kReply ||
         verb == Verb::kDeferIfPermit || verb == Verb::kDeferIfReject;
}

/// "5.7.1" at the start of the text: a digit, and two numbers of up to three digits.
void take_status(AccessAction& action) noexcept {
  std::string_view rest = action.text;
  const std::string_view word = text::take_word(rest);
  if (word.size() < 5 || word[0] < '2' || word[0] > '5' || word[1] != '.') return;
  const size_t dot = word.find('.', 2);
  if (dot == std::string_view::npos) return;
  const std::string_view subject = word.substr(2, dot - 2);
  const std::string_view detail = word.substr(dot + 1);
  for (const std::string_view part : {subject, detail}) {
    if (part.empty() || part.size() > 3 || !text::kDigits.has_all(part)) return;
  }
  action.status = word;
  action.text = text::trim(rest);
}

/// A header line that may be put into a message: "Name: value", without control characters.
bool is_header_line(std::string_view line) noexcept {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  for (size_t i = 0; i < line.size(); ++i) {
    const auto byte = static_cast<unsigned char>(line[i]);
    if (byte < ' ' && byte != '\t') return false;
    if (byte == 0x7f || (i < colon && (byte <= ' ' || byte > 0x7f))) return false;
  }
  return true;
}

bool is_address(std::string_view text) noexcept {
  const size_t at = text.rfind('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == text.size()) return false;
  return text.find_first_of(" \t\r\n<>") == std::string_view::npos;
}

}  // namespace

AccessAction parse_access_action(std::string_view value) noexcept {
  AccessAction action;
  std::string_view rest = value;
  const std::string_view word = text::take_word(rest);
  action.text = text::trim(rest);
  if (!word.empty() && text::kDigits.has_all(word)) {
    const bool is_code = word.size() == 3 && (word[0] == '4' || word[0] == '5');
    action.verb = is_code ? Verb::kReply : Verb::kOk;
    if (is_code) {
      action.code =
          static_cast<uint16_t>((word[0] - '0') * 100 + (word[1] - '0') * 10 + (word[2] - '0'));
    }
  } else {
    for (const Name& name : kNames) {
      if (text::equals_ignore_case(name.text, word)) action.verb = name.verb;
    }
  }
  if (takes_status(action.verb)) take_status(action);
  const bool needs_address = action.verb == Verb::kRedirect || action.verb == Verb::kBcc;
  if (needs_address && !is_address(action.text)) action.verb = Verb::kBad;
  if (action.verb == Verb::kPrepend && !is_header_line(action.text)) action.verb = Verb::kBad;
  return action;
}

}  // namespace barid::policy
