// Goal: a tenant that reads page after page sees each of its events once and in order, whatever
// lies between them: other tenants' events, events of emails that were let go, other partitions.
// Method: stores in memory; walks with every size of page.
#include "http/submit/event_record.h"

#include <gtest/gtest.h>

#include "http/submit/email_id.h"
#include "http/submit/json.h"
#include "http/submit/map_store.h"
#include "http/submit/query.h"

namespace barid::http {
namespace {

constexpr uint64_t kBegin = 1'700'000'000'000'000;

class EventPages : public ::testing::Test {
 protected:
  EventPages() : stores_{&left_, &right_} {}

  QueueId id(uint64_t micros, uint16_t partition) const {
    return {.micros = kBegin + micros, .partition = partition};
  }
  void add(uint64_t micros, uint16_t partition, std::string_view tenant, bool let_go = false) {
    const QueueId event = id(micros, partition);
    std::string value =
        "{\"v\":1,\"type\":\"email.sent\",\"at\":1,\"tenant\":\"" + std::string(tenant) + '"';
    if (let_go) value += ",\"email_id\":\"" + make_email_id(id(1, partition), 7) + '"';
    (partition == 0 ? left_ : right_)
        .apply({{.family = queue::Family::kEvents, .key = key_of(event), .value = value + '}'}});
    if (tenant == "acme" && !let_go) wanted_.push_back(event.text());
  }
  std::vector<std::string> walk(uint32_t limit) {
    std::vector<std::string> seen;
    EventQuery query{.tenant = "acme", .limit = limit, .before = std::string(16, '\xff')};
    for (int pages = 0; pages < 1000; ++pages) {
      const Result<std::string> text = read_events(stores_, query);
      if (!text.ok()) break;
      const auto page = parse_json(*text);
      const JsonValue* data = page->find("data");
      EXPECT_LE(data->items.size(), limit);
      for (const JsonValue& item : data->items) seen.emplace_back(json_text(item, "id"));
      if (!page->find("has_more")->boolean) return seen;
      EXPECT_FALSE(data->items.empty()) << "nowhere to go on from";
      query.after = key_of(*QueueId::parse(seen.back()));
    }
    ADD_FAILURE() << "no end";
    return seen;
  }

  MapStore left_, right_;
  std::vector<const queue::Store*> stores_;
  std::vector<std::string> wanted_;
};

TEST_F(EventPages, NothingIsSkippedOrToldTwice) {
  for (uint64_t n = 0; n < 40; ++n) {
    const uint16_t partition = n % 7 < 3 ? 0 : 1;
    add(1000 * n, partition, "acme");
    add(1000 * n + 1, partition, "other");
    // Long runs in one partition only: pages of nothing there, while the other one goes on.
    if (n == 5 || n == 20) {
      for (uint64_t k = 0; k < 200; ++k) add(1000 * n + 2 + k, 0, "acme", true);
    }
  }
  for (const uint32_t limit : {1u, 2u, 3u, 5u, 39u, 40u, 41u, 100u}) {
    EXPECT_EQ(walk(limit), wanted_) << limit;
  }
}

TEST_F(EventPages, OthersNamesAreNotOurs) {
  add(1, 0, "acme2");
  add(2, 0, "other");
  add(3, 0, "acme");
  EXPECT_EQ(walk(10), wanted_);
}

}  // namespace
}  // namespace barid::http
