// Goal: queries say what was meant whatever bytes are in them; answers are read, and what is none
// is not taken for one. Method: rows.
#include "tools/barid/queue_client.h"

#include <gtest/gtest.h>

#include "http/target.h"

namespace barid::tools {
namespace {

TEST(QueueClient, QueriesComeBackAsTheyWere) {
  const QueryWords words = {{"sender", "a+b&c=d@example.org"},
                            {"reason", "450 4.2.0 \"später\" 100%"},
                            {"tenant", ""},
                            {"older-than", "1h"}};
  EXPECT_EQ(query_text({}), "");
  EXPECT_EQ(query_text({words[0]}), "?sender=a%2Bb%26c%3Dd@example.org");
  const auto target = http::parse_target("/admin/v1/queue" + query_text(words));
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->query, words);
}

TEST(QueueClient, ActionLines) {
  ActionResult result;
  EXPECT_FALSE(parse_action_line("", &result));
  EXPECT_FALSE(parse_action_line("[1]", &result));
  EXPECT_FALSE(parse_action_line("{\"statusCode\":400,\"message\":\"no\"}", &result));
  EXPECT_TRUE(
      parse_action_line(R"({"examined": 7, "matched": 5, "released": 1, "busy": 2})", &result));
  EXPECT_EQ(result.matched, 5u);
  EXPECT_EQ(result.result, "");
  EXPECT_TRUE(parse_action_line(
      R"({"result": "ok", "examined": 9, "matched": 6, "unknown": ["A", "B"]})", &result));
  EXPECT_EQ(result.result, "ok");
  EXPECT_EQ(result.examined, 9u);
  EXPECT_EQ(result.unknown, (std::vector<std::string>{"A", "B"}));
}

TEST(QueueClient, ErrorMessages) {
  EXPECT_EQ(error_message(R"({"statusCode":400,"name":"x","message":"a \"b\""})"), "a \"b\"");
  EXPECT_EQ(error_message("plain"), "plain");
}

TEST(QueueClient, DestinationRows) {
  const std::string row = destination_row(
      R"({"transport": "smtp", "nexthop": "a.example", "site": "", "waiting": 12, "in_use": 3, "window": 20})");
  EXPECT_EQ(row,
            "smtp       a.example                                                       12      3 "
            "    20\n");
  EXPECT_EQ(row.size(), destination_head().size());
  EXPECT_EQ(destination_row("x"), "");
}

}  // namespace
}  // namespace barid::tools
