// Who a request is from: its API key, looked up by digest, and what that key may do.
// Layer: http. Pure but for its tables.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/lookup/table_list.h"
#include "http/message.h"

namespace barid::http {

enum Scope : uint8_t { kScopeSend = 1, kScopeRead = 2, kScopeAdmin = 4 };
inline constexpr uint8_t kAllScopes = kScopeSend | kScopeRead | kScopeAdmin;

struct Principal {
  std::string tenant;  ///< empty = nobody's in particular
  uint8_t scopes = kAllScopes;
  uint32_t rate = 0;                      ///< requests a second; 0 = no limit
  uint32_t message_rate = 0;              ///< messages a second of the tenant; 0 = no limit
  std::vector<std::string> from_domains;  ///< lower case; empty = any
  std::string key_digest;                 ///< empty = no key was needed
};

/// `tenant=NAME scopes=send,read,admin [rate=N/s] [messages=N/s] [from=domain,domain]`; nullopt if
/// malformed.
[[nodiscard]] std::optional<Principal> parse_key_entry(std::string_view value);

class ApiKeys {
 public:
  /// `open`: while no table is configured, every key and none will do.
  ApiKeys(lookup::TableList tables, bool open) : tables_(std::move(tables)), open_(open) {}

  [[nodiscard]] bool needs_key() const noexcept { return !open_ || !tables_.empty(); }

  struct Answer {
    std::optional<Principal> principal;
    ApiError error;  ///< if there is none
  };
  /// From the Authorization field. `scope`: what the call needs.
  [[nodiscard]] Answer authorize(std::string_view authorization, Scope scope) const;

 private:
  lookup::TableList tables_;
  bool open_;
};

}  // namespace barid::http
