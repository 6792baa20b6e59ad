// Goal: records and policies are read as RFC 8461 says, and nothing that is doubtful counts.
// Method: rows.
#include "dns/mta_sts.h"

#include <gtest/gtest.h>

namespace barid::dns {
namespace {

TEST(MtaSts, Records) {
  struct Row {
    std::vector<std::string> texts;
    std::optional<std::string> id;
  };
  const Row rows[] = {
      {{"v=STSv1; id=20160831085700Z;"}, "20160831085700Z"},
      {{"v=STSv1;id=1"}, "1"},
      {{"v=STSv1 ; other=x ; id=abc ;"}, "abc"},
      {{"v=spf1 -all", "v=STSv1; id=1;"}, "1"},
      {{"v=STSv1; id=1;", "v=STSv1; id=2;"}, std::nullopt},
      {{"v=STSv1;"}, std::nullopt},
      {{"v=STSv1; id=;"}, std::nullopt},
      {{"v=STSv1; id=a-b;"}, std::nullopt},
      {{"v=STSv1; id=1; id=2"}, std::nullopt},
      {{"v=STSv1; id=123456789012345678901234567890123"}, std::nullopt},
      {{"id=1; v=STSv1"}, std::nullopt},
      {{"v=STSv2; id=1"}, std::nullopt},
      {{}, std::nullopt},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(parse_sts_record(row.texts), row.id) << (row.texts.empty() ? "" : row.texts[0]);
  }
}

TEST(MtaSts, Policies) {
  const ParsedStsPolicy full = parse_sts_policy(
      "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\n"
      "later: whatever\r\nmax_age: 604800\r\n");
  EXPECT_EQ(full.error, "");
  EXPECT_EQ(full.policy, (StsPolicy{.mode = StsMode::kEnforce,
                                    .mx = {"mail.example.com", "*.example.net"},
                                    .max_age = std::chrono::seconds(604800)}));
  EXPECT_EQ(parse_sts_policy("version:STSv1\nmode:testing\nmx:a.example\nmax_age:1").policy.mode,
            StsMode::kTesting);
  EXPECT_EQ(parse_sts_policy("version: STSv1\nmode: none\nmax_age: 4294967295\n").policy.max_age,
            std::chrono::seconds(31'557'600));
  struct Row {
    std::string_view text;
    std::string_view error;
  };
  const Row rows[] = {
      {"", "no version"},
      {"mode: enforce\nmx: a\nmax_age: 1\n", "no version"},
      {"version: STSv1\nmx: a\nmax_age: 1\n", "no mode"},
      {"version: STSv1\nmode: enforce\nmx: a\n", "no max_age"},
      {"version: STSv1\nmode: enforce\nmax_age: 1\n", "no mx"},
      {"version: STSv2\n", "unknown version \"STSv2\""},
      {"version: STSv1\nmode: strict\n", "unknown mode \"strict\""},
      {"version: STSv1\nmode: none\nmode: enforce\n", "two modes"},
      {"version: STSv1\nmax_age: -1\n", "bad max_age \"-1\""},
      {"version: STSv1\nmax_age: 99999999999\n", "bad max_age \"99999999999\""},
      {"version: STSv1\nmax_age: 1\nmax_age: 2\n", "two values of max_age"},
      {"version: STSv1\nmx: a b\n", "bad mx \"a b\""},
      {"version: STSv1\nmx: *\n", "bad mx \"*\""},
      {"<html>no policy here</html>", "a line without a colon"},
  };
  for (const Row& row : rows) EXPECT_EQ(parse_sts_policy(row.text).error, row.error) << row.text;
  EXPECT_EQ(parse_sts_policy(std::string(kStsPolicyBytesMax + 1, 'x')).error, "too long");
}

TEST(MtaSts, Hosts) {
  const StsPolicy policy{.mode = StsMode::kEnforce, .mx = {"mail.example.com", "*.example.net"}};
  EXPECT_TRUE(sts_allows(policy, "mail.example.com"));
  EXPECT_TRUE(sts_allows(policy, "MAIL.example.com."));
  EXPECT_TRUE(sts_allows(policy, "a.example.net"));
  EXPECT_FALSE(sts_allows(policy, "a.b.example.net"));
  EXPECT_FALSE(sts_allows(policy, "example.net"));
  EXPECT_FALSE(sts_allows(policy, ".example.net"));
  EXPECT_FALSE(sts_allows(policy, "mail.example.com.evil.example"));
  EXPECT_FALSE(sts_allows(policy, ""));
}

}  // namespace
}  // namespace barid::dns
