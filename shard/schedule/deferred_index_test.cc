// Goal: the index always knows each destination's earliest due time and the earliest of all.
// Method: random operations against a map that is searched linearly.
#include "shard/schedule/deferred_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "core/base/rng.h"

namespace barid::schedule {
namespace {

TEST(DeferredIndex, KeepsTheEarliest) {
  DeferredIndex index;
  EXPECT_TRUE(index.empty());
  EXPECT_EQ(index.next_due(), std::nullopt);
  index.note("a", wall_from_micros(20));
  index.note("a", wall_from_micros(30));
  EXPECT_EQ(index.next_due(), wall_from_micros(20));
  index.note("a", wall_from_micros(10));
  EXPECT_EQ(index.next_due(), wall_from_micros(10));
  EXPECT_EQ(index.destinations_count(), 1u);
  index.take("b");  // unknown: nothing happens
  index.take("a");
  EXPECT_TRUE(index.empty());
  EXPECT_EQ(index.destinations_count(), 0u);
}

TEST(DeferredIndex, AgreesWithAModel) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Rng rng(seed);
    DeferredIndex index;
    std::map<std::string, WallTime> model;
    for (int i = 0; i < 2000; ++i) {
      const std::string name = "d" + std::to_string(rng.below(30));
      if (rng.chance(700)) {
        const WallTime due = wall_from_micros(static_cast<int64_t>(rng.below(50)));
        index.note(name, due);
        const auto [found, inserted] = model.try_emplace(name, due);
        if (!inserted) found->second = std::min(found->second, due);
      } else if (rng.chance(500)) {
        index.take(name);
        model.erase(name);
      } else if (!index.empty()) {
        const std::string next = index.next_destination();
        ASSERT_EQ(model.at(next), *index.next_due());
        index.take(next);
        model.erase(next);
      }
      ASSERT_EQ(index.destinations_count(), model.size());
      ASSERT_EQ(index.empty(), model.empty());
      if (model.empty()) continue;
      const auto earliest =
          std::min_element(model.begin(), model.end(),
                           [](const auto& a, const auto& b) { return a.second < b.second; });
      ASSERT_EQ(index.next_due(), earliest->second) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace barid::schedule
