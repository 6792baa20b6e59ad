// A new API key: the secret, and the table line that lets it in. The table never holds the secret.
// Layer: http, pure: the randomness is handed in.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace barid::http {

struct ApiKeyWish {
  std::string tenant;
  std::string scopes = "send";  ///< comma-separated
  std::string rate;             ///< "N/s"; empty = no limit
  std::string message_rate;     ///< "N/s" of all the tenant's keys; empty = no limit
  std::string from_domains;     ///< comma-separated; empty = any
};

struct NewApiKey {
  std::string problem;  ///< why there can be none, in a sentence; empty = there is one
  std::string key;
  std::string line;  ///< of a table in http_api_key_maps: digest, blank, entry
};

inline constexpr size_t kApiKeyRandomBytes = 24;  // 192 bits

/// `random`: kApiKeyRandomBytes of it that nobody can guess.
[[nodiscard]] NewApiKey make_api_key(const ApiKeyWish& wish, std::string_view random);

inline constexpr size_t kAccessKeyRandomBytes = 40;

/// The same for programs that sign: `key` is "ID SECRET", the line belongs into a table of
/// http_access_key_maps, and holds the secret. `random`: kAccessKeyRandomBytes of it.
[[nodiscard]] NewApiKey make_access_key(const ApiKeyWish& wish, std::string_view random);

/// The form of a key in the table: SHA-256 in lower-case hexadecimal.
[[nodiscard]] std::string api_key_digest(std::string_view key);

}  // namespace barid::http
