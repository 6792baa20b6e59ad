// Goal: qshape's columns and buckets, as Postfix's script prints them. Method: rows and golden
// text.
#include "tools/barid/qshape.h"

#include <gtest/gtest.h>

namespace barid::tools {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow = WallTime(1'700'000'000s);

QueueEntry entry(std::vector<std::string> recipients, std::chrono::seconds age,
                 std::string sender = "s@from.example") {
  QueueEntry one{.arrival_time = kNow - age, .sender = std::move(sender)};
  for (std::string& address : recipients) one.recipients.push_back({std::move(address), ""});
  return one;
}

TEST(QShape, Buckets) {
  struct Case {
    std::chrono::seconds age;
    uint32_t geometric;
    uint32_t linear;
  };
  const Case cases[] = {{-5s, 1, 1},          {0s, 1, 1},     {299s, 1, 1},     {300s, 2, 2},
                        {599s, 2, 2},         {600s, 3, 3},   {1199s, 3, 4},    {1200s, 4, 5},
                        {2400s, 5, 9},        {4799s, 5, 10}, {76'799s, 9, 10}, {76'800s, 10, 10},
                        {10'000'000s, 10, 10}};
  for (const Case& c : cases) {
    EXPECT_EQ(QueueShape({}).bucket_of(c.age), c.geometric) << c.age.count();
    EXPECT_EQ(QueueShape({.linear = true}).bucket_of(c.age), c.linear) << c.age.count();
  }
  EXPECT_EQ(QueueShape({.buckets = 1}).bucket_of(1000h), 1u);
  EXPECT_EQ(QueueShape({.tick_minutes = 1}).bucket_of(60s), 2u);
}

TEST(QShape, Empty) {
  EXPECT_EQ(QueueShape({}).text(),
            "                                         T  5 10 20 40 80 160 320 640 1280 1280+\n"
            "                                  TOTAL  0  0  0  0  0  0   0   0   0    0     0\n");
}

TEST(QShape, Json) {
  EXPECT_EQ(QueueShape({.buckets = 2}).json(),
            "{\"name\": \"TOTAL\", \"total\": 0, \"ages\": {\"5\": 0, \"5+\": 0}}\n");
  QueueShape shape({.buckets = 2});
  shape.add(entry({"a@b.example", "c@b.example"}, 0s), kNow);
  shape.add(entry({"a@\"x"}, 700s), kNow);
  EXPECT_EQ(shape.json(),
            "{\"name\": \"TOTAL\", \"total\": 3, \"ages\": {\"5\": 2, \"5+\": 1}}\n"
            "{\"name\": \"b.example\", \"total\": 2, \"ages\": {\"5\": 2, \"5+\": 0}}\n"
            "{\"name\": \"\\\"x\", \"total\": 1, \"ages\": {\"5\": 0, \"5+\": 1}}\n");
}

TEST(QShape, RowsByTotalThenLength) {
  QueueShape shape({.buckets = 3});
  shape.add(entry({"a@B.example", "b@b.example", "c@longer.example", "local"}, 0s), kNow);
  shape.add(entry({"a@b.example", "x@..a..example.."}, 700s), kNow);
  const std::string text = shape.text();
  const auto row = [&](std::string_view name) {
    return text.find(std::string(" ") + std::string(name) + " ");
  };
  EXPECT_LT(row("TOTAL"), row("b.example"));
  EXPECT_LT(row("b.example"), row("local"));
  EXPECT_LT(row("local"), row("a.example"));
  EXPECT_LT(row("a.example"), row("longer.example"));
  EXPECT_NE(text.find("b.example  3  2  0   1\n"), std::string::npos) << text;
}

TEST(QShape, SendersAndTheNullSender) {
  QueueShape shape({.senders = true, .buckets = 2});
  shape.add(entry({"a@x.example", "b@x.example"}, 0s, ""), kNow);
  shape.add(entry({"a@x.example"}, 0s, "n@From.example"), kNow);
  const std::string text = shape.text();
  EXPECT_NE(text.find("TOTAL  2  2  0\n"), std::string::npos) << text;
  EXPECT_NE(text.find("MAILER-DAEMON  1  1  0\n"), std::string::npos);
  EXPECT_NE(text.find("from.example  1  1  0\n"), std::string::npos);
}

TEST(QShape, ParentRowsNeedEnoughChildren) {
  const auto text = [](uint32_t min) {
    QueueShape shape({.parents = true, .subdomains_min = min, .buckets = 2});
    for (const char* host : {"a", "b", "c"}) {
      shape.add(entry({std::string("u@") + host + ".mail.example.com"}, 0s), kNow);
    }
    shape.add(entry({"u@a.mail.example.com", "u@example.com"}, 0s), kNow);
    return shape.text();
  };
  EXPECT_NE(text(3).find(" .mail.example.com  4  4  0\n"), std::string::npos) << text(3);
  EXPECT_EQ(text(4).find(" .mail.example.com "), std::string::npos);
  EXPECT_NE(text(1).find(" .example.com  4  4  0\n"), std::string::npos) << text(1);
  EXPECT_EQ(text(1).find(" .com "), std::string::npos);
}

TEST(QShape, LongNamesKeepTheirTail) {
  QueueShape shape({.buckets = 30});
  shape.add(entry({"u@a-very-long-name-indeed.example.org"}, 0s), kNow);
  EXPECT_NE(shape.text().find("\n+ndeed.example.org  1"), std::string::npos) << shape.text();
}

}  // namespace
}  // namespace barid::tools
