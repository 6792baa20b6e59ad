// What comes from Dovecot and from clients: lines of the one, responses of the other.
#include <cstdint>
#include <cstdlib>

#include "core/crypto/password_hash.h"
#include "smtp/sasl/dovecot_protocol.h"
#include "smtp/sasl/passwd_server.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  barid::sasl::DovecotGreeting greeting;
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    if (!greeting.add(line)) break;
    const barid::sasl::DovecotReply reply = barid::sasl::parse_dovecot_reply(line);
    if (reply.kind == barid::sasl::DovecotReply::Kind::kContinue &&
        !barid::sasl::is_base64_text(reply.text)) {
      std::abort();
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  static_cast<void>(barid::sasl::parse_oauth_bearer(text));
  if (const auto entry = barid::sasl::parse_passwd_entry(text)) {
    if (!barid::crypto::is_password_hash(entry->hash)) std::abort();
  }
  if (const auto secret = barid::crypto::parse_scram_secret(text)) {
    if (barid::crypto::parse_scram_secret(barid::crypto::format_scram_secret(*secret)) != secret) {
      std::abort();
    }
  }
  return 0;
}
