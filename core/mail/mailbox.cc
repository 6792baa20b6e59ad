#include "core/mail/mailbox.h"

#include "core/text/ascii.h"
#include "core/text/utf8.h"

namespace barid {
namespace {

constexpr size_t kLocalBytesMax = 64;
constexpr size_t kDomainBytesMax = 255;
constexpr size_t kAddressBytesMax = 254;
constexpr size_t kLabelBytesMax = 63;
constexpr text::CharSet kHigh = text::CharSet::range('\x80', '\xff');
constexpr text::CharSet kLocalChars = text::kAtext | kHigh;
constexpr text::CharSet kLabelChars = text::kAlnum | text::CharSet("-_") | kHigh;

bool has_control(std::string_view value) noexcept {
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return true;
  }
  return false;
}

bool is_quoted_local(std::string_view local) noexcept {
  if (local.size() < 2 || local.front() != '"' || local.back() != '"') return false;
  local = local.substr(1, local.size() - 2);
  for (size_t i = 0; i < local.size(); ++i) {
    if (local[i] == '"') return false;
    if (local[i] == '\\' && ++i == local.size()) return false;
  }
  return true;
}

bool is_dot_string(std::string_view value, const text::CharSet& allowed) noexcept {
  bool after_dot = true;
  for (const char c : value) {
    if (c == '.') {
      if (after_dot) return false;
      after_dot = true;
    } else {
      if (!allowed.has(c)) return false;
      after_dot = false;
    }
  }
  return !after_dot;
}

bool is_domain(std::string_view domain) noexcept {
  if (domain.empty() || domain.size() > kDomainBytesMax) return false;
  if (domain.front() == '[') {
    constexpr text::CharSet kLiteral = text::kAlnum | text::CharSet(".:");
    return domain.size() > 2 && domain.back() == ']' &&
           kLiteral.has_all(domain.substr(1, domain.size() - 2));
  }
  if (!is_dot_string(domain, kLabelChars)) return false;
  for (std::string_view rest = domain; !rest.empty();) {
    const size_t dot = rest.find('.');
    const std::string_view label = rest.substr(0, dot);
    const bool ascii = text::is_ascii(label);
    if (ascii && (label.size() > kLabelBytesMax || label.front() == '-' || label.back() == '-')) {
      return false;
    }
    rest.remove_prefix(dot == std::string_view::npos ? rest.size() : dot + 1);
  }
  return true;
}

bool set_address(Mailbox& mailbox, std::string_view address) {
  if (address.size() > kAddressBytesMax) return false;
  size_t at = address.rfind('@');
  if (at == std::string_view::npos) return false;
  const std::string_view local = address.substr(0, at);
  const std::string_view domain = address.substr(at + 1);
  if (local.empty() || local.size() > kLocalBytesMax || !is_domain(domain)) return false;
  if (!is_dot_string(local, kLocalChars) && !is_quoted_local(local)) return false;
  mailbox.local = local;
  mailbox.domain = domain;
  return true;
}

/// A quoted-string's content; false if `text` is none.
bool unquote(std::string& out, std::string_view text) {
  if (!is_quoted_local(text)) return false;
  text = text.substr(1, text.size() - 2);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') ++i;
    out += text[i];
  }
  return true;
}

}  // namespace

std::optional<Mailbox> parse_mailbox(std::string_view text) {
  text = text::trim(text);
  if (has_control(text) || !text::is_valid_utf8(text)) return std::nullopt;
  Mailbox mailbox;
  if (!text.ends_with('>')) {
    if (!set_address(mailbox, text)) return std::nullopt;
    return mailbox;
  }
  // The last '<': a quoted name may hold others.
  const size_t open = text.rfind('<');
  if (open == std::string_view::npos) return std::nullopt;
  if (!set_address(mailbox, text.substr(open + 1, text.size() - open - 2))) return std::nullopt;
  const std::string_view name = text::trim(text.substr(0, open));
  if (name.starts_with('"')) {
    if (!unquote(mailbox.name, name)) return std::nullopt;
  } else {
    if (name.find_first_of("<>\"") != std::string_view::npos) return std::nullopt;
    mailbox.name = name;
  }
  return mailbox;
}

}  // namespace barid
