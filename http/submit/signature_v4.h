// Signatures of requests as the AWS SDKs make them: an access key id in the clear, and an HMAC of
// head and body by a secret that both sides have. Nothing but what was signed is believed.
// Source: docs.aws.amazon.com/IAM, "AWS Signature Version 4 for API requests"; RFC 2104 (HMAC).
// Layer:  http, pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "http/message.h"

namespace barid::http {

inline constexpr std::string_view kSignatureV4Scheme = "AWS4-HMAC-SHA256";
/// How far a client's clock may be off.
inline constexpr Duration kSignatureV4Skew = std::chrono::minutes(5);

/// What an Authorization field of that scheme says.
struct SignatureV4 {
  std::string access_key;
  std::string date;  ///< YYYYMMDD
  std::string region;
  std::string service;
  std::vector<std::string> signed_headers;  ///< lower case, sorted, each once
  std::string signature;                    ///< 64 lower-case hexadecimal digits
};

/// SHA-256 of the whole body, in hexadecimal: what the two below take. A pass over the body.
[[nodiscard]] std::string signature_v4_digest(const Request& request);

/// nullopt: `*problem` says in a sentence what is wrong with it.
[[nodiscard]] std::optional<SignatureV4> parse_signature_v4(std::string_view authorization,
                                                            std::string* problem);

/// Why `request`, still with its whole body, is not what was signed at that time, whoever signed
/// it: a field that had to be signed was not, the clocks differ, another body. Empty = nothing.
[[nodiscard]] std::string signature_v4_problem(const SignatureV4& claim, const Request& request,
                                               std::string_view digest, WallTime now);

/// The signature that `claim` should have, if `secret` is what its signer had.
[[nodiscard]] std::string sign_v4(const SignatureV4& claim, const Request& request,
                                  std::string_view digest, std::string_view secret);

}  // namespace barid::http
