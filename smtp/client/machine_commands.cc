#include "smtp/client/machine_commands.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "core/base/assert.h"

namespace barid::smtp {
namespace {

constexpr std::string_view kHex = "0123456789ABCDEF";
constexpr size_t kForwardBytesMax = 255;  // of a value, decoded
constexpr size_t kVerbBytes = std::string_view("MAIL FROM:<>\r\n").size();

bool is_plain(unsigned char c) noexcept { return c >= '!' && c <= '~'; }

/// RFC 3461 4: xtext.
void add_xtext(std::string_view text, CommandLine& out) noexcept {
  for (const char byte : text) {
    const auto c = static_cast<unsigned char>(byte);
    if (is_plain(c) && c != '+' && c != '=') {
      out.add(std::string_view(&byte, 1));
    } else {
      const char encoded[3] = {'+', kHex[c >> 4], kHex[c & 15]};
      out.add(std::string_view(encoded, 3));
    }
  }
}

void add_embedded(uint32_t code_point, CommandLine& out) noexcept {
  char digits[8];
  const auto end = std::to_chars(digits, digits + sizeof digits, code_point, 16).ptr;
  std::transform(digits, end, digits,
                 [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
  if (end - digits == 1)
    out.add("\\x{0");
  else
    out.add("\\x{");
  out.add(std::string_view(digits, static_cast<size_t>(end - digits))).add("}");
}

/// Takes one UTF-8 sequence off `text`; false if it is malformed (RFC 3629 4).
bool take_code_point(std::string_view& text, uint32_t& code_point) noexcept {
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || text.size() < length) return false;
  constexpr uint32_t kLeadMask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  code_point = lead & kLeadMask[length];
  for (size_t i = 1; i < length; ++i) {
    const auto tail = static_cast<unsigned char>(text[i]);
    if ((tail & 0xc0) != 0x80) return false;
    code_point = code_point << 6 | (tail & 0x3f);
  }
  text.remove_prefix(length);
  const bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
  return code_point >= kSmallest[length] && code_point <= 0x10ffff && !surrogate;
}

/// RFC 6533 3: utf-8-addr-unitext inside an SMTPUTF8 transaction, else utf-8-addr-xtext.
bool add_utf8_address(std::string_view text, bool utf8, CommandLine& out) noexcept {
  while (!text.empty()) {
    const std::string_view before = text;
    uint32_t code_point = 0;
    if (!take_code_point(text, code_point)) return false;
    const std::string_view sequence = before.substr(0, before.size() - text.size());
    const bool ascii = code_point < 0x80;
    const bool literal = ascii ? is_plain(static_cast<unsigned char>(code_point)) &&
                                     code_point != '\\' && code_point != '+' && code_point != '='
                               : utf8;
    if (literal)
      out.add(sequence);
    else
      add_embedded(code_point, out);
  }
  return true;
}

bool equals_ignoring_case(std::string_view a, std::string_view lower) noexcept {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(), [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? static_cast<char>(x + 32) : x) == y;
  });
}

void add_orcpt(std::string_view original, bool utf8, CommandLine& out) noexcept {
  const size_t semicolon = original.find(';');
  if (semicolon == std::string_view::npos || semicolon == 0) return;
  const std::string_view type = original.substr(0, semicolon);
  const std::string_view address = original.substr(semicolon + 1);
  const bool type_ok = std::all_of(type.begin(), type.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
  });
  if (!type_ok || address.empty()) return;
  const size_t before = out.size();
  out.add(" ORCPT=").add(type).add(";");
  const size_t value = before + std::string_view(" ORCPT=").size();
  bool ok = true;
  if (equals_ignoring_case(type, "utf-8"))
    ok = add_utf8_address(address, utf8, out);
  else
    add_xtext(address, out);
  if (!ok || out.overflowed() || out.size() - value > kOrcptCharsMax) out.truncate(before);
}

void add_notify(uint8_t notify, CommandLine& out) noexcept {
  if (notify == 0) return;
  out.add(" NOTIFY=");
  if ((notify & kNotifyNever) != 0) {  // RFC 3461 4.1: NEVER stands alone
    out.add("NEVER");
    return;
  }
  std::string_view separator;
  const auto add = [&](uint8_t bit, std::string_view name) {
    if ((notify & bit) == 0) return;
    out.add(separator).add(name);
    separator = ",";
  };
  add(kNotifySuccess, "SUCCESS");
  add(kNotifyFailure, "FAILURE");
  add(kNotifyDelay, "DELAY");
}

void add_body(const Envelope& envelope, bool has_8bit, const Capabilities& server,
              CommandLine& out) noexcept {
  if (envelope.body == BodyType::kBinaryMime && server.has(Feature::kBinaryMime)) {
    out.add(" BODY=BINARYMIME");
  } else if (server.has(Feature::k8BitMime) && (has_8bit || envelope.body == BodyType::k8BitMime)) {
    out.add(" BODY=8BITMIME");
  }
}

void add_dsn(const Envelope& envelope, CommandLine& out) noexcept {
  if (envelope.dsn_return == DsnReturn::kFull) out.add(" RET=FULL");
  if (envelope.dsn_return == DsnReturn::kHeaders) out.add(" RET=HDRS");
  if (envelope.envid.empty()) return;
  const size_t before = out.size();
  out.add(" ENVID=");
  const size_t value = out.size();
  add_xtext(envelope.envid, out);
  if (out.overflowed() || out.size() - value > kEnvidCharsMax) out.truncate(before);
}

}  // namespace

CommandLine& CommandLine::add(std::string_view text) noexcept {
  if (text.empty()) return *this;  // may have no storage at all
  if (text.size() > buffer_.size() - size_) {
    overflowed_ = true;
    return *this;
  }
  std::memcpy(buffer_.data() + size_, text.data(), text.size());
  size_ += text.size();
  return *this;
}

CommandLine& CommandLine::add(uint64_t number) noexcept {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  return add(std::string_view(digits, static_cast<size_t>(end - digits)));
}

void CommandLine::truncate(size_t size) noexcept {
  BARID_ASSERT(size <= size_);
  size_ = size;
  overflowed_ = false;
}

AddressFacts check_address(std::string_view address) noexcept {
  AddressFacts facts;
  bool quoted = false;
  bool escaped = false;
  for (const char byte : address) {
    const auto c = static_cast<unsigned char>(byte);
    if (c < 0x20 || c == 0x7f) facts.fault = AddressFault::kControl;
    if (c >= 0x80) facts.non_ascii = true;
    if (escaped) {
      escaped = false;
    } else if (c == '\\') {
      escaped = quoted;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == '>' || c == '<' || c == ' ')) {
      facts.fault = AddressFault::kControl;
    }
  }
  if (quoted) facts.fault = AddressFault::kControl;
  if (facts.fault == AddressFault::kNone && address.size() + kVerbBytes > kCommandBytesMax) {
    facts.fault = AddressFault::kTooLong;
  }
  return facts;
}

void write_mail(const Envelope& envelope, const MailParameters& parameters,
                const Capabilities& server, CommandLine& out) noexcept {
  out.add("MAIL FROM:<").add(parameters.sender).add(">");
  if (server.has(Feature::kSize)) out.add(" SIZE=").add(parameters.size);
  add_body(envelope, parameters.has_8bit, server, out);
  if (parameters.utf8) out.add(" SMTPUTF8");
  if (server.has(Feature::kDsn)) add_dsn(envelope, out);
  if (server.has(Feature::kMtPriority) && envelope.priority != 0) {
    out.add(envelope.priority < 0 ? " MT-PRIORITY=-" : " MT-PRIORITY=");
    out.add(static_cast<uint64_t>(std::abs(envelope.priority)));
  }
  out.add("\r\n");
  BARID_ASSERT(!out.overflowed());
}

void write_xforward(const Envelope& envelope, QueueId id, int part, const Capabilities& server,
                    CommandLine& out) noexcept {
  const auto add = [&](ForwardAttribute attribute, std::string_view name, std::string_view value) {
    if ((server.forward_attributes & attribute) == 0 || value.empty() || value == "unknown") return;
    if (value.size() > kForwardBytesMax) return;
    const size_t before = out.size();
    out.add(before == 0 ? "XFORWARD " : " ").add(name);
    add_xtext(value, out);
    if (out.overflowed() || out.size() > kCommandBytesMax - 2) out.truncate(before);
  };
  if (part == 0) {
    add(kForwardName, "NAME=", envelope.client_name);
    const bool is_v6 = envelope.client_address.find(':') != std::string::npos;
    add(kForwardAddress, is_v6 ? "ADDR=IPV6:" : "ADDR=", envelope.client_address);
    std::array<char, 8> digits{};
    const auto end = std::to_chars(digits.begin(), digits.end(), envelope.client_port).ptr;
    if (envelope.client_port != 0) add(kForwardPort, "PORT=", {digits.data(), end});
  } else {
    const auto chars = id.text_chars();
    add(kForwardProtocol, "PROTO=", envelope.protocol);
    add(kForwardHelo, "HELO=", envelope.helo);
    add(kForwardIdent, "IDENT=",
        envelope.forwarded_id.empty() ? std::string_view(chars.data(), chars.size())
                                      : std::string_view(envelope.forwarded_id));
    add(kForwardSource, "SOURCE=", envelope.client_is_local ? "LOCAL" : "REMOTE");
  }
  if (out.size() > 0) out.add("\r\n");
  BARID_ASSERT(!out.overflowed());
}

void write_rcpt(const Recipient& recipient, bool utf8, const Capabilities& server,
                CommandLine& out) noexcept {
  out.add("RCPT TO:<").add(recipient.address).add(">");
  if (server.has(Feature::kDsn)) {
    add_notify(recipient.notify, out);
    add_orcpt(recipient.original, utf8, out);
  }
  out.add("\r\n");
  BARID_ASSERT(!out.overflowed());
}

}  // namespace barid::smtp
