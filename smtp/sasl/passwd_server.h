// smtpd_sasl_type = passwd: users of a table, and API keys.
//
//   smtpd_sasl_passwd_maps: user -> HASH [tenant=NAME]
//
// HASH is RFC 5803's form of SCRAM-SHA-256, which serves PLAIN, LOGIN and SCRAM, or crypt(3)'s,
// which serves the first two. The user `apikey` has an API key as its password, and OAUTHBEARER
// takes an API key as its token.
// Source: RFC 4616 (PLAIN), RFC 5802 and 7677 (SCRAM), RFC 7628 (OAUTHBEARER). GNU SASL conducts
// the
//         exchanges, but for OAUTHBEARER, which it has not.
// Layer:  smtp/sasl. Shard-owned.
#pragma once

#include <optional>

#include "core/lookup/match_list.h"
#include "core/lookup/table_list.h"
#include "smtp/sasl/server.h"

namespace barid::sasl {

/// The API's keys, as far as a login goes.
class KeyDirectory {
 public:
  virtual ~KeyDirectory() = default;
  struct Answer {
    enum class Status : uint8_t { kFound, kNotFound, kTemporary };
    Status status = Status::kNotFound;
    std::string tenant;
    std::vector<std::string> from_domains;
  };
  /// Whose `key` is that may send mail.
  [[nodiscard]] virtual Answer find_key(std::string_view key) const = 0;
};

struct PasswdSettings {
  lookup::TableList users;
  std::unique_ptr<const KeyDirectory> keys;  ///< null = none
  SecurityOptions options = kNoAnonymous;
  SecurityOptions options_encrypted = kNoAnonymous;
  std::optional<lookup::StringList> mechanism_filter;  ///< smtpd_sasl_mechanism_filter
};

/// A table's value: the hash, and whose mail the user submits. nullopt: malformed.
struct PasswdEntry {
  std::string hash;
  std::string tenant;
};
[[nodiscard]] std::optional<PasswdEntry> parse_passwd_entry(std::string_view value);

[[nodiscard]] std::unique_ptr<Server> make_passwd_server(PasswdSettings settings);

/// RFC 7628 3.1: the token of a client's response; nullopt if it is none.
[[nodiscard]] std::optional<std::string> parse_oauth_bearer(std::string_view response);

}  // namespace barid::sasl
