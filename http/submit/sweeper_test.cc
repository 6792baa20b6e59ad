// Goal: each kind of entry is let go when its time is over, and not before. Method: rows.
#include "http/submit/sweeper.h"

#include <gtest/gtest.h>

namespace barid::http {
namespace {

using namespace std::chrono_literals;
using queue::Family;

std::string key_at(WallTime time) {
  const auto key =
      QueueId{.micros = static_cast<uint64_t>(unix_micros(time)), .partition = 1}.key();
  return {key.data(), key.size()};
}

std::string ends_at(WallTime time) {
  std::string value;
  const auto micros = static_cast<uint64_t>(unix_micros(time));
  for (int shift = 56; shift >= 0; shift -= 8) value += static_cast<char>(micros >> shift & 0xff);
  return value + std::string(40, 'x');
}

TEST(Sweeper, WhatIsOver) {
  const WallTime now = wall_from_micros(1'700'000'000'000'000);
  const Retention retention{.messages = 48h, .events = 24h};
  const auto micros = [](WallTime time) { return std::to_string(unix_micros(time)); };
  struct Case {
    Family family;
    std::string key, value;
    bool over;
  };
  const Case cases[] = {
      {Family::kEvents, key_at(now - 25h), "{}", true},
      {Family::kEvents, key_at(now - 23h), "{}", false},
      {Family::kEvents, "odd", "{}", true},
      {Family::kIdempotency, "k", ends_at(now - 1s), true},
      {Family::kIdempotency, "k", ends_at(now + 1s), false},
      {Family::kEmails, "k", "{\"created_at\":" + micros(now - 49h) + "}", true},
      {Family::kEmails, "k", "{\"created_at\":" + micros(now - 47h) + "}", false},
      {Family::kEmails, "k",
       "{\"created_at\":" + micros(now - 490h) + ",\"scheduled_at\":" + micros(now + 1h) + "}",
       false},
      {Family::kEmails, "k", "damaged", true},
      {Family::kFates, key_at(now - 900h), "{\"at\":" + micros(now - 1h) + "}", false},
      {Family::kFates, key_at(now - 900h), "{\"at\":" + micros(now - 49h) + "}", true},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.value);
    EXPECT_EQ(is_over(c.family, c.key, c.value, now, retention, EventFloors::kNobody), c.over);
  }
}

TEST(Sweeper, EventsThatAreStillAskedForStay) {
  const WallTime now = wall_from_micros(1'700'000'000'000'000);
  const Retention retention{.messages = 48h, .events = 24h};
  EventFloors floors;
  floors.add_partition(1);
  const std::string key = key_at(now - 25h);
  const auto over = [&] {
    return is_over(Family::kEvents, key, "{}", now, retention, floors.of(1));
  };
  EXPECT_FALSE(over());  // nobody has said yet what they need
  floors.set(1, static_cast<uint64_t>(unix_micros(now - 26h)));
  EXPECT_FALSE(over());
  floors.set(1, static_cast<uint64_t>(unix_micros(now - 2h)));
  EXPECT_TRUE(over());
}

}  // namespace
}  // namespace barid::http
