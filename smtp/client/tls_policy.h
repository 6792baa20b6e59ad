// How much TLS a delivery needs: levels, what smtp_tls_policy_maps says about a next hop, and what
// a server must prove for it. Source: postconf(5) and TLS_README: smtp_tls_security_level,
// smtp_tls_policy_maps; RFC 7672, 8461. Layer:  smtp/client, pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/lookup/table_list.h"
#include "shard/net/tls_client_context.h"
#include "shard/net/tls_protocols.h"

namespace barid::smtp {

enum class TlsLevel : uint8_t {
  kNone,         ///< never
  kMay,          ///< if the server offers it
  kEncrypt,      ///< or no delivery; whoever the server is
  kDane,         ///< as TLSA records say, where they are; else kMay
  kDaneOnly,     ///< as TLSA records say, or no delivery
  kFingerprint,  ///< the server's certificate or key is known
  kVerify,       ///< a trusted certificate for the host's name
  kSecure,       ///< a trusted certificate for a name that DNS has no hand in
};
[[nodiscard]] std::optional<TlsLevel> parse_tls_level(std::string_view name) noexcept;
[[nodiscard]] std::string_view tls_level_name(TlsLevel level) noexcept;

/// In clear is out of the question.
[[nodiscard]] constexpr bool is_mandatory(TlsLevel level) noexcept {
  return level >= TlsLevel::kEncrypt && level != TlsLevel::kDane;
}

/// What is configured for one next hop.
struct TlsPolicy {
  TlsLevel level = TlsLevel::kNone;
  std::vector<std::string> match;  ///< hostname, nexthop, dot-nexthop, names; or fingerprints
  std::string server_name;         ///< hostname, nexthop, a name; empty = none is sent
  std::optional<net::TlsVersions> versions;  ///< instead of the general ones
  std::string cipher_grade;                  ///< likewise
  std::string excluded_ciphers;              ///< besides the general ones
  std::vector<std::string> anchor_files;     ///< whom verify and secure trust; empty = as usual
  std::vector<net::TlsaData> anchors;        ///< what the files hold

  /// Equal for policies that promise the same: a connection made under one serves the other.
  [[nodiscard]] std::string key() const;
};

/// smtp_tls_* as far as they decide about policies.
struct TlsPolicyRules {
  TlsLevel level = TlsLevel::kNone;                      ///< smtp_tls_security_level
  lookup::TableList maps;                                ///< smtp_tls_policy_maps
  std::vector<std::string> verify_match = {"hostname"};  ///< smtp_tls_verify_cert_match
  std::vector<std::string> secure_match = {"nexthop", "dot-nexthop"};
  std::vector<std::string> fingerprints;  ///< smtp_tls_fingerprint_cert_match
  std::string server_name;                ///< smtp_tls_servername
  std::vector<std::string> anchor_files;  ///< smtp_tls_trust_anchor_file
  /// What the files hold that main.cf and the tables name: read while the configuration is loaded.
  std::map<std::string, std::vector<net::TlsaData>, std::less<>> anchors;
};

struct FoundTlsPolicy {
  TlsPolicy policy;
  std::string error;  ///< the table cannot be used: mail waits
};

/// The policy for a next hop as configured, e.g. "[mail.example.com]:587" or "example.com"; of a
/// plain domain the ".parents" are asked, too.
[[nodiscard]] FoundTlsPolicy find_tls_policy(const TlsPolicyRules& rules, std::string_view nexthop);

/// Reads "level attribute=value …". Errors name what is wrong.
[[nodiscard]] FoundTlsPolicy parse_tls_policy(std::string_view value, const TlsPolicyRules& rules);

/// The files of trust anchors (tafile=) that a value names, whether or not it is good otherwise.
[[nodiscard]] std::vector<std::string> anchor_files_in(std::string_view value);

/// The names that `policy.match` stands for, as names_match() wants them.
[[nodiscard]] std::vector<std::string> wanted_names(const TlsPolicy& policy, std::string_view host,
                                                    std::string_view nexthop_domain);

}  // namespace barid::smtp
