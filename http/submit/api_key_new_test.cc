// Goal: what `barid key new` prints lets its key in, with the wish's limits and no others, and what
// cannot become an entry is named.
// Method: the printed line is a table, asked as the server asks it.
#include "http/submit/api_key_new.h"

#include <gtest/gtest.h>

#include "http/submit/api_keys.h"

namespace barid::http {
namespace {

const std::string kRandom(kApiKeyRandomBytes, '\xfb');

ApiKeys keys_with(const std::string& line) {
  const size_t blank = line.find(' ');
  const lookup::OpenContext context{.read_file = lookup::read_whole_file};
  return {lookup::TableList(
              "t", "inline:{ {" + line.substr(0, blank) + " = " + line.substr(blank + 1) + "} }",
              context),
          false};
}

ApiKeys::Answer authorize(const ApiKeys& keys, const std::string& authorization, Scope scope) {
  Request request;
  request.fields.push_back({.name = "authorization", .value = authorization});
  return keys.authorize(request, scope, wall_from_micros(0));
}

TEST(ApiKeyNew, LineLetsTheKeyInWithItsLimits) {
  const NewApiKey made = make_api_key(
      {.tenant = "acme", .scopes = "send,read", .rate = "10/s", .from_domains = "A.example"},
      kRandom);
  ASSERT_EQ(made.problem, "");
  EXPECT_EQ(made.key, "barid_-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7");
  EXPECT_EQ(made.line.find(made.key), std::string::npos);
  const ApiKeys keys = keys_with(made.line);
  const ApiKeys::Answer answer = authorize(keys, "Bearer " + made.key, kScopeRead);
  ASSERT_TRUE(answer.principal);
  EXPECT_EQ(answer.principal->tenant, "acme");
  EXPECT_EQ(answer.principal->rate, 10u);
  EXPECT_EQ(answer.principal->from_domains, std::vector<std::string>{"a.example"});
  EXPECT_EQ(authorize(keys, "Bearer " + made.key, kScopeAdmin).error.name, "restricted_api_key");
  EXPECT_EQ(authorize(keys, "Bearer " + made.key + "x", kScopeSend).error.name, "invalid_api_key");
}

TEST(ApiKeyNew, SendIsTheUsualScope) {
  const ApiKeys keys = keys_with(make_api_key({.tenant = "t"}, kRandom).line);
  const std::string key = "Bearer " + make_api_key({.tenant = "t"}, kRandom).key;
  EXPECT_TRUE(authorize(keys, key, kScopeSend).principal);
  EXPECT_FALSE(authorize(keys, key, kScopeRead).principal);
}

TEST(ApiKeyNew, ProblemsNameTheOption) {
  const struct {
    ApiKeyWish wish;
    std::string_view named;
  } cases[] = {
      {{}, "--tenant"},
      {{.tenant = "a b"}, "\"a b\""},
      {{.tenant = "a", .scopes = "write"}, "--scope \"write\""},
      {{.tenant = "a", .scopes = ""}, "--scope"},
      {{.tenant = "a", .rate = "0/s"}, "--rate \"0/s\""},
      {{.tenant = "a", .rate = "10"}, "--rate \"10\""},
      {{.tenant = "a", .message_rate = "many"}, "--messages \"many\""},
      {{.tenant = "a", .from_domains = ","}, "--from \",\""},
      {{.tenant = "a", .from_domains = "x.example rate=1/s"}, "blanks"},
  };
  for (const auto& one : cases) {
    const NewApiKey made = make_api_key(one.wish, kRandom);
    EXPECT_NE(made.problem.find(one.named), std::string::npos) << made.problem;
    EXPECT_EQ(made.line, "");
  }
}

TEST(ApiKeyNew, AnAccessKeyIsIdAndSecret) {
  const std::string entropy(kAccessKeyRandomBytes, '\xfb');
  const NewApiKey made = make_access_key({.tenant = "acme", .rate = "5/s"}, entropy);
  ASSERT_EQ(made.problem, "");
  EXPECT_EQ(made.key, "BARID333333333333333 +/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+w==");
  const std::string entry = made.line.substr(made.line.find(' ') + 1);
  EXPECT_EQ(made.line.substr(0, made.line.find(' ')), made.key.substr(0, made.key.find(' ')));
  const auto key = parse_access_key_entry(entry);
  ASSERT_TRUE(key.has_value()) << entry;
  EXPECT_EQ(key->secret, made.key.substr(made.key.find(' ') + 1));
  EXPECT_EQ(key->principal.tenant, "acme");
  EXPECT_EQ(key->principal.rate, 5u);
  EXPECT_FALSE(parse_key_entry(entry).has_value());
  EXPECT_FALSE(parse_access_key_entry("tenant=acme secret=short").has_value());
  EXPECT_FALSE(parse_access_key_entry("tenant=acme").has_value());
  EXPECT_NE(make_access_key({}, entropy).problem, "");
}

}  // namespace
}  // namespace barid::http
