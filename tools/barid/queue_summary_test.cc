// Goal: the queue's summary counts what is there, however much there is. Method: rows and messages.
#include "tools/barid/queue_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace barid::tools {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr WallTime kNow{std::chrono::seconds(1'000'000'000)};

queue::Message waiting(std::string tenant, std::vector<std::string> recipients, Duration age,
                       std::string reason = {}) {
  queue::Message message;
  message.id = {.micros = 1'000'000, .partition = 0};
  message.arrival = std::chrono::time_point_cast<WallTime::duration>(kNow - age);
  message.envelope.tenant = std::move(tenant);
  for (std::string& address : recipients) {
    message.envelope.recipients.push_back({.address = std::move(address)});
    queue::RecipientStatus status;
    status.reason = reason;
    message.status.push_back(std::move(status));
  }
  return message;
}

TEST(QueueSummary, ReasonPattern) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"", ""},
      {"Connection timed out", "Connection timed out"},
      {"connect to mx1.a.example[192.0.2.1]:25: Connection refused",
       "connect to …[…]:25: Connection refused"},
      {"connect to [2001:db8::1]:2525: Connection refused",
       "connect to …[…]:…: Connection refused"},
      {"host mx.b.example[192.0.2.7] said: 451 4.7.1 <joe@b.example>: Greylisted for 300 seconds "
       "(in reply to RCPT TO command)",
       "host …[…] said: 451 4.7.1 <…>: Greylisted for 300 seconds (in reply to RCPT TO command)"},
      {"421-4.7.0 id q17si2340911wrd.5 try later", "421-4.7.0 id ….5 try later"},
      {"a <b and c> d [not an address]", "a <b and c> d [not an address]"},
      {"delivery temporarily suspended: tenant:acme",
       "delivery temporarily suspended: tenant:acme"},
      {"mail from 192.0.2.41 deferred, see 4.7.0", "mail from … deferred, see 4.7.0"},
      {"<unclosed@x", "<unclosed@x"},
  };
  for (const auto& [reason, pattern] : rows) EXPECT_EQ(reason_pattern(reason), pattern) << reason;
  const std::string cut = reason_pattern(std::string(239, 'a') + " é" + std::string(99, 'b'));
  EXPECT_LE(cut.size(), kReasonPatternBytesMax);
  EXPECT_TRUE(cut.ends_with("…")) << cut;
}

TEST(QueueSummary, Counts) {
  QueueSummary summary;
  summary.add(waiting("one", {"a@X.example", "b@y.example"}, 7min, "refused"), QueueName::kDeferred,
              kNow);
  summary.add(waiting("one", {"c@x.example"}, 1min), QueueName::kActive, kNow);
  summary.add(waiting("", {"d@x.example"}, 48h, "refused"), QueueName::kHold, kNow);
  queue::Message done = waiting("two", {"e@x.example", "f@z.example"}, 1min);
  done.status[0].state = queue::RecipientState::kDelivered;
  summary.add(done, QueueName::kDeferred, kNow);
  summary.set_examined(4);
  const std::string json = summary.json(10);
  for (
      const std::string_view part : {
          R"("examined":4,"messages":4,"recipients":5,)",
          R"("states":{"active":1,"incoming":0,"deferred":2,"hold":1})",
          R"("ages":[2,2,0,0,0,0,0,0,0,1],"domains":[)",
          R"({"domain":"x.example","recipients":3,"deferred":2,"oldest":999827200,"ages":[1,1,0,0,0,0,0,0,0,1]})",
          R"("domains_count":3,"domains_other":0)",
          R"("reason":"refused","recipients":3,)",
          R"("domains_count":2,"domains":["x.example","y.example"])",
          R"({"tenant":"one","messages":2,"recipients":3,"oldest":999999580,"states":{"active":1,"incoming":0,"deferred":1,"hold":0}})",
          R"({"tenant":"two","messages":1,"recipients":1,)",
      }) {
    EXPECT_THAT(json, HasSubstr(part));
  }
  EXPECT_EQ(json.find('\n'), json.size() - 1);
}

TEST(QueueSummary, IsBounded) {
  QueueSummary summary;
  for (size_t i = 0; i < QueueSummary::kDomainsMax + 7; ++i) {
    const std::string name = std::to_string(i);
    summary.add(waiting("tenant" + name, {"a@d" + name + ".example"}, 1min, "why x" + name),
                QueueName::kDeferred, kNow);
  }
  const std::string json = summary.json(3);
  EXPECT_THAT(json, HasSubstr(R"("domains_count":20000,"domains_other":7)"));
  EXPECT_THAT(json, HasSubstr(R"("tenants_count":5000,"tenants_other":15007)"));
  EXPECT_THAT(json, HasSubstr(R"("reasons_count":1000,"reasons_other":)"));
  EXPECT_LT(json.size(), 4000u);
}

TEST(QueueSummary, OfNothing) {
  EXPECT_THAT(QueueSummary().json(5), HasSubstr(R"("messages":0,"recipients":0,"oldest":0)"));
}

}  // namespace
}  // namespace barid::tools
