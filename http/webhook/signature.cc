#include "http/webhook/signature.h"

#include <fmt/format.h>

#include "core/base/assert.h"
#include "core/crypto/digest.h"
#include "core/text/base64.h"

namespace barid::http {
namespace {

constexpr std::string_view kSecretPrefix = "whsec_";

}  // namespace

std::string make_webhook_secret(std::string_view random) {
  std::string secret(kSecretPrefix);
  text::append_base64(secret, random);
  return secret;
}

std::string sign_webhook(std::string_view secret, std::string_view id, int64_t unix_seconds,
                         std::string_view body) {
  BARID_ASSERT(secret.starts_with(kSecretPrefix));
  const auto key = text::decode_base64(secret.substr(kSecretPrefix.size()));
  BARID_ASSERT(key.has_value());
  std::string content = fmt::format("{}.{}.", id, unix_seconds);
  content += body;
  std::string signature = "v1,";
  text::append_base64(signature, crypto::hmac_sha256(*key, content));
  return signature;
}

std::vector<std::string> webhook_fields(std::string_view secret, std::string_view id,
                                        int64_t unix_seconds, std::string_view body) {
  const std::string signature = sign_webhook(secret, id, unix_seconds, body);
  std::vector<std::string> lines;
  for (const std::string_view prefix : {"webhook", "svix"}) {
    lines.push_back(fmt::format("{}-id: {}", prefix, id));
    lines.push_back(fmt::format("{}-timestamp: {}", prefix, unix_seconds));
    lines.push_back(fmt::format("{}-signature: {}", prefix, signature));
  }
  return lines;
}

}  // namespace barid::http
