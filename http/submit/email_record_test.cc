// Goal: last_event is the newest that is known of an email: what ended a recipient outlives opens
// and clicks, and they outlive what the queue says later.
// Method: rows for one recipient; records, fates and hits in a store twin, read by the view.
#include "http/submit/email_record.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "http/submit/email_id.h"
#include "http/submit/engagement.h"
#include "http/submit/fate_recorder.h"
#include "http/submit/test_store.h"

namespace barid::http {
namespace {

using queue::Family;

TEST(NewestEvent, Rows) {
  struct Row {
    std::string_view state;
    int64_t fate_at;
    Engagement engagement;
    std::string_view event;
  };
  const Row rows[] = {
      {"queued", 0, {}, "queued"},
      {"scheduled", 0, {}, "scheduled"},
      {"deferred", 5, {}, "delivery_delayed"},
      {"delivered", 5, {}, "delivered"},
      {"delivered", 5, {.opened = 6}, "opened"},
      {"delivered", 5, {.opened = 6, .clicked = 7}, "clicked"},
      {"delivered", 5, {.opened = 8, .clicked = 7}, "clicked"},  // images were shown at last
      {"delivered", 5, {.clicked = 7}, "clicked"},
      {"delivered", 5, {.opened = 4}, "opened"},  // before its 250 was on disk
      {"queued", 0, {.opened = 4}, "opened"},     // the reply was lost
      {"deferred", 5, {.opened = 6}, "opened"},
      {"deferred", 5, {.opened = 4}, "delivery_delayed"},  // another attempt failed
      {"deferred", 5, {.opened = 4, .clicked = 6}, "clicked"},
      {"complained", 5, {.opened = 4}, "complained"},
      {"complained", 5, {.opened = 4, .clicked = 6}, "complained"},
      {"bounced", 5, {.opened = 6}, "bounced"},
      {"failed", 5, {.opened = 4}, "failed"},
      {"suppressed", 5, {.opened = 6}, "suppressed"},
      {"canceled", 5, {.opened = 6}, "canceled"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(newest_event(row.state, row.fate_at, row.engagement), row.event)
        << row.state << ' ' << row.fate_at << ' ' << row.engagement.opened << ' '
        << row.engagement.clicked;
  }
}

class EmailView : public ::testing::Test, protected TestStore {
 protected:
  EmailView() : id(partition.allocate_id()), email_id(make_email_id(id, 7)) {}

  /// `recipients`: in one copy.
  void record(const std::vector<std::string>& recipients, bool tracked) {
    EmailFacts facts{.id = email_id, .tenant = "acme", .message_id = "m@x.example"};
    for (uint32_t i = 0; i < recipients.size(); ++i) {
      facts.recipients.push_back({.address = recipients[i], .queue_id = id, .index = i});
    }
    EmailRequest request;
    request.track.opens = tracked;
    put(Family::kEmails, {id.key().data(), id.key().size()}, email_record(facts, request));
  }
  void fate(uint32_t recipient, std::string_view state, int64_t at) {
    put(Family::kFates, fate_key(id, recipient),
        fmt::format("{{\"v\":1,\"state\":\"{}\",\"at\":{},\"attempts\":1,\"reply\":\"x\"}}", state,
                    at));
  }
  void hit(uint32_t recipient, TrackedAct act, int64_t at) {
    put(Family::kFates, engagement_key(id, recipient, act), engagement_entry(at));
  }
  void put(Family family, std::string_view key, const std::string& value) {
    partition.put_entry(family, key, value);
    settle();
  }
  JsonValue view() const {
    const auto text = read_email_view(store, {.tenant = "acme", .id = email_id, .first = id});
    EXPECT_TRUE(text.ok());
    return parse_json(*text).value_or(JsonValue{});
  }
  std::string last() const { return std::string(json_text(view(), "last_event")); }

  const QueueId id;
  const std::string email_id;
};

TEST_F(EmailView, ARecipientsOpensAndClicksAreNewerThanItsDelivery) {
  record({"joe@x.example"}, true);
  EXPECT_EQ(last(), "queued");
  fate(0, "delivered", 10);
  EXPECT_EQ(last(), "delivered");
  hit(0, TrackedAct::kOpen, 20'000'000);
  EXPECT_EQ(last(), "opened");
  const JsonValue shown = view();
  const JsonValue& recipient = shown.find("recipients")->items.at(0);
  EXPECT_EQ(json_text(recipient, "state"), "delivered");
  EXPECT_EQ(json_text(recipient, "opened_at"), "1970-01-01T00:00:20.000Z");
  EXPECT_TRUE(recipient.find("clicked_at")->is_null());
  hit(0, TrackedAct::kClick, 30'000'000);
  EXPECT_EQ(last(), "clicked");
  fate(0, "complained", 40'000'000);
  EXPECT_EQ(last(), "complained");
}

TEST_F(EmailView, OfSeveralTheLeastHappyOneUntilAllHaveIt) {
  record({"joe@x.example", "eve@x.example"}, true);
  fate(0, "delivered", 10);
  hit(kSomeRecipient, TrackedAct::kClick, 20);
  EXPECT_EQ(last(), "queued");
  fate(1, "deferred", 30);
  EXPECT_EQ(last(), "delivery_delayed");
  fate(1, "delivered", 40);
  EXPECT_EQ(last(), "clicked");
  fate(0, "bounced", 50);
  EXPECT_EQ(last(), "bounced");
}

TEST_F(EmailView, ARequeuedRecipientIsFollowed) {
  record({"joe@x.example", "eve@x.example"}, false);
  fate(0, "delivered", 10);
  fate(1, "deferred", 20);
  const auto requeue = [this](QueueId from, uint32_t place, QueueId to) {
    put(Family::kFates, fate_key(from, place),
        fmt::format("{{\"v\":1,\"state\":\"requeued\",\"at\":30,\"queue_id\":\"{}\",\"index\":0}}",
                    to.text()));
  };
  const QueueId second = partition.allocate_id();
  requeue(id, 1, second);
  EXPECT_EQ(last(), "queued");
  const QueueId third = partition.allocate_id();
  requeue(second, 0, third);
  put(Family::kFates, fate_key(third, 0),
      "{\"v\":1,\"state\":\"bounced\",\"at\":40,\"attempts\":1,\"reply\":\"550 no\"}");
  EXPECT_EQ(last(), "bounced");
  const JsonValue shown = view();
  const std::vector<JsonValue>& recipients = shown.find("recipients")->items;
  EXPECT_EQ(json_text(recipients.at(0), "state"), "delivered");
  EXPECT_EQ(json_text(recipients.at(0), "queue_id"), id.text());
  EXPECT_EQ(json_text(recipients.at(1), "queue_id"), third.text());
  EXPECT_EQ(json_text(recipients.at(1), "last_reply"), "550 no");
  requeue(third, 0, id);  // nothing makes such a circle
  requeue(id, 0, third);
  EXPECT_EQ(last(), "queued");
}

TEST_F(EmailView, WhatIsNotTrackedHasNoSuchTimes) {
  record({"joe@x.example"}, false);
  fate(0, "delivered", 10);
  EXPECT_EQ(last(), "delivered");
  EXPECT_EQ(view().find("recipients")->items.at(0).find("opened_at"), nullptr);
}

}  // namespace
}  // namespace barid::http
