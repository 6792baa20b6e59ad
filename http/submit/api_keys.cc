#include "http/submit/api_keys.h"

#include <charconv>

#include "core/crypto/digest.h"
#include "core/text/ascii.h"
#include "core/text/base64.h"

namespace barid::http {
namespace {

constexpr size_t kKeyBytesMax = 512;

std::string_view scope_name(Scope scope) noexcept {
  return scope == kScopeSend ? "send" : scope == kScopeRead ? "read" : "admin";
}

std::vector<std::string> split_list(std::string_view list) {
  std::vector<std::string> items;
  while (!list.empty()) {
    const size_t comma = list.find(',');
    std::string item;
    text::append_lower(item, list.substr(0, comma));
    if (!item.empty()) items.push_back(std::move(item));
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return items;
}

bool set_scopes(Principal& principal, std::string_view list) {
  principal.scopes = 0;
  for (const std::string& name : split_list(list)) {
    if (name == "send") {
      principal.scopes |= kScopeSend;
    } else if (name == "read") {
      principal.scopes |= kScopeRead;
    } else if (name == "admin") {
      principal.scopes |= kAllScopes;
    } else {
      return false;
    }
  }
  return principal.scopes != 0;
}

bool read_rate(std::string_view rate, uint32_t* number) {
  if (!rate.ends_with("/s")) return false;
  rate.remove_suffix(2);
  const char* end = rate.data() + rate.size();
  const auto parsed = std::from_chars(rate.data(), end, *number);
  return parsed.ec == std::errc() && parsed.ptr == end && *number > 0;
}

}  // namespace

std::optional<Principal> parse_key_entry(std::string_view value) {
  Principal principal;
  principal.scopes = kScopeSend;
  for (std::string_view word = text::take_word(value); !word.empty();
       word = text::take_word(value)) {
    const size_t equals = word.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string_view name = word.substr(0, equals);
    const std::string_view what = word.substr(equals + 1);
    bool good = true;
    if (name == "tenant") {
      principal.tenant = what;
    } else if (name == "scopes") {
      good = set_scopes(principal, what);
    } else if (name == "rate") {
      good = read_rate(what, &principal.rate);
    } else if (name == "messages") {
      good = read_rate(what, &principal.message_rate);
    } else if (name == "from") {
      principal.from_domains = split_list(what);
      good = !principal.from_domains.empty();
    } else {
      good = false;
    }
    if (!good) return std::nullopt;
  }
  return principal;
}

ApiKeys::Answer ApiKeys::authorize(std::string_view authorization, Scope scope) const {
  if (!needs_key()) return {.principal = Principal{}};
  constexpr std::string_view kBearer = "Bearer ";
  if (authorization.empty()) {
    return {.error = {.status = 401,
                      .name = "missing_api_key",
                      .message = "Missing API key in the authorization header. Include the "
                                 "following header `Authorization: Bearer YOUR_API_KEY`."}};
  }
  const ApiError invalid{
      .status = 403, .name = "invalid_api_key", .message = "API key is invalid."};
  if (!text::starts_with_ignore_case(authorization, kBearer)) return {.error = invalid};
  const std::string_view key = text::trim(authorization.substr(kBearer.size()));
  if (key.empty() || key.size() > kKeyBytesMax) return {.error = invalid};
  std::string digest;
  text::append_hex(digest, crypto::sha256({key}));
  const lookup::LookupResult found = tables_.find(digest);
  if (found.is_temporary()) {
    return {.error = {.status = 503,
                      .name = "service_unavailable",
                      .message = "API keys cannot be looked up now.",
                      .retry_after_seconds = 5}};
  }
  if (!found.is_found()) return {.error = invalid};
  std::optional<Principal> principal = parse_key_entry(found.value());
  if (!principal) {
    return {.error = {.status = 503,
                      .name = "service_unavailable",
                      .message = "The entry of this API key is malformed.",
                      .retry_after_seconds = 60}};
  }
  principal->key_digest = std::move(digest);
  if ((principal->scopes & scope) == 0) {
    return {.error = {.status = 401,
                      .name = "restricted_api_key",
                      .message = "This API key does not have the scope `" +
                                 std::string(scope_name(scope)) + "`."}};
  }
  return {.principal = std::move(principal)};
}

}  // namespace barid::http
