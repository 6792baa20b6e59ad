// Goal: a watcher hears whom it asked for, in whole JSON lines and at most so much; one that does
// not collect is forgotten, and without watchers nothing is kept.
// Method: sessions said line by line to the watch, in virtual time.
#include "tools/barid/dialogue_watch.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "shard/runtime/test_shard.h"

namespace barid::tools {
namespace {

using namespace std::chrono_literals;

class DialogueWatchTest : public ::testing::Test {
 protected:
  static smtp::DialogueParty server(std::string_view name, std::string_view address,
                                    uint32_t session = 7) {
    return {.is_client = false, .name = name, .address = address, .session = session};
  }
  static DialogueWatch::Request of_servers(uint64_t id, std::vector<std::string> names) {
    return {.id = id, .of_clients = false, .names = std::move(names)};
  }

  rt::TestShard shard;
  DialogueWatch watch{shard.reactor};
};

TEST_F(DialogueWatchTest, OnlyWhoIsMeantIsHeardWithDirectionAndSession) {
  EXPECT_FALSE(watch.active());
  watch.on_dialogue(server("mx.a.example", "192.0.2.1"), true, "EHLO early\r\n");
  const auto request = of_servers(1, {"mx.a.example", "192.0.2.9"});
  EXPECT_EQ(watch.collect(request), "");
  EXPECT_TRUE(watch.active());
  watch.on_dialogue(server("MX.a.example", "192.0.2.1"), true,
                    "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n");
  watch.on_dialogue(server("mx.a.example", "192.0.2.1", 8), false, "250 \"ok\"\r\n");
  watch.on_dialogue(server("other.example", "192.0.2.9"), false, "by address\r\n");
  watch.on_dialogue(server("other.example", "192.0.2.2"), true, "not asked for\r\n");
  watch.on_dialogue(
      {.is_client = true, .name = "mx.a.example", .address = "192.0.2.9", .session = 1}, true,
      "a client of ours\r\n");
  const std::string time = std::to_string(unix_seconds(shard.reactor.wall_now()));
  const std::string head = "{\"time\": " + time + ", \"session\": ";
  EXPECT_EQ(watch.collect(request),
            head +
                "7, \"peer\": \"MX.a.example[192.0.2.1]\", \"sent\": true, \"line\": "
                "\"MAIL FROM:<a@b>\"}\n" +
                head +
                "7, \"peer\": \"MX.a.example[192.0.2.1]\", \"sent\": true, \"line\": "
                "\"RCPT TO:<c@d>\"}\n" +
                head +
                "8, \"peer\": \"mx.a.example[192.0.2.1]\", \"sent\": false, \"line\": "
                "\"250 \\\"ok\\\"\"}\n" +
                head +
                "7, \"peer\": \"other.example[192.0.2.9]\", \"sent\": false, \"line\": "
                "\"by address\"}\n");
  EXPECT_EQ(watch.collect(request), "");  // once
}

TEST_F(DialogueWatchTest, ClientsAreAskedForByThemselves) {
  const DialogueWatch::Request request{.id = 1, .of_clients = true, .names = {"192.0.2.1"}};
  static_cast<void>(watch.collect(request));
  watch.on_dialogue(server("x", "192.0.2.1"), true, "to a server\r\n");
  watch.on_dialogue({.is_client = true, .name = "c", .address = "192.0.2.1", .session = 1}, false,
                    "NOOP\r\n");
  const std::string heard = watch.collect(request);
  EXPECT_NE(heard.find("NOOP"), std::string::npos);
  EXPECT_EQ(heard.find("to a server"), std::string::npos);
}

TEST_F(DialogueWatchTest, WhatIsNotCollectedInTimeIsCountedAndTheRestStays) {
  const auto request = of_servers(1, {"mx"});
  static_cast<void>(watch.collect(request));
  const std::string line(1000, 'x');
  constexpr int kLines = 400;  // 400 kB
  for (int i = 0; i < kLines; ++i) watch.on_dialogue(server("mx", "::1"), true, line + "\r\n");
  const std::string heard = watch.collect(request);
  EXPECT_LT(heard.size(), 300u * 1024);
  const auto shown = static_cast<int>(std::count(heard.begin(), heard.end(), '\n')) - 1;
  EXPECT_GT(shown, 200);
  EXPECT_TRUE(heard.ends_with("{\"left_out\": " + std::to_string(kLines - shown) + "}\n"));
  watch.on_dialogue(server("mx", "::1"), true, "again\r\n");
  EXPECT_EQ(std::count(heard.begin(), heard.end(), '\n'), shown + 1);
  EXPECT_NE(watch.collect(request).find("again"), std::string::npos);
}

TEST_F(DialogueWatchTest, AtMostSoManyWatchAndTheForgottenMakeRoom) {
  for (uint64_t id = 1; id <= DialogueWatch::kWatchersMax; ++id) {
    static_cast<void>(watch.collect(of_servers(id, {"mx"})));
  }
  const auto late = of_servers(99, {"mx"});
  EXPECT_EQ(watch.collect(late), "");
  watch.on_dialogue(server("mx", "::1"), true, "NOOP\r\n");
  EXPECT_EQ(watch.collect(late), "");  // it had no place
  EXPECT_NE(watch.collect(of_servers(1, {"mx"})), "");

  shard.advance(11s);  // nobody collected
  EXPECT_EQ(watch.collect(late), "");
  watch.on_dialogue(server("mx", "::1"), true, "RSET\r\n");
  EXPECT_NE(watch.collect(late).find("RSET"), std::string::npos);
  EXPECT_EQ(watch.collect(of_servers(1, {"mx"})), "");  // begins anew
}

}  // namespace
}  // namespace barid::tools
