#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/mail/compose.h"
#include "core/text/ascii.h"
#include "core/text/utf8.h"

namespace barid {
namespace {

constexpr size_t kFieldNameBytesMax = 76;
constexpr size_t kFieldValueBytesMax = 32 * 1024;
constexpr size_t kFileNameBytesMax = 1024;
constexpr text::CharSet kFieldNameChars =
    text::CharSet::range('!', '9') | text::CharSet::range(';', '~');
constexpr text::CharSet kTokenChars = text::kAlnum | text::CharSet("!#$%&'*+-.^_`{|}~");
constexpr text::CharSet kIdChars = text::kAtext | text::CharSet(".@[]:");

/// Written from other members, or by the server.
constexpr std::array<std::string_view, 22> kReserved = {"from",
                                                        "to",
                                                        "cc",
                                                        "bcc",
                                                        "subject",
                                                        "reply-to",
                                                        "mime-version",
                                                        "content-type",
                                                        "content-transfer-encoding",
                                                        "content-disposition",
                                                        "content-id",
                                                        "content-description",
                                                        "received",
                                                        "return-path",
                                                        "dkim-signature",
                                                        "resent-bcc",
                                                        "resent-from",
                                                        "resent-to",
                                                        "resent-cc",
                                                        "delivered-to",
                                                        "authentication-results",
                                                        "x-barid-email-id"};

/// At most once in a message (RFC 5322 3.6, RFC 2369 3, RFC 8058 3.1).
constexpr std::array<std::string_view, 7> kOnce = {
    "date",   "message-id",       "in-reply-to",          "references",
    "sender", "list-unsubscribe", "list-unsubscribe-post"};

/// CR, LF and NUL would start a field of the sender's choice; other controls have no place either.
bool is_line(std::string_view value) noexcept {
  return text::is_valid_utf8(value) && std::none_of(value.begin(), value.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return (byte < 0x20 && c != '\t') || byte == 0x7f;
         });
}

std::optional<CompositionProblem> problem(std::string param, std::string message) {
  return CompositionProblem{.param = std::move(param), .message = std::move(message)};
}

/// "<left@right>" in printable ASCII (RFC 5322 3.6.4).
bool is_message_id(std::string_view value) noexcept {
  constexpr text::CharSet kInner = text::CharSet::range('!', '~');
  constexpr size_t kBytesMax = 255;
  if (value.size() > kBytesMax || !value.starts_with('<') || !value.ends_with('>')) return false;
  value = value.substr(1, value.size() - 2);
  const size_t at = value.find('@');
  return kInner.has_all(value) && value.find_first_of("<>") == std::string_view::npos &&
         at != std::string_view::npos && at > 0 && at + 1 < value.size();
}

std::optional<CompositionProblem> check_field(const ComposedField& field) {
  const std::string param = "headers." + field.name.substr(0, kFieldNameBytesMax);
  if (field.name.empty() || field.name.size() > kFieldNameBytesMax ||
      !kFieldNameChars.has_all(field.name)) {
    return problem("headers", "a header name has characters that no header name has");
  }
  const bool reserved = std::any_of(kReserved.begin(), kReserved.end(), [&](std::string_view name) {
    return text::equals_ignore_case(name, field.name);
  });
  if (reserved) return problem(param, fmt::format("the header {} cannot be set here", field.name));
  if (!is_line(field.value)) {
    return problem(param, "a header value must be one line without control characters");
  }
  if (field.value.size() > kFieldValueBytesMax) return problem(param, "the value is too long");
  if (text::equals_ignore_case(field.name, "Message-ID") && !is_message_id(field.value)) {
    return problem(param, "must be <id@domain>");
  }
  return std::nullopt;
}

/// Names differ in JSON that are one in a header.
std::optional<CompositionProblem> check_twins(const Composition& composition) {
  for (const std::string_view name : kOnce) {
    const bool written = name.starts_with("list-unsubscribe") &&
                         !(composition.unsubscribe_url + composition.unsubscribe_mailto).empty();
    size_t count = written ? 1 : 0;
    for (const ComposedField& field : composition.fields) {
      if (!text::equals_ignore_case(field.name, name) || ++count == 1) continue;
      return problem("headers." + field.name,
                     written ? "cannot be given beside `unsubscribe`" : "it stands twice");
    }
  }
  return std::nullopt;
}

/// What follows a media type: "; name=value" or "; name=\"quoted\"", any number of them.
bool are_parameters(std::string_view rest) noexcept {
  while (!(rest = text::trim_left(rest)).empty()) {
    if (rest.front() != ';') return false;
    rest = text::trim_left(rest.substr(1));
    const size_t name_end = std::min(rest.find('='), rest.size());
    if (name_end == 0 || !kTokenChars.has_all(rest.substr(0, name_end))) return false;
    rest.remove_prefix(std::min(name_end + 1, rest.size()));
    size_t end = 0;
    if (rest.starts_with('"')) {
      for (end = 1; end < rest.size() && rest[end] != '"'; ++end) end += rest[end] == '\\' ? 1 : 0;
      if (end++ >= rest.size()) return false;
    } else {
      while (end < rest.size() && kTokenChars.has(rest[end])) ++end;
      if (end == 0) return false;
    }
    rest.remove_prefix(end);
  }
  return true;
}

bool is_content_type(std::string_view type) noexcept {
  const size_t end = std::min(type.find(';'), type.size());
  const std::string_view name = text::trim(type.substr(0, end));
  const size_t slash = name.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == name.size()) return false;
  return kTokenChars.has_all(name.substr(0, slash)) &&
         kTokenChars.has_all(name.substr(slash + 1)) && type.size() <= 255 &&
         text::is_ascii(type) && are_parameters(type.substr(end));
}

std::optional<CompositionProblem> check_file(const AttachedFile& file, size_t index) {
  const std::string param = fmt::format("attachments.{}", index);
  if (!is_line(file.filename) || file.filename.size() > kFileNameBytesMax) {
    return problem(param + ".filename", "a file name must be one short line");
  }
  if (!file.content_type.empty() &&
      (!is_line(file.content_type) || !is_content_type(file.content_type))) {
    return problem(param + ".content_type", "is no media type");
  }
  if (file.content_id.size() > 255 || !kIdChars.has_all(file.content_id)) {
    return problem(param + ".content_id", "has characters that a content id cannot have");
  }
  return std::nullopt;
}

std::optional<CompositionProblem> check_mailboxes(std::string_view param,
                                                  const std::vector<Mailbox>& mailboxes) {
  for (const Mailbox& mailbox : mailboxes) {
    if (!is_line(mailbox.name) || !is_line(mailbox.local) || !is_line(mailbox.domain)) {
      return problem(std::string(param), "an address must be one line without control characters");
    }
  }
  return std::nullopt;
}

std::optional<CompositionProblem> check_unsubscribe(const Composition& composition) {
  constexpr text::CharSet kUri = text::CharSet::range('!', '~');
  const std::string& url = composition.unsubscribe_url;
  const bool web = text::starts_with_ignore_case(url, "https://") ||
                   text::starts_with_ignore_case(url, "http://");
  if (!url.empty() && (!web || !kUri.has_all(url) ||
                       url.find_first_of("<>,") != std::string::npos || url.size() > 2000)) {
    return problem("unsubscribe.url", "must be an http or https URL");
  }
  const std::string& mailto = composition.unsubscribe_mailto;
  if (!mailto.empty() &&
      (!kUri.has_all(mailto) || mailto.size() > 900 ||
       mailto.find_first_of("<>,") != std::string::npos || mailto.find('@') == std::string::npos)) {
    return problem("unsubscribe.mailto", "must be an address or a mailto URI");
  }
  if (composition.unsubscribe_one_click && !text::starts_with_ignore_case(url, "https://")) {
    return problem("unsubscribe.one_click", "needs an https URL");
  }
  return std::nullopt;
}

}  // namespace

std::optional<CompositionProblem> find_problem(const Composition& composition) {
  if (!is_line(composition.subject)) {
    return problem("subject", "must be one line without control characters");
  }
  if (composition.subject.size() > kFieldValueBytesMax) return problem("subject", "is too long");
  if (auto found = check_mailboxes("from", {composition.from})) return found;
  if (auto found = check_mailboxes("to", composition.to)) return found;
  if (auto found = check_mailboxes("cc", composition.cc)) return found;
  if (auto found = check_mailboxes("reply_to", composition.reply_to)) return found;
  for (const ComposedField& field : composition.fields) {
    if (auto found = check_field(field)) return found;
  }
  if (auto found = check_twins(composition)) return found;
  for (size_t i = 0; i < composition.files.size(); ++i) {
    if (auto found = check_file(composition.files[i], i)) return found;
  }
  return check_unsubscribe(composition);
}

bool needs_smtputf8(const Composition& composition) noexcept {
  const auto is_plain = [](const Mailbox& mailbox) {
    return text::is_ascii(mailbox.local) && text::is_ascii(mailbox.domain);
  };
  const auto are_plain = [&](const std::vector<Mailbox>& mailboxes) {
    return std::all_of(mailboxes.begin(), mailboxes.end(), is_plain);
  };
  return !(is_plain(composition.from) && are_plain(composition.to) && are_plain(composition.cc) &&
           are_plain(composition.reply_to));
}

}  // namespace barid
