#include "http/submit/api_key_new.h"

#include <algorithm>

#include "core/base/assert.h"
#include "core/crypto/digest.h"
#include "core/text/base64.h"
#include "http/submit/api_keys.h"

namespace barid::http {
namespace {

/// So that a leaked one is recognised by those who search for secrets.
constexpr std::string_view kPrefix = "barid_";
/// Of ids that are no secret: RFC 4648 6, as those of AWS.
constexpr std::string_view kAccessIdAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr size_t kAccessIdChars = 15;

/// A value of the entry is one word.
bool is_word(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c != '\x7f'; });
}

/// What the wish says as words of a table; or the problem with it.
NewApiKey entry_of(const ApiKeyWish& wish) {
  for (const std::string* value :
       {&wish.tenant, &wish.scopes, &wish.rate, &wish.message_rate, &wish.from_domains}) {
    if (!is_word(*value)) return {.problem = "\"" + *value + "\" may not contain blanks"};
  }
  if (wish.tenant.empty()) return {.problem = "a key is some tenant's: name it with --tenant"};
  std::string entry = "tenant=" + wish.tenant + " scopes=" + wish.scopes;
  if (!parse_key_entry(entry)) {
    return {.problem = "--scope \"" + wish.scopes + "\" is no list of send, read, admin"};
  }
  if (!wish.rate.empty()) entry += " rate=" + wish.rate;
  if (!parse_key_entry(entry)) {
    return {.problem = "--rate \"" + wish.rate + "\" is no number of requests like 10/s"};
  }
  if (!wish.message_rate.empty()) entry += " messages=" + wish.message_rate;
  if (!parse_key_entry(entry)) {
    return {.problem = "--messages \"" + wish.message_rate + "\" is no number like 100/s"};
  }
  if (!wish.from_domains.empty()) entry += " from=" + wish.from_domains;
  if (!parse_key_entry(entry)) {
    return {.problem = "--from \"" + wish.from_domains + "\" is no list of domains"};
  }
  return {.line = std::move(entry)};
}

}  // namespace

std::string api_key_digest(std::string_view key) {
  std::string digest;
  text::append_hex(digest, crypto::sha256({key}));
  return digest;
}

NewApiKey make_api_key(const ApiKeyWish& wish, std::string_view random) {
  BARID_ASSERT(random.size() == kApiKeyRandomBytes);
  NewApiKey made = entry_of(wish);
  if (!made.problem.empty()) return made;
  made.key = kPrefix;
  text::append_base64(made.key, random);
  std::replace(made.key.begin(), made.key.end(), '+', '-');  // RFC 4648 5: safe in URLs and shells
  std::replace(made.key.begin(), made.key.end(), '/', '_');
  made.line = api_key_digest(made.key) + ' ' + made.line;
  return made;
}

NewApiKey make_access_key(const ApiKeyWish& wish, std::string_view random) {
  BARID_ASSERT(random.size() == kAccessKeyRandomBytes);
  NewApiKey made = entry_of(wish);
  if (!made.problem.empty()) return made;
  std::string id = "BARID";
  for (const char c : random.substr(0, kAccessIdChars)) {
    id += kAccessIdAlphabet[static_cast<uint8_t>(c) % kAccessIdAlphabet.size()];
  }
  std::string secret;
  text::append_base64(secret, random.substr(kAccessIdChars));
  made.key = id + ' ' + secret;
  made.line = id + " secret=" + secret + ' ' + made.line;
  return made;
}

}  // namespace barid::http
