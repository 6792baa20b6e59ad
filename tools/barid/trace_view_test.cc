// Goal: a message's place, reason and remedy are said rightly for each state it may be in.
// Method: rows of message, recipient and what the server knows → the verdict; rows of log lines.
#include "tools/barid/trace_view.h"

#include <gtest/gtest.h>

namespace barid::tools {
namespace {

constexpr int64_t kNow = 1'000'000;

TraceMessage message(std::string queue, int64_t next_attempt = 0, int64_t attempts = 0) {
  return {.id = "4hQz1k2abcd9",
          .queue = std::move(queue),
          .sender = "a@example.org",
          .stream = "bulk",
          .tenant = "acme",
          .pool = {},
          .email_id = {},
          .arrival = kNow - 60,
          .size = 1,
          .attempts = attempts,
          .next_attempt = next_attempt,
          .forced_expire = false,
          .recipients = {}};
}

TEST(TraceView, EachStateHasItsVerdict) {
  const TraceRoute route{.transport = "smtp",
                         .next_hop = "b.example",
                         .site = "mx.b.example#b.example",
                         .pool = {},
                         .settings = {{"concurrency", {"5", "rule"}}, {"rate", {"0", "default"}}}};
  TraceRoute paced = route;
  paced.settings["rate"] = {"10/s", "b.example in texthash:x"};
  const TraceDestination alive{.transport = "smtp",
                               .next_hop = "b.example",
                               .site = {},
                               .reason = {},
                               .waiting = 7,
                               .in_use = 5,
                               .window = 5,
                               .dead_until = 0};
  TraceDestination dead = alive;
  dead.dead_until = kNow + 30;
  dead.reason = "connection refused";
  TraceDestination idle = alive;
  idle.waiting = 0;
  const std::vector<TraceSuspension> suspended = {
      {.name = "tenant:acme", .kind = "tenant", .value = "acme", .reason = "unpaid", .until = 0}};
  const std::vector<TraceSuspension> site = {{.name = "site:mx.b.example",
                                              .kind = "site",
                                              .value = "MX.b.example",
                                              .reason = {},
                                              .until = kNow + 5}};
  TraceRoute put_off = route;
  put_off.settings["deferred"] = {"yes", "defer_transports (main.cf, line 3)"};
  struct Row {
    TraceMessage message;
    std::string state;
    const TraceRoute* route;
    const TraceDestination* destination;
    const std::vector<TraceSuspension>* suspensions;
    std::string where, why, held_by, remedy;
    int64_t until;
  };
  const Row rows[] = {
      {message("active"), "delivered", &route, &alive, nullptr, "delivered", "", "", "", 0},
      {message("hold"), "pending", &route, &dead, &suspended, "on hold",
       "an operator or a HOLD rule stopped it", "hold", "barid queue release 4hQz1k2abcd9", 0},
      {message("deferred", kNow + 9, 1), "pending", &route, &dead, &suspended, "suspended",
       "unpaid", "suspension tenant:acme", "barid queue resume --tenant acme", 0},
      {message("deferred", kNow + 9, 1), "pending", &route, &alive, &site, "suspended",
       "an operator stopped this mail", "suspension site:mx.b.example",
       "barid queue resume --site MX.b.example", kNow + 5},
      {message("deferred", kNow + 9, 1), "pending", &route, &dead, nullptr, "dead site",
       "connection refused", "", "barid queue flush --domain b.example", kNow + 30},
      {message("deferred", kNow + 9, 1), "pending", &route, &alive, nullptr, "deferred", "said 450",
       "retry_schedule, or minimal_backoff_time and maximal_backoff_time",
       "barid queue flush 4hQz1k2abcd9", kNow + 9},
      {message("deferred", kNow + 9), "pending", &put_off, &alive, nullptr, "deferred transport",
       "mail of this transport waits until it is flushed",
       "deferred=yes (defer_transports (main.cf, line 3))", "barid queue flush 4hQz1k2abcd9", 0},
      {message("incoming", kNow - 1), "pending", &route, &alive, nullptr, "incoming",
       "due, and waits on disk for room in memory",
       "qmgr_message_active_limit, shared by destinations", "", 0},
      {message("active"), "pending", &route, &idle, nullptr, "in delivery", "", "", "", 0},
      {message("active"), "pending", &route, &alive, nullptr, "in memory",
       "7 deliveries wait, 5 are under way",
       "all 5 connections that the site may have now are in use; concurrency=5 (rule)", "", 0},
      {message("active"), "pending", &paced, &alive, nullptr, "in memory",
       "7 deliveries wait, 5 are under way", "rate=10/s (b.example in texthash:x)", "", 0},
      {message("active"), "pending", nullptr, nullptr, nullptr, "in memory",
       "where its destination is has not been found out yet", "", "", 0},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.message.queue + " " + row.where);
    const TraceRecipient to{.address = "x@b.example",
                            .state = row.state,
                            .reason = row.route == &put_off ? "deferred transport" : "said 450",
                            .dsn = {},
                            .remote_mta = {}};
    const TraceVerdict verdict = judge_recipient(row.message, to,
                                                 {.route = row.route,
                                                  .destination = row.destination,
                                                  .suspensions = row.suspensions,
                                                  .now = kNow});
    EXPECT_EQ(verdict.where, row.where);
    EXPECT_EQ(verdict.why, row.why);
    EXPECT_EQ(verdict.held_by, row.held_by);
    EXPECT_EQ(verdict.remedy, row.remedy);
    EXPECT_EQ(verdict.until, row.until);
  }
}

TEST(TraceView, AnAddressIsKeptBackByItsDomainAndSiteOnly) {
  const std::vector<TraceSuspension> entries = {
      {.name = "tenant:acme", .kind = "tenant", .value = "acme", .reason = {}, .until = 0},
      {.name = "domain:b.example",
       .kind = "domain",
       .value = "b.example",
       .reason = "x",
       .until = 0}};
  const TraceState state{
      .route = nullptr, .destination = nullptr, .suspensions = &entries, .now = kNow};
  EXPECT_EQ(judge_address("u@B.example", state).held_by, "suspension domain:b.example");
  EXPECT_EQ(judge_address("u@c.example", state).where, "");
}

TEST(TraceView, ObjectsAreReadOrRefused) {
  const auto read = parse_trace_message(
      R"({"queue_name": "deferred", "queue_id": "4hQz1k2abcd9", "arrival_time": 5, "attempts": 2,)"
      R"( "forced_expire": true, "all_recipients": [{"address": "a@b", "state": "pending"}]})");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->attempts, 2);
  EXPECT_TRUE(read->forced_expire);
  EXPECT_EQ(read->recipients.at(0).address, "a@b");
  for (const char* bad :
       {"", "[]", "{}", R"({"queue_id": "x"})", R"({"queue_id": "x", "all_recipients": [1]})"}) {
    EXPECT_FALSE(parse_trace_message(bad)) << bad;
  }
  EXPECT_FALSE(parse_trace_route("{}"));
  EXPECT_FALSE(parse_trace_destination("{}"));
  EXPECT_FALSE(parse_trace_suspension("{"));
}

TEST(TraceView, LogLines) {
  EXPECT_TRUE(is_log_of_id("x postfix/smtp[1]: 4hQz1k2abcd9: to=<a@b>", "4hQz1k2abcd9"));
  EXPECT_TRUE(is_log_of_id(R"({"queue_id":"4hQz1k2abcd9"})", "4hQz1k2abcd9"));
  EXPECT_FALSE(is_log_of_id("x: 4hQz1k2abcd9z: to=", "4hQz1k2abcd9"));
  EXPECT_TRUE(is_log_of_address("ID: to=<A@b.example>, relay=", "a@B.example"));
  EXPECT_TRUE(is_log_of_address(R"({"to":"a@b.example"})", "a@b.example"));
  EXPECT_FALSE(is_log_of_address("ID: to=<xa@b.example>", "a@b.example"));
  EXPECT_EQ(trace_span(59), "59s");
  EXPECT_EQ(trace_span(3'700), "1h 1m");
}

}  // namespace
}  // namespace barid::tools
