#include "smtp/sasl/dovecot_protocol.h"

#include <charconv>

#include "core/text/ascii.h"

namespace barid::sasl {
namespace {

constexpr size_t kMechanismsMax = 64;
constexpr text::CharSet kBase64 = text::kAlnum | text::CharSet("+/=");

/// The next field of a line; fields are separated by tabs.
std::string_view take_field(std::string_view& line) noexcept {
  const size_t tab = std::min(line.find('\t'), line.size());
  const std::string_view field = line.substr(0, tab);
  line.remove_prefix(std::min(tab + 1, line.size()));
  return field;
}

std::optional<uint32_t> parse_number(std::string_view text) noexcept {
  uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return number;
}

void append_escaped(std::string& out, std::string_view value) {
  for (const char c : value) {
    switch (c) {
      case '\0':
        out += "\0010";
        break;
      case '\001':
        out += "\0011";
        break;
      case '\t':
        out += "\001t";
        break;
      case '\r':
        out += "\001r";
        break;
      case '\n':
        out += "\001n";
        break;
      default:
        out += c;
    }
  }
}

std::string unescape(std::string_view value) {
  std::string out;
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '\001' || i + 1 == value.size()) {
      out += value[i];
      continue;
    }
    const char c = value[++i];
    out += c == '0'               ? '\0'
           : c == '1'             ? '\001'
           : c == 't'             ? '\t'
           : c == 'r'             ? '\r'
           : c == 'n' || c == 'l' ? '\n'
                                  : c;
  }
  return out;
}

DovecotMechanism parse_mechanism(std::string_view line) {
  DovecotMechanism mechanism;
  for (const char c : take_field(line)) mechanism.name += text::to_upper(c);
  while (!line.empty()) {
    const std::string_view word = take_field(line);
    if (word == "plaintext") mechanism.traits.violates |= kNoPlaintext;
    if (word == "active") mechanism.traits.violates |= kNoActive;
    if (word == "dictionary") mechanism.traits.violates |= kNoDictionary;
    if (word == "anonymous") mechanism.traits.violates |= kNoAnonymous;
    if (word == "forward-secrecy") mechanism.traits.has |= kForwardSecrecy;
    if (word == "mutual-auth") mechanism.traits.has |= kMutualAuth;
    if (word == "private") mechanism.hidden = true;
  }
  return mechanism;
}

}  // namespace

bool DovecotGreeting::fail(std::string_view why) {
  problem_ = why;
  return false;
}

bool DovecotGreeting::add(std::string_view line) {
  const std::string_view command = take_field(line);
  if (command == "VERSION") {
    if (take_field(line) != "1") return fail("another protocol version");
    versioned_ = true;
  } else if (command == "MECH") {
    if (mechanisms_.size() == kMechanismsMax) return fail("too many mechanisms");
    DovecotMechanism mechanism = parse_mechanism(line);
    if (text::CharSet("-_").operator|(text::kAlnum).has_all(mechanism.name) &&
        !mechanism.name.empty()) {
      mechanisms_.push_back(std::move(mechanism));
    }
  } else if (command == "SPID" && mechanisms_.empty()) {
    return fail("this is auth-master, not a socket for clients");
  } else if (command == "DONE") {
    if (!versioned_) return fail("it says no version");
    done_ = true;
  }
  return true;  // what is unknown is passed over
}

DovecotReply parse_dovecot_reply(std::string_view line) {
  DovecotReply reply;
  const std::string_view command = take_field(line);
  const std::optional<uint32_t> id = parse_number(take_field(line));
  if (!id) return reply;
  reply.id = *id;
  if (command == "CONT") {
    reply.text = take_field(line);
    if (is_base64_text(reply.text)) reply.kind = DovecotReply::Kind::kContinue;
    return reply;
  }
  if (command == "OK") reply.kind = DovecotReply::Kind::kOk;
  if (command == "FAIL") reply.kind = DovecotReply::Kind::kFail;
  while (!line.empty()) {
    const std::string_view field = take_field(line);
    if (field.starts_with("user=")) reply.user = unescape(field.substr(5));
    const bool ok = reply.kind == DovecotReply::Kind::kOk;
    if (!ok && field.starts_with("reason=")) reply.text = unescape(field.substr(7));
    if (ok && field.starts_with("resp=") && is_base64_text(field.substr(5))) {
      reply.text = field.substr(5);
    }
    if (field == "temp") reply.temporary = true;
  }
  return reply;
}

std::string dovecot_hello(uint32_t client_id) {
  return "VERSION\t1\t0\nCPID\t" + std::to_string(client_id) + "\n";
}

std::string dovecot_auth(const DovecotRequest& request, const Peer& peer) {
  std::string line = "AUTH\t" + std::to_string(request.id) + "\t";
  line.append(request.mechanism).append("\tservice=");
  append_escaped(line, request.service);
  line += "\tnologin";
  if (!peer.server_address.empty()) line.append("\tlip=").append(peer.server_address);
  if (!peer.client_address.empty()) line.append("\trip=").append(peer.client_address);
  if (peer.encrypted) line += "\tsecured";
  if (request.initial) line.append("\tresp=").append(*request.initial);
  return line + "\n";
}

std::string dovecot_continue(uint32_t id, std::string_view response) {
  return "CONT\t" + std::to_string(id) + "\t" + std::string(response) + "\n";
}

bool is_base64_text(std::string_view text) noexcept { return kBase64.has_all(text); }

}  // namespace barid::sasl
