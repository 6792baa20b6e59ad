// Signatures by which receivers know our webhooks, and their secrets.
// Source: Standard Webhooks 1.0 (webhook-id, webhook-timestamp, webhook-signature v1).
// Layer:  http, pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace barid::http {

inline constexpr size_t kSecretRandomBytes = 24;

/// `whsec_` and the base64 of `random`.
[[nodiscard]] std::string make_webhook_secret(std::string_view random);

/// `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`. `secret`: of
/// make_webhook_secret().
[[nodiscard]] std::string sign_webhook(std::string_view secret, std::string_view id,
                                       int64_t unix_seconds, std::string_view body);

/// Header lines of one delivery: id, timestamp and signature, each under both names.
[[nodiscard]] std::vector<std::string> webhook_fields(std::string_view secret, std::string_view id,
                                                      int64_t unix_seconds, std::string_view body);

}  // namespace barid::http
