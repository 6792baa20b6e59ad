// Who a request is from: its API key, looked up by digest, and what that key may do.
// Layer: http. Pure but for its tables.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
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

/// An access key of programs that sign their requests.
struct AccessKey {
  Principal principal;
  std::string secret;
};
/// The same with `secret=SECRET` among its words.
[[nodiscard]] std::optional<AccessKey> parse_access_key_entry(std::string_view value);

class ApiKeys {
 public:
  /// `open`: while no table is configured, every key and none will do.
  ApiKeys(lookup::TableList tables, bool open, lookup::TableList access_keys = {})
      : tables_(std::move(tables)), access_keys_(std::move(access_keys)), open_(open) {}

  [[nodiscard]] bool needs_key() const noexcept {
    return !open_ || !tables_.empty() || !access_keys_.empty();
  }

  struct Answer {
    std::optional<Principal> principal;
    ApiError error;  ///< if there is none
  };
  /// `scope`: what the call needs. `request` still has its whole body: a signature covers it.
  [[nodiscard]] Answer authorize(const Request& request, Scope scope, WallTime now) const;
  /// Why a request with this head can have no answer but a refusal, before its body is there.
  [[nodiscard]] std::optional<ApiError> head_problem(std::string_view authorization) const;

 private:
  [[nodiscard]] Answer find_key(std::string_view authorization) const;
  [[nodiscard]] Answer find_signer(const Request& request, WallTime now) const;

  lookup::TableList tables_;
  lookup::TableList access_keys_;
  bool open_;
};

}  // namespace barid::http
