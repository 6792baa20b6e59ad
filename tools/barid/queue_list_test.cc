// Goal: listings are byte for byte what scripts around postqueue and mailq read. Method: golden
// text, rows, and round trips.
#include "tools/barid/queue_list.h"

#include <gtest/gtest.h>

namespace barid::tools {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kArrival = WallTime(1767366245s);  // Fri Jan  2 15:04:05 2026 UTC

QueueEntry deferred() {
  return {
      .queue = QueueName::kDeferred,
      .queue_id = "0123456789AB",
      .arrival_time = kArrival,
      .message_size = 2345,
      .sender = "sender@example.org",
      .recipients = {{"a@example.net",
                      "host mx[192.0.2.1] said: 450 4.2.0 try later (in reply to RCPT TO command)"},
                     {"b@example.net",
                      "host mx[192.0.2.1] said: 450 4.2.0 try later (in reply to RCPT TO command)"},
                     {"c@example.net", "short"},
                     {"d@example.net", ""},
                     {"e@example.net", ""}},
      .next_attempt = kArrival + 300s,
      .attempts = 2};
}

std::string mailq(const std::vector<QueueEntry>& entries) {
  std::string out;
  MailqText text(ListZone::kUtc);
  for (const QueueEntry& entry : entries) text.add(out, entry);
  text.finish(out);
  return out;
}

std::string json_line(const QueueEntry& entry) {
  std::string out;
  write_json_line(out, entry);
  return out;
}

TEST(Mailq, Empty) { EXPECT_EQ(mailq({}), "Mail queue is empty\n"); }

TEST(Mailq, Golden) {
  const QueueEntry active{.queue = QueueName::kActive,
                          .queue_id = "0123456789AC",
                          .arrival_time = kArrival + 240h,
                          .message_size = 12'345'678,
                          .recipients = {{"f@example.net", ""}}};
  const QueueEntry held{.queue = QueueName::kHold,
                        .queue_id = "0123456789AD",
                        .arrival_time = kArrival,
                        .message_size = 1,
                        .forced_expire = true,
                        .sender = "j\xc3\xb6@example.org",
                        .recipients = {{"g\n@example.net", ""}}};
  EXPECT_EQ(mailq({deferred(), active, held}),
            "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n"
            "0123456789AB          2345 Fri Jan  2 15:04:05 sender@example.org\n"
            "  (host mx[192.0.2.1] said: 450 4.2.0 try later (in reply to RCPT TO command))\n"
            "                                               a@example.net\n"
            "                                               b@example.net\n"
            "                                                                       (short)\n"
            "                                               c@example.net\n"
            "                                                          (reason unavailable)\n"
            "                                               d@example.net\n"
            "                                               e@example.net\n"
            "\n"
            "0123456789AC*     12345678 Mon Jan 12 15:04:05 MAILER-DAEMON\n"
            "                                               f@example.net\n"
            "\n"
            "0123456789AD!#           1 Fri Jan  2 15:04:05 j\xc3\xb6@example.org\n"
            "                                               g?@example.net\n"
            "\n"
            "-- 12058 Kbytes in 3 Requests.\n");
}

TEST(Mailq, Totals) {
  struct Case {
    std::vector<uint64_t> sizes;
    std::string_view last;
  };
  const Case cases[] = {{{0}, "\n-- 0 Kbytes in 1 Request.\n"},
                        {{1023}, "\n-- 0 Kbytes in 1 Request.\n"},
                        {{1024}, "\n-- 1 Kbytes in 1 Request.\n"},
                        {{1000, 1000, 48}, "\n-- 2 Kbytes in 3 Requests.\n"}};
  for (const Case& c : cases) {
    std::vector<QueueEntry> entries;
    for (const uint64_t size : c.sizes) entries.push_back({.queue_id = "A", .message_size = size});
    EXPECT_TRUE(mailq(entries).ends_with(c.last)) << mailq(entries);
  }
}

// The closing bracket stands in column 78 whatever the reason's length, until it does not fit.
TEST(Mailq, ReasonPadding) {
  for (const size_t length : {1u, 75u, 76u, 77u, 200u}) {
    const std::string reason(length, 'r');
    const std::string text = mailq({{.queue_id = "A", .recipients = {{"a@b", reason}}}});
    const std::string want = std::string(length < 76 ? 76 - length : 0, ' ') + "(" + reason + ")\n";
    const size_t line = text.find('\n', text.find("\nA ") + 1) + 1;
    EXPECT_EQ(text.substr(line, want.size()), want);
    EXPECT_EQ(text[line + want.size()], ' ');
  }
}

TEST(Mailq, LocalTime) {
  setenv("TZ", "CET-1", 1);
  tzset();
  std::string out;
  MailqText().add(out, deferred());
  unsetenv("TZ");
  tzset();
  EXPECT_NE(out.find(" Fri Jan  2 16:04:05 "), std::string::npos);
}

TEST(JsonLine, Golden) {
  QueueEntry entry = deferred();
  entry.recipients.resize(1);
  entry.recipients.push_back({"b@example.net", ""});
  EXPECT_EQ(
      json_line(entry),
      R"({"queue_name": "deferred", "queue_id": "0123456789AB", "arrival_time": 1767366245, )"
      R"("message_size": 2345, "forced_expire": false, "sender": "sender@example.org", "recipients": )"
      R"([{"address": "a@example.net", "delay_reason": "host mx[192.0.2.1] said: 450 4.2.0 try later )"
      R"j((in reply to RCPT TO command)"}, {"address": "b@example.net"}], "next_attempt": 1767366545, )j"
      R"("attempts": 2})"
      "\n");
  EXPECT_EQ(
      json_line({.queue = QueueName::kHold, .queue_id = "A", .forced_expire = true}),
      R"({"queue_name": "hold", "queue_id": "A", "arrival_time": 0, "message_size": 0, "forced_expire": true, )"
      R"("sender": "MAILER-DAEMON", "recipients": [], "attempts": 0})"
      "\n");
}

TEST(JsonLine, Escapes) {
  struct Case {
    std::string_view in;
    std::string_view json;
  };
  constexpr Case kCases[] = {{"\"q\" \\", R"(\"q\" \\)"},
                             {"a\r\n\tb\x7f", R"(a\r\n\tb\u007f)"},
                             {"\xc3\xa9\xf0\x9f\x98\x80", "\xc3\xa9\xf0\x9f\x98\x80"},
                             {"x\xff\xc3y", "x\xef\xbf\xbd\xef\xbf\xbdy"},
                             {{"\0", 1}, R"(\u0000)"}};
  for (const Case& c : kCases) {
    const std::string line = json_line({.queue_id = "A", .sender = std::string(c.in)});
    EXPECT_NE(line.find(std::string(R"("sender": ")").append(c.json) + '"'), std::string::npos)
        << line;
  }
}

TEST(JsonLine, RoundTrip) {
  QueueEntry odd = deferred();
  odd.queue = QueueName::kMaildrop;
  odd.forced_expire = true;
  odd.sender = "\"a \\\"b\"@example.org";
  odd.next_attempt = {};
  odd.recipients[0].delay_reason = "line\nfeed \xc3\xa9";
  odd.attempts = UINT32_MAX;
  odd.message_size = INT64_MAX;
  for (const QueueEntry& entry : {deferred(), odd, QueueEntry{.queue_id = "A"}}) {
    const auto parsed = parse_json_line(json_line(entry));
    ASSERT_TRUE(parsed.ok()) << parsed.error().text;
    EXPECT_TRUE(*parsed == entry) << json_line(*parsed);
  }
}

TEST(JsonLine, ReadsPostfixOwnLines) {
  const auto parsed = parse_json_line(
      R"({"queue_name": "deferred", "queue_id": "3C1F2A0B1", "arrival_time": 1767366245, "message_size": 345, )"
      R"("sender": "MAILER-DAEMON", "recipients": [{"orig_address": "x", "address": "a@b"}], "later": [1, {}]})");
  ASSERT_TRUE(parsed.ok()) << parsed.error().text;
  EXPECT_EQ(parsed->sender, "");
  EXPECT_EQ(parsed->recipients, (std::vector<QueueEntry::Recipient>{{"a@b", ""}}));
}

TEST(JsonLine, ErrorsNameTheField) {
  struct Case {
    std::string_view line;
    std::string_view text;
  };
  constexpr Case kCases[] = {
      {"", "not JSON"},
      {"{", "not JSON"},
      {"[]", "not a JSON object"},
      {"{}", "queue_name"},
      {R"({"queue_name": 1})", "queue_name"},
      {R"({"queue_name": "corrupt"})", "queue_name names no queue"},
      {R"({"queue_name": "hold"})", "queue_id"},
      {R"({"queue_name": "hold", "queue_id": ""})", "queue_id"},
      {R"({"queue_name": "hold", "queue_id": "A"})", "arrival_time"},
      {R"({"queue_name": "hold", "queue_id": "A", "arrival_time": -1})", "arrival_time"},
      {R"({"queue_name": "hold", "queue_id": "A", "arrival_time": 1e9})", "arrival_time"},
      {R"({"queue_name": "hold", "queue_id": "A", "arrival_time": 253402300800})", "arrival_time"},
      {R"({"queue_name": "hold", "queue_id": "A", "arrival_time": 1})", "message_size"},
      {R"({"queue_name": "hold", "queue_id": "A", "arrival_time": 1, "message_size": 1})",
       "sender"},
      {R"({"queue_name": "hold", "queue_id": "A", "arrival_time": 1, "message_size": 1, "forced_expire": 0})",
       "forced_expire"},
      {R"({"queue_name": "hold", "queue_id": "A", "arrival_time": 1, "message_size": 1, "sender": ""})",
       "recipients"},
      {R"({"queue_name": "hold", "queue_id": "A", "arrival_time": 1, "message_size": 1, "sender": "", "recipients": [1]})",
       "recipients"},
      {R"({"queue_name": "hold", "queue_id": "A", "arrival_time": 1, "message_size": 1, "sender": "", "recipients": [{}]})",
       "address"},
      {R"({"queue_name": "hold", "queue_id": "A", "arrival_time": 1, "message_size": 1, "sender": "", "recipients": [], "attempts": 4294967296})",
       "attempts"},
      {R"({"queue_name": "hold", "queue_id": "A", "arrival_time": 1, "message_size": 1, "sender": "", "recipients": [], "next_attempt": null})",
       "next_attempt"},
  };
  for (const Case& c : kCases) {
    const auto parsed = parse_json_line(c.line);
    ASSERT_FALSE(parsed.ok()) << c.line;
    EXPECT_EQ(parsed.error().code, Code::kMalformed);
    EXPECT_NE(std::string_view(parsed.error().text).find(c.text), std::string_view::npos)
        << c.line << ": " << parsed.error().text;
  }
}

}  // namespace
}  // namespace barid::tools
