#include "http/submit/api_keys.h"

#include <charconv>

#include "core/crypto/digest.h"
#include "core/text/ascii.h"
#include "core/text/base64.h"
#include "http/submit/signature_v4.h"

namespace barid::http {
namespace {

constexpr size_t kKeyBytesMax = 512;
constexpr size_t kAccessSecretBytesMin = 16;

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

/// `secret`: null where an entry has none.
std::optional<Principal> parse_entry(std::string_view value, std::string* secret) {
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
    } else if (name == "secret" && secret != nullptr) {
      *secret = what;
    } else {
      good = false;
    }
    if (!good) return std::nullopt;
  }
  return principal;
}

ApiError unreadable_tables() {
  return {.status = 503,
          .name = "service_unavailable",
          .message = "API keys cannot be looked up now.",
          .retry_after_seconds = 5};
}

ApiError unknown_key() {
  return {.status = 403, .name = "invalid_api_key", .message = "API key is invalid."};
}

ApiError malformed_entry() {
  return {.status = 503,
          .name = "service_unavailable",
          .message = "The entry of this API key is malformed.",
          .retry_after_seconds = 60};
}

ApiError invalid_signature(std::string message) {
  return {.status = 403, .name = "invalid_signature", .message = std::move(message)};
}

}  // namespace

std::optional<Principal> parse_key_entry(std::string_view value) {
  return parse_entry(value, nullptr);
}

std::optional<AccessKey> parse_access_key_entry(std::string_view value) {
  AccessKey key;
  std::optional<Principal> principal = parse_entry(value, &key.secret);
  if (!principal || key.secret.size() < kAccessSecretBytesMin) return std::nullopt;
  key.principal = *std::move(principal);
  return key;
}

ApiKeys::Answer ApiKeys::authorize(const Request& request, Scope scope, WallTime now) const {
  if (!needs_key()) return {.principal = Principal{}};
  const std::string_view authorization = request.field("authorization");
  Answer answer = authorization.starts_with(kSignatureV4Scheme) ? find_signer(request, now)
                                                                : find_key(authorization);
  if (answer.principal && (answer.principal->scopes & scope) == 0) {
    return {.error = {.status = 401,
                      .name = "restricted_api_key",
                      .message = "This API key does not have the scope `" +
                                 std::string(scope_name(scope)) + "`."}};
  }
  return answer;
}

std::optional<ApiError> ApiKeys::head_problem(std::string_view authorization) const {
  if (!needs_key()) return std::nullopt;
  if (!authorization.starts_with(kSignatureV4Scheme)) {
    Answer answer = find_key(authorization);
    if (answer.principal) return std::nullopt;
    return std::move(answer.error);
  }
  std::string problem;
  const auto claim = parse_signature_v4(authorization, &problem);
  if (!claim) return invalid_signature(std::move(problem));
  const lookup::LookupResult found = access_keys_.find(claim->access_key);
  if (found.is_temporary()) return unreadable_tables();
  if (!found.is_found()) return unknown_key();
  return std::nullopt;
}

ApiKeys::Answer ApiKeys::find_key(std::string_view authorization) const {
  constexpr std::string_view kBearer = "Bearer ";
  if (authorization.empty()) {
    return {.error = {.status = 401,
                      .name = "missing_api_key",
                      .message = "Missing API key in the authorization header. Include the "
                                 "following header `Authorization: Bearer YOUR_API_KEY`."}};
  }
  const ApiError invalid = unknown_key();
  if (!text::starts_with_ignore_case(authorization, kBearer)) return {.error = invalid};
  const std::string_view key = text::trim(authorization.substr(kBearer.size()));
  if (key.empty() || key.size() > kKeyBytesMax) return {.error = invalid};
  std::string digest;
  text::append_hex(digest, crypto::sha256({key}));
  const lookup::LookupResult found = tables_.find(digest);
  if (found.is_temporary()) return {.error = unreadable_tables()};
  if (!found.is_found()) return {.error = invalid};
  std::optional<Principal> principal = parse_key_entry(found.value());
  if (!principal) return {.error = malformed_entry()};
  principal->key_digest = std::move(digest);
  return {.principal = std::move(principal)};
}

/// The id in the signature says which secret; only who has it can have signed.
ApiKeys::Answer ApiKeys::find_signer(const Request& request, WallTime now) const {
  std::string problem;
  const auto claim = parse_signature_v4(request.field("authorization"), &problem);
  if (!claim) return {.error = invalid_signature(std::move(problem))};
  const lookup::LookupResult found = access_keys_.find(claim->access_key);
  if (found.is_temporary()) return {.error = unreadable_tables()};
  if (!found.is_found()) return {.error = unknown_key()};
  std::optional<AccessKey> key = parse_access_key_entry(found.value());
  if (!key) return {.error = malformed_entry()};
  const std::string digest = signature_v4_digest(request);
  problem = signature_v4_problem(*claim, request, digest, now);
  if (!problem.empty()) return {.error = invalid_signature(std::move(problem))};
  if (!crypto::equal_secrets(sign_v4(*claim, request, digest, key->secret), claim->signature)) {
    return {.error = invalid_signature("The signature does not match: another secret, or something "
                                       "was changed on the way.")};
  }
  text::append_hex(key->principal.key_digest, crypto::sha256({"access key ", claim->access_key}));
  return {.principal = std::move(key->principal)};
}

}  // namespace barid::http
