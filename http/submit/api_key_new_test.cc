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

TEST(ApiKeyNew, LineLetsTheKeyInWithItsLimits) {
  const NewApiKey made = make_api_key(
      {.tenant = "acme", .scopes = "send,read", .rate = "10/s", .from_domains = "A.example"},
      kRandom);
  ASSERT_EQ(made.problem, "");
  EXPECT_EQ(made.key, "barid_-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7");
  EXPECT_EQ(made.line.find(made.key), std::string::npos);
  const ApiKeys keys = keys_with(made.line);
  const ApiKeys::Answer answer = keys.authorize("Bearer " + made.key, kScopeRead);
  ASSERT_TRUE(answer.principal);
  EXPECT_EQ(answer.principal->tenant, "acme");
  EXPECT_EQ(answer.principal->rate, 10u);
  EXPECT_EQ(answer.principal->from_domains, std::vector<std::string>{"a.example"});
  EXPECT_EQ(keys.authorize("Bearer " + made.key, kScopeAdmin).error.name, "restricted_api_key");
  EXPECT_EQ(keys.authorize("Bearer " + made.key + "x", kScopeSend).error.name, "invalid_api_key");
}

TEST(ApiKeyNew, SendIsTheUsualScope) {
  const ApiKeys keys = keys_with(make_api_key({.tenant = "t"}, kRandom).line);
  const std::string key = "Bearer " + make_api_key({.tenant = "t"}, kRandom).key;
  EXPECT_TRUE(keys.authorize(key, kScopeSend).principal);
  EXPECT_FALSE(keys.authorize(key, kScopeRead).principal);
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

}  // namespace
}  // namespace barid::http
