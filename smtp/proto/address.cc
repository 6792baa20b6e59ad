#include "smtp/proto/address.h"

#include <arpa/inet.h>

#include <array>
#include <cstring>

#include "core/base/assert.h"
#include "core/text/ascii.h"
#include "core/text/cursor.h"
#include "core/text/utf8.h"

namespace barid::smtp {
namespace {

using text::Cursor;

constexpr std::string_view kPostmaster = "postmaster";
constexpr text::CharSet kLabelChars = text::kAlnum | text::CharSet("-");
constexpr text::CharSet kLabelCharsLoose = kLabelChars | text::CharSet("_");
/// dcontent of RFC 5321 4.1.3: printable ASCII without "[", "\" and "]".
constexpr text::CharSet kLiteralChars =
    text::CharSet::range('!', 'Z') | text::CharSet::range('^', '~');

constexpr Error malformed(const char* what) noexcept {
  return Error{.code = Code::kMalformed, .text = what};
}
constexpr Error too_long(const char* what) noexcept {
  return Error{.code = Code::kTooLong, .text = what};
}

/// Uses one well-formed non-ASCII character; false if another byte stands there.
bool take_utf8(Cursor& in) noexcept {
  const size_t length = text::utf8_sequence_bytes(in.rest());
  if (length < 2) return false;
  for (size_t i = 0; i < length; ++i) (void)in.take();
  return true;
}

/// Uses members of `set` and, if allowed, non-ASCII characters.
void skip_run(Cursor& in, const text::CharSet& set, bool utf8) noexcept {
  do {
    (void)in.take_while(set);
  } while (utf8 && take_utf8(in));
}

// Quoted-string of RFC 5321 4.1.2: qtextSMTP is %d32–33, 35–91, 93–126; a backslash quotes
// %d32–126. Controls, and so CR and LF, never stand in it.
Error take_quoted_local(Cursor& in, bool utf8) noexcept {
  in.expect('"');
  while (!in.failed() && !in.take_if('"')) {
    if (utf8 && take_utf8(in)) continue;
    char c = in.take();
    if (c == '\\') c = in.take();
    if (c < ' ' || c > '~') in.fail();
  }
  return in.failed() ? malformed("bad quoted local part") : Error{};
}

bool is_dot_string(std::string_view local, bool utf8) noexcept {
  Cursor in(local);
  for (;;) {
    const size_t start = in.position();
    skip_run(in, text::kAtext, utf8);
    if (in.position() == start) return false;
    if (in.at_end()) return true;
    if (!in.take_if('.')) return false;
  }
}

Error take_local(Cursor& in, PathOptions options, Address& out) noexcept {
  const size_t start = in.position();
  if (in.peek() == '"') {
    const Error error = take_quoted_local(in, options.utf8);
    if (error.code != Code::kOk) return error;
    out.quoted = true;
  } else {
    constexpr text::CharSet kDotted = text::kAtext | text::CharSet(".");
    skip_run(in, kDotted, options.utf8);
  }
  out.local = in.since(start);
  if (out.local.empty()) return malformed("no local part");
  if (options.strict) {
    if (!out.quoted && !is_dot_string(out.local, options.utf8)) return malformed("bad local part");
    if (out.local.size() > kLocalPartBytesStrict) return too_long("local part");
  }
  return {};
}

bool is_ipv4(std::string_view content) noexcept {
  Cursor in(content);
  for (int i = 0; i < 4; ++i) {
    if (i > 0) in.expect('.');
    const size_t start = in.position();
    (void)in.number(255);
    const std::string_view digits = in.since(start);
    if (digits.size() > 1 && digits.front() == '0') return false;  // some would read it as octal
  }
  return !in.failed() && in.at_end();
}

bool is_ipv6(std::string_view content) noexcept {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (content.size() >= terminated.size()) return false;
  std::memcpy(terminated.data(), content.data(), content.size());
  in6_addr address{};
  return ::inet_pton(AF_INET6, terminated.data(), &address) == 1;
}

/// Standardized-tag ":" 1*dcontent; the tag is letters, digits and inner hyphens.
bool is_general_literal(std::string_view content) noexcept {
  const size_t colon = content.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == content.size()) return false;
  const std::string_view tag = content.substr(0, colon);
  return kLabelChars.has_all(tag) && tag.back() != '-' && kLiteralChars.has_all(content);
}

Error take_literal(Cursor& in) noexcept {
  constexpr std::string_view kIpv6Tag = "IPv6:";
  in.expect('[');
  const std::string_view content = in.take_while(kLiteralChars);
  in.expect(']');
  if (in.failed()) return malformed("bad address literal");
  if (text::starts_with_ignore_case(content, kIpv6Tag)) {
    return is_ipv6(content.substr(kIpv6Tag.size())) ? Error{} : malformed("bad IPv6 literal");
  }
  if (is_ipv4(content) || is_general_literal(content)) return {};
  return malformed("bad address literal");
}

Error take_domain(Cursor& in, PathOptions options, std::string_view& out) noexcept {
  const size_t start = in.position();
  if (in.peek() == '[') {
    const Error error = take_literal(in);
    out = in.since(start);
    if (error.code == Code::kOk && out.size() > kDomainBytesMax) return too_long("domain");
    return error;
  }
  const text::CharSet& chars = options.strict ? kLabelChars : kLabelCharsLoose;
  for (;;) {
    const size_t label_start = in.position();
    skip_run(in, chars, options.utf8);
    const std::string_view label = in.since(label_start);
    if (label.empty()) return malformed("empty label in domain");
    if (label.size() > kLabelBytesMax) return too_long("label in domain");
    if (label.front() == '-' || label.back() == '-') return malformed("misplaced hyphen in domain");
    out = in.since(start);
    if (!in.take_if('.')) break;
    const char next = in.peek();
    const bool at_final_dot = in.at_end() || next == '>' || text::is_blank(next);
    if (!options.strict && at_final_dot) break;
  }
  if (out.size() > kDomainBytesMax) return too_long("domain");
  return {};
}

// A-d-l of RFC 5321 4.1.2: "@a,@b:". Deprecated; accepted and dropped (RFC 5321 4.1.1.3).
Error skip_source_route(Cursor& in, PathOptions options) noexcept {
  if (in.peek() != '@') return {};
  do {
    in.expect('@');
    std::string_view domain;
    const Error error = take_domain(in, options, domain);
    if (error.code != Code::kOk) return error;
  } while (in.take_if(','));
  in.expect(':');
  return in.failed() ? malformed("bad source route") : Error{};
}

Error take_mailbox(Cursor& in, PathOptions options, Address& out) noexcept {
  Error error = take_local(in, options, out);
  if (error.code != Code::kOk) return error;
  if (in.take_if('@')) {
    error = take_domain(in, options, out.domain);
    if (error.code != Code::kOk) return error;
  } else if (options.strict && !text::equals_ignore_case(out.local, kPostmaster)) {
    return malformed("no domain");
  }
  out.utf8 = !text::is_ascii(out.local) || !text::is_ascii(out.domain);
  return {};
}

Error take_bracketed(Cursor& in, PathOptions options, Address& out) noexcept {
  in.expect('<');
  if (!options.strict) in.skip_blanks();
  if (in.take_if('>')) return options.allow_null ? Error{} : malformed("empty address");
  Error error = skip_source_route(in, options);
  if (error.code != Code::kOk) return error;
  error = take_mailbox(in, options, out);
  if (error.code != Code::kOk) return error;
  if (!options.strict) in.skip_blanks();
  in.expect('>');
  return in.failed() ? malformed("bad address") : Error{};
}

}  // namespace

Result<Path> parse_path(std::string_view text, PathOptions options) noexcept {
  Cursor in(text);
  Path path;
  Error error;
  if (in.peek() == '<') {
    error = take_bracketed(in, options, path.address);
  } else if (options.strict) {
    error = malformed("address without <>");
  } else {
    error = skip_source_route(in, options);
    if (error.code == Code::kOk) error = take_mailbox(in, options, path.address);
  }
  if (error.code != Code::kOk) return error;
  if (in.position() > (options.strict ? kPathBytesStrict : kPathBytesMax)) return too_long("path");
  if (!in.at_end() && !text::is_blank(in.peek())) return malformed("text after address");
  in.skip_blanks();
  path.rest = in.rest();
  return path;
}

Result<Address> parse_mailbox(std::string_view text, PathOptions options) noexcept {
  Cursor in(text);
  Address address;
  const Error error = take_mailbox(in, options, address);
  if (error.code != Code::kOk) return error;
  if (!in.at_end()) return malformed("text after address");
  if (text.size() > kPathBytesMax) return too_long("address");
  return address;
}

bool is_valid_domain(std::string_view domain, PathOptions options) noexcept {
  Cursor in(domain);
  std::string_view parsed;
  return take_domain(in, options, parsed).code == Code::kOk && in.at_end();
}

void append_unquoted(std::string& out, std::string_view local) {
  if (!local.starts_with('"')) {
    out.append(local);
    return;
  }
  for (size_t i = 1; i + 1 < local.size(); ++i) {
    if (local[i] == '\\') ++i;
    out.push_back(local[i]);
  }
}

void append_address(std::string& out, const Address& address) {
  if (address.is_null()) return;
  const size_t start = out.size();
  append_unquoted(out, address.local);
  // is_dot_string() sees the unquoted form; what it refuses is quoted anew, with no more
  // backslashes than needed.
  if (!is_dot_string(std::string_view(out).substr(start), /*utf8=*/true)) {
    out.insert(out.begin() + static_cast<std::ptrdiff_t>(start), '"');
    for (size_t i = start + 1; i < out.size(); ++i) {
      if (out[i] == '"' || out[i] == '\\') out.insert(i++, 1, '\\');
    }
    out.push_back('"');
  }
  if (address.domain.empty()) return;
  out.push_back('@');
  out.append(address.domain);
}

AddressParts split_address(std::string_view address) noexcept {
  size_t local_end = 0;
  if (address.starts_with('"')) {
    for (local_end = 1; local_end < address.size() && address[local_end] != '"'; ++local_end) {
      if (address[local_end] == '\\') ++local_end;
    }
    local_end = local_end < address.size() ? local_end + 1 : address.size();
  }
  const size_t at = address.find('@', local_end);
  if (at == std::string_view::npos) return {.local = address, .domain = {}};
  return {.local = address.substr(0, at), .domain = address.substr(at + 1)};
}

}  // namespace barid::smtp
