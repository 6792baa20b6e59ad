// Goal: names of queues survive the trip to text and back, and nothing else is taken for one.
// Method: rows.
#include "shard/queue/queue_key.h"

#include <gtest/gtest.h>

namespace barid::queue {
namespace {

TEST(QueueKey, RoundTrip) {
  const QueueKey rows[] = {
      {.destination = "smtp:example.org"},
      {.is_new = true, .lane = Stream::kBulk, .tenant = "acme", .destination = "smtp:example.org"},
      {.tenant = "ümlaut", .destination = "lmtp:unix:/run/x"},
      {.is_new = true, .destination = ""},
  };
  for (const QueueKey& row : rows) {
    const std::string text = queue_key(row);
    const auto parsed = parse_queue_key(text);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed, row);
  }
  EXPECT_EQ(queue_key({.tenant = std::string_view("a\x1f\0b", 4), .destination = "d"}),
            "d0a??b\x1f"
            "d");
}

TEST(QueueKey, NothingElse) {
  for (const char* text : {"", "n", "n0", "x0\x1f", "n2\x1f", "smtp:example.org", "d0tenant"}) {
    EXPECT_FALSE(parse_queue_key(text)) << text;
  }
}

}  // namespace
}  // namespace barid::queue
