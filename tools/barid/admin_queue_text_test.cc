// Goal: what is asked of the queue is read as meant or refused with the right words; totals are in
// Postfix's words. Method: rows.
#include "tools/barid/admin_queue_text.h"

#include <gtest/gtest.h>

#include "tools/barid/queue_list.h"

namespace barid::tools {
namespace {

using namespace std::chrono_literals;
using schedule::OperationProgress;
using schedule::OperationRequest;
using schedule::QueueAction;
using Query = std::vector<std::pair<std::string, std::string>>;

const std::string kId = QueueId{.micros = 1'700'000'000'000'000, .partition = 1}.text();

TEST(ActionQuery, BadOnes) {
  struct Case {
    QueueAction action;
    Query query;
    std::string says;
  };
  const Case cases[] = {
      {QueueAction::kDelete, {}, "say which messages: ids, filters or all"},
      {QueueAction::kDelete, {{"dry_run", "true"}}, "say which messages: ids, filters or all"},
      {QueueAction::kDelete, {{"all", "false"}}, "say which messages: ids, filters or all"},
      {QueueAction::kDelete, {{"all", "yes"}}, "all \"yes\": true or false"},
      {QueueAction::kDelete,
       {{"id", "xyz"}},
       "\"xyz\" is no queue id: 12 letters and digits, as mailq shows them"},
      {QueueAction::kDelete, {{"id", kId}, {"all", "true"}}, "ids or filters, not both"},
      {QueueAction::kDelete, {{"id", kId}, {"tenant", "t"}}, "ids or filters, not both"},
      {QueueAction::kDelete, {{"colour", "red"}}, "there is no filter \"colour\""},
      {QueueAction::kRelease,
       {{"state", "deferred"}},
       "only messages on hold can be released: leave the state out"},
      {QueueAction::kHold,
       {{"state", "hold"}},
       "hold does not act on messages on hold: name another state"},
  };
  for (const Case& c : cases) {
    OperationRequest request{.action = c.action};
    EXPECT_EQ(read_action_query({.query = c.query}, &request), c.says);
  }
  OperationRequest request;
  Query many;
  for (size_t i = 0; i <= schedule::kOperationIdsMax; ++i) many.emplace_back("id", kId);
  EXPECT_EQ(read_action_query({.query = many}, &request), "at most 1000 ids a request");
}

TEST(ActionQuery, GoodOnes) {
  OperationRequest request{.action = QueueAction::kDelete};
  EXPECT_EQ(
      read_action_query(
          {.query = {{"id", kId}, {"id", kId}, {"state", "hold"}, {"dry_run", "true"}}}, &request),
      "");
  EXPECT_EQ(request.ids.size(), 1u);
  EXPECT_TRUE(request.dry_run);
  OperationRequest release{.action = QueueAction::kRelease};
  EXPECT_EQ(read_action_query({.query = {{"all", "true"}}}, &release), "");
  queue::Message message;
  EXPECT_TRUE(release.filter.matches(message, QueueName::kHold, {}));
  EXPECT_FALSE(release.filter.matches(message, QueueName::kDeferred, {}));
}

TEST(ActionAnswer, SumAndResult) {
  const QueueId one = *QueueId::parse(kId);
  const QueueId two{.micros = one.micros + 1, .partition = 1};
  OperationRequest request{.action = QueueAction::kHold, .ids = {one, two}};
  const OperationProgress running{.examined = 4, .matched = 1, .found = {one}, .changed = {one}};
  const OperationProgress ended{
      .examined = 2, .matched = 2, .busy = 1, .finished = true, .code = Code::kTimeout};
  EXPECT_FALSE(sum({running, ended}).finished);
  const OperationProgress total = sum({ended, running, ended});
  EXPECT_EQ(progress_json(total),
            "{\"examined\": 8, \"matched\": 5, \"released\": 0, \"busy\": 2}\n");
  EXPECT_EQ(result_json(request, total),
            "{\"result\": \"timeout\", \"action\": \"hold\", \"dry_run\": false, \"examined\": 8, "
            "\"matched\": 5, \"released\": 0, \"busy\": 2, \"unknown\": [\"" +
                two.text() + "\"], \"changed\": [\"" + one.text() + "\"]}\n");
}

TEST(ActionAnswer, Summaries) {
  using Lines = std::vector<std::string>;
  const OperationProgress one{.matched = 1, .released = 1};
  const OperationProgress two{.matched = 2};
  EXPECT_EQ(summary_lines(QueueAction::kDelete, one), Lines{"Deleted: 1 message"});
  EXPECT_EQ(summary_lines(QueueAction::kHold, two), Lines{"Placed on hold: 2 messages"});
  EXPECT_EQ(summary_lines(QueueAction::kRelease, two), Lines{"Released from hold: 2 messages"});
  EXPECT_EQ(summary_lines(QueueAction::kRequeue, two), Lines{"Requeued: 2 messages"});
  EXPECT_EQ(summary_lines(QueueAction::kExpireRelease, one),
            (Lines{"Force-expired: 1 message", "Released from hold: 1 message"}));
  EXPECT_EQ(summary_lines(QueueAction::kFlush, two), Lines{});
}

TEST(MessageJson, ListingFieldsFirst) {
  queue::Message message{.id = *QueueId::parse(kId)};
  message.envelope.sender = "s@a.example";
  message.envelope.recipients = {{.address = "done@b.example"}, {.address = "r@b.example"}};
  message.envelope.tenant = "ac\"me";
  message.status.resize(2);
  message.status[0].state = queue::RecipientState::kDelivered;
  message.status[1].reason = "later";
  message.attempts = 1;
  const std::string json = message_json(message, entry_of(message, false));
  const auto entry = parse_json_line(json);
  ASSERT_TRUE(entry.ok());
  EXPECT_EQ(entry->recipients.size(), 1u);
  EXPECT_NE(json.find("\"tenant\": \"ac\\\"me\""), std::string::npos) << json;
  EXPECT_NE(json.find("{\"address\": \"done@b.example\", \"state\": \"delivered\""),
            std::string::npos);
  EXPECT_TRUE(json.ends_with("]}\n"));
}

TEST(Destinations, ShardsAreAddedUp) {
  const schedule::DestinationView a{.transport = "smtp", .nexthop = "a", .waiting = 1, .in_use = 1};
  schedule::DestinationView dead = a;
  dead.dead_until = WallTime(9s);
  dead.reason = "timed out";
  const schedule::DestinationView b{.transport = "smtp", .nexthop = "b", .waiting = 7};
  const auto views = merge_views({{a, b}, {dead}});
  ASSERT_EQ(views.size(), 2u);
  EXPECT_EQ(views[0].nexthop, "b");
  EXPECT_EQ(view_json(views[1]),
            "{\"transport\": \"smtp\", \"nexthop\": \"a\", \"site\": \"\", \"waiting\": 2, "
            "\"in_use\": 2, \"window\": 0, \"dead_until\": 9, \"reason\": \"timed out\"}\n");
}

}  // namespace
}  // namespace barid::tools
