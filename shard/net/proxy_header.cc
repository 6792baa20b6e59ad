#include "shard/net/proxy_header.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>

namespace barid::net {
namespace {

using namespace std::string_view_literals;
constexpr std::string_view kSignature = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::string_view kText = "PROXY "sv;
constexpr size_t kTextBytesMax = 107;
constexpr size_t kFixedBytes = 16;  // of version 2, before the addresses

uint8_t byte_at(std::string_view bytes, size_t index) noexcept {
  return static_cast<uint8_t>(bytes[index]);
}
uint16_t number_at(std::string_view bytes, size_t index) noexcept {
  return static_cast<uint16_t>(byte_at(bytes, index) << 8 | byte_at(bytes, index + 1));
}

std::optional<uint16_t> parse_port(std::string_view text) noexcept {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return port;
}

/// "PROXY TCP4 192.0.2.1 198.51.100.1 56324 25", without its CRLF.
bool parse_text(std::string_view line, ProxyHeader* header) {
  line.remove_prefix(kText.size());
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) {
    header->is_local = true;
    return true;
  }
  std::array<std::string_view, 5> words;
  for (size_t i = 0; i < words.size(); ++i) {
    const size_t length = std::min(line.find(' '), line.size());
    words[i] = line.substr(0, length);
    if (words[i].empty() || (length == line.size()) != (i + 1 == words.size())) return false;
    line.remove_prefix(std::min(length + 1, line.size()));
  }
  const int family = words[0] == "TCP4" ? AF_INET : words[0] == "TCP6" ? AF_INET6 : AF_UNSPEC;
  const std::optional<uint16_t> source_port = parse_port(words[3]);
  if (family == AF_UNSPEC || !source_port || !parse_port(words[4])) return false;
  const auto source = SocketAddress::from_ip(std::string(words[1]), *source_port);
  const auto destination = SocketAddress::from_ip(std::string(words[2]), 0);
  if (!source || !destination || source->family() != family || destination->family() != family) {
    return false;
  }
  header->source = *source;
  return true;
}

/// Of version 2: everything from the signature to the end of the extensions.
bool parse_binary(std::string_view bytes, ProxyHeader* header) {
  const uint8_t command = byte_at(bytes, 12);
  if (command >> 4 != 2 || (command & 15) > 1) return false;
  header->is_local = (command & 15) == 0;
  if (header->is_local) return true;
  const uint8_t family = byte_at(bytes, 13);
  const std::string_view addresses = bytes.substr(kFixedBytes);
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (family == 0x11 && addresses.size() >= 12) {
    ::inet_ntop(AF_INET, addresses.data(), text.data(), text.size());
    header->source = *SocketAddress::from_ip(text.data(), number_at(addresses, 8));
    return true;
  }
  if (family == 0x21 && addresses.size() >= 36) {
    ::inet_ntop(AF_INET6, addresses.data(), text.data(), text.size());
    header->source = *SocketAddress::from_ip(text.data(), number_at(addresses, 32));
    return true;
  }
  if (family != 0x00) return false;
  header->is_local = true;  // the balancer does not know: its own address has to do
  return true;
}

}  // namespace

ProxyParse parse_proxy_header(std::string_view input, ProxyHeader* header, size_t* consumed) {
  if (input.starts_with(kText)) {
    const std::string_view head = input.substr(0, kTextBytesMax);
    const size_t feed = head.find('\n');
    if (feed == std::string_view::npos) {
      return head.size() == kTextBytesMax ? ProxyParse::kMalformed : ProxyParse::kNeedMore;
    }
    if (head[feed - 1] != '\r') return ProxyParse::kMalformed;  // whatever comes behind it
    *consumed = feed + 1;
    return parse_text(head.substr(0, feed - 1), header) ? ProxyParse::kDone
                                                        : ProxyParse::kMalformed;
  }
  if (kText.starts_with(input) || kSignature.starts_with(input)) return ProxyParse::kNeedMore;
  if (!input.starts_with(kSignature)) return ProxyParse::kMalformed;
  if (input.size() < kFixedBytes) return ProxyParse::kNeedMore;
  const size_t total = kFixedBytes + number_at(input, 14);
  if (total > kProxyHeaderBytesMax) return ProxyParse::kMalformed;
  if (input.size() < total) return ProxyParse::kNeedMore;
  *consumed = total;
  return parse_binary(input.substr(0, total), header) ? ProxyParse::kDone : ProxyParse::kMalformed;
}

rt::Task<bool> take_proxy_header(Stream& stream, MonoTime deadline) {
  for (;;) {
    ProxyHeader header;
    size_t consumed = 0;
    switch (parse_proxy_header(stream.input(), &header, &consumed)) {
      case ProxyParse::kDone:
        stream.consume(consumed);
        if (!header.is_local) stream.set_peer(header.source);
        co_return true;
      case ProxyParse::kMalformed:
        co_return false;
      case ProxyParse::kNeedMore:
        break;
    }
    const Status status = co_await stream.read(deadline);
    if (!status.ok()) co_return false;
  }
}

}  // namespace barid::net
