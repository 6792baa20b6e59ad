#include "shard/net/tls_facts.h"

#include <fmt/format.h>

namespace barid::net {

std::string tls_summary(const TlsFacts& facts) {
  std::string text = fmt::format("{} with cipher {} ({}/{} bits)", facts.protocol, facts.cipher,
                                 facts.cipher_bits_used, facts.cipher_bits);
  const auto add = [&text](std::string_view what, const std::string& value) {
    if (!value.empty()) text.append(" ").append(what).append(" ").append(value);
  };
  add("key-exchange", facts.key_exchange);
  add("server-signature", facts.server_signature);
  add("server-digest", facts.server_digest);
  add("client-signature", facts.client_signature);
  add("client-digest", facts.client_digest);
  return text;
}

std::string_view trust_word(const TlsFacts& facts) noexcept {
  if (!facts.peer_presented) return "Anonymous";
  if (!facts.peer_trusted) return "Untrusted";
  return facts.peer_matched ? "Verified" : "Trusted";
}

}  // namespace barid::net
