// Goal: moments in words mean what a person would think, others are refused.
// Method: rows; the clock stands at Tuesday 2023-11-14 22:13:20 UTC.
#include "http/submit/moment.h"

#include <gtest/gtest.h>

#include "http/submit/views.h"

namespace barid::http {
namespace {

const WallTime kNow = wall_from_micros(1'700'000'000'000'000);

TEST(Moment, Words) {
  const struct {
    std::string_view text, wanted;
  } cases[] = {
      {"in 1 min", "2023-11-14T22:14:20.000Z"},
      {"In an hour", "2023-11-14T23:13:20.000Z"},
      {"in 2 weeks", "2023-11-28T22:13:20.000Z"},
      {"tomorrow at 9am", "2023-11-15T09:00:00.000Z"},
      {"tomorrow", "2023-11-15T09:00:00.000Z"},
      {"Tomorrow at 9:30 PM UTC", "2023-11-15T21:30:00.000Z"},
      {"today at 23:45", "2023-11-14T23:45:00.000Z"},
      {"today at 12am", "2023-11-14T00:00:00.000Z"},
      {"today at noon", "2023-11-14T12:00:00.000Z"},
      {"Friday at 3pm ET", "2023-11-17T20:00:00.000Z"},
      {"friday at 3pm EDT", "2023-11-17T19:00:00.000Z"},
      {"next tuesday at 8am PT", "2023-11-21T16:00:00.000Z"},
      {"mon", "2023-11-20T09:00:00.000Z"},
      {"2024-07-01T12:00:00+02:00", "2024-07-01T10:00:00.000Z"},
  };
  for (const auto& one : cases) {
    const auto moment = parse_moment(one.text, kNow);
    ASSERT_TRUE(moment) << one.text;
    EXPECT_EQ(iso_time(*moment), one.wanted) << one.text;
  }
  const WallTime july = *parse_moment("2024-07-01T12:00:00Z", kNow);
  EXPECT_EQ(iso_time(*parse_moment("tomorrow at 9am ET", july)), "2024-07-02T13:00:00.000Z");
}

TEST(Moment, Refused) {
  for (const std::string_view text :
       {"", "in", "in 5", "in five min", "in 5 parsecs", "in 7116329 weeks", "in 5 min or so",
        "tomorrow at 9", "tomorrow at 25:00", "tomorrow at 13pm", "tomorrow at 9am CET",
        "tomorrow at 9am ET now", "someday", "at 9am", "2024-02-30T00:00:00Z",
        "2024-01-01T00:00:00", "2024-01-01"}) {
    EXPECT_FALSE(parse_moment(text, kNow)) << text;
  }
}

}  // namespace
}  // namespace barid::http
