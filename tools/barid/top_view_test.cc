// Goal: rates are differences over the time between, unknown where they cannot be told; the picture
// fits the terminal. Method: rows.
#include "tools/barid/top_view.h"

#include <gtest/gtest.h>

namespace barid::tools {
namespace {

TopPicture picture() {
  TopPicture made;
  made.before = {.pid = 7, .accepted = 100, .delivered = 50, .deferred = 4, .bounced = 1};
  made.before.shards = {{.cpu_micros = 1'000'000, .accepted = 100, .delivered = 50}};
  made.now = {.pid = 7, .accepted = 400, .delivered = 53, .deferred = 4, .bounced = 2};
  made.now.shards = {{.sessions = 3,
                      .deliveries = 2,
                      .active = 9,
                      .content_bytes = 1'048'576,
                      .cpu_micros = 1'500'000,
                      .accepted = 400,
                      .delivered = 53}};
  made.seconds = 2;
  made.counts = TopCounts{.active = 9, .incoming = 0, .deferred = 12, .hold = 1, .complete = true};
  made.destinations = {
      R"({"transport": "smtp", "nexthop": "a.example", "site": "a", "waiting": 5, "in_use": 2, "window": 5})",
      R"({"transport": "smtp", "nexthop": "b.example", "site": "b", "waiting": 1, "in_use": 0, "window": 5})"};
  return made;
}

TEST(TopView, Lines) {
  const std::vector<std::string> lines = top_lines(picture(), 24, 100);
  ASSERT_EQ(lines.size(), 10u);
  EXPECT_NE(lines[0].find("pid 7  shards 1  sessions 3  deliveries 2"), std::string::npos);
  EXPECT_EQ(lines[1], "accepted 150/s  delivered 1.5/s  deferred 0.0/s  bounced 0.5/s");
  EXPECT_EQ(lines[2], "queue: active 9  incoming 0  deferred 12  hold 1");
  EXPECT_EQ(lines[5], "    0   25%        3          2        9        150         1.5    1024K");
  EXPECT_EQ(lines[8].substr(0, 25), "smtp       a.example     ");
}

TEST(TopView, EightyColumnsShowEveryNumberAndWhatIsDead) {
  TopPicture dead = picture();
  dead.destinations = {
      R"({"transport": "smtp", "nexthop": "a-rather-long-name.customers.example", "site": )"
      R"("mx1.provider.example,mx2.provider.example", "waiting": 12, "in_use": 3, "window": 0, )"
      R"("dead_until": 1795651660, "reason": "refused"})"};
  const std::vector<std::string> lines = top_lines(dead, 24, 80);
  EXPECT_EQ(lines[7], "TRANSPORT  NEXT HOP             SITE            WAITING IN USE WINDOW");
  const std::string& row = lines[8];
  EXPECT_TRUE(row.starts_with("smtp       +e.customers.example +vider.example ")) << row;
  EXPECT_NE(row.find("      12      3      0 dead "), std::string::npos) << row;
  EXPECT_LE(row.size(), 80u);
}

TEST(TopView, UnknownRates) {
  TopPicture first = picture();
  first.seconds = 0;
  first.counts.reset();
  EXPECT_EQ(top_lines(first, 24, 80)[1], "accepted -/s  delivered -/s  deferred -/s  bounced -/s");
  EXPECT_EQ(top_lines(first, 24, 80)[2], "queue: being counted");
  TopPicture restarted = picture();
  restarted.before.pid = 6;
  EXPECT_EQ(top_lines(restarted, 24, 80)[1], top_lines(first, 24, 80)[1]);
  EXPECT_NE(top_json(restarted).find("\"accepted_per_second\": null"), std::string::npos);
}

TEST(TopView, FitsTheTerminal) {
  TopPicture many = picture();
  many.now.shards.resize(64);
  many.trouble = "später";
  for (size_t rows = 1; rows < 90; ++rows) {
    for (const size_t columns : {1u, 40u, 80u}) {
      const std::vector<std::string> lines = top_lines(many, rows, columns);
      EXPECT_LE(lines.size(), rows);
      for (const std::string& line : lines) EXPECT_LE(line.size(), columns + 1) << line;
    }
  }
  EXPECT_EQ(top_lines(many, 24, 80).back().substr(0, 20), "smtp       b.example");
}

TEST(TopView, Answers) {
  const auto status = parse_top_status(
      R"({"pid":3,"shards":[{"sessions":1,"cpu_micros":5}],"counters":{"messages_accepted_total":8,)"
      R"("recipients_bounced_total":1,"recipients_expired_total":2}})");
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->accepted, 8u);
  EXPECT_EQ(status->bounced, 3u);
  ASSERT_EQ(status->shards.size(), 1u);
  EXPECT_EQ(status->shards[0].cpu_micros, 5u);
  for (const std::string_view bad : {"", "[]", "{}", R"({"shards":[1],"counters":{}})"}) {
    EXPECT_FALSE(parse_top_status(bad).has_value()) << bad;
    EXPECT_FALSE(parse_top_counts(bad).has_value()) << bad;
  }
  EXPECT_EQ(parse_top_counts(R"({"active": 1, "hold": 2, "complete": false})")->hold, 2u);
}

}  // namespace
}  // namespace barid::tools
