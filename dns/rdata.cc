#include "dns/rdata.h"

#include <netinet/in.h>

#include <cstring>

#include "dns/name.h"

namespace barid::dns {
namespace {

constexpr size_t kWireNameBytesMax = 255;  // RFC 1035 2.3.4

uint8_t byte_at(std::string_view wire, size_t index) noexcept {
  return static_cast<uint8_t>(wire[index]);
}

void append_label(std::string& out, std::string_view label) {
  for (const char c : label) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '.' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte > 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += '\\';
      out += static_cast<char>('0' + byte / 100);
      out += static_cast<char>('0' + byte / 10 % 10);
      out += static_cast<char>('0' + byte % 10);
    }
  }
}

}  // namespace

std::optional<std::string> decode_name(std::string_view wire) {
  if (wire.size() > kWireNameBytesMax) return std::nullopt;
  std::string name;
  name.reserve(wire.size());
  while (!wire.empty()) {
    const size_t label_bytes = byte_at(wire, 0);
    wire.remove_prefix(1);
    if (label_bytes == 0) return wire.empty() ? std::optional(std::move(name)) : std::nullopt;
    if (label_bytes > kLabelCharsMax || label_bytes > wire.size()) return std::nullopt;
    if (!name.empty()) name += '.';
    append_label(name, wire.substr(0, label_bytes));
    wire.remove_prefix(label_bytes);
  }
  return std::nullopt;  // the root label that ends every name is missing
}

std::optional<MxRecord> decode_mx(std::string_view wire) {
  if (wire.size() < 3) return std::nullopt;
  std::optional<std::string> host = decode_name(wire.substr(2));
  if (!host) return std::nullopt;
  const auto preference = static_cast<uint16_t>(byte_at(wire, 0) << 8 | byte_at(wire, 1));
  return MxRecord{.preference = preference, .host = *std::move(host)};
}

std::optional<net::SocketAddress> decode_address(std::string_view wire, RecordType type) {
  if (type == RecordType::kA) {
    sockaddr_in address{};
    if (wire.size() != sizeof address.sin_addr) return std::nullopt;
    address.sin_family = AF_INET;
    std::memcpy(&address.sin_addr, wire.data(), wire.size());
    return net::SocketAddress(reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  BARID_ASSERT(type == RecordType::kAaaa);
  sockaddr_in6 address{};
  if (wire.size() != sizeof address.sin6_addr) return std::nullopt;
  address.sin6_family = AF_INET6;
  std::memcpy(&address.sin6_addr, wire.data(), wire.size());
  return net::SocketAddress(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

std::optional<std::string> decode_text(std::string_view wire) {
  if (wire.empty()) return std::nullopt;  // RFC 1035 3.3.14: one or more strings
  std::string joined;
  joined.reserve(wire.size());
  while (!wire.empty()) {
    const size_t string_bytes = byte_at(wire, 0);
    wire.remove_prefix(1);
    if (string_bytes > wire.size()) return std::nullopt;
    joined += wire.substr(0, string_bytes);
    wire.remove_prefix(string_bytes);
  }
  return joined;
}

std::optional<TlsaRecord> decode_tlsa(std::string_view wire) {
  if (wire.size() < 4) return std::nullopt;
  return TlsaRecord{.usage = byte_at(wire, 0),
                    .selector = byte_at(wire, 1),
                    .matching_type = byte_at(wire, 2),
                    .data = std::string(wire.substr(3))};
}

bool append_record(Answer& answer, RecordType type, std::string_view wire) {
  const auto append = [](auto& list, auto record) {
    if (!record) return false;
    list.push_back(*std::move(record));
    return true;
  };
  switch (type) {
    case RecordType::kMx:
      return append(answer.mx, decode_mx(wire));
    case RecordType::kA:
    case RecordType::kAaaa:
      return append(answer.addresses, decode_address(wire, type));
    case RecordType::kPtr:
      return append(answer.names, decode_name(wire));
    case RecordType::kTxt:
      return append(answer.texts, decode_text(wire));
    case RecordType::kTlsa:
      return append(answer.tlsa, decode_tlsa(wire));
  }
  return false;
}

}  // namespace barid::dns
