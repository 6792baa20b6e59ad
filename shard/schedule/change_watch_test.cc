// Goal: a reading is told of every change since it began, and nothing is remembered for longer.
#include "shard/schedule/change_watch.h"

#include <gtest/gtest.h>

#include <memory>

namespace barid::schedule {
namespace {

QueueId id(uint64_t micros) { return {.micros = micros}; }

TEST(ChangeWatch, RemembersOnlyForOpenReadings) {
  ChangeWatch watch;
  watch.note(id(1));
  EXPECT_EQ(watch.ids_count(), 0u);
  auto first = std::make_unique<ChangeWatch::Reading>(watch);
  EXPECT_FALSE(first->changed(id(1)));
  watch.note(id(2));
  auto second = std::make_unique<ChangeWatch::Reading>(watch);
  watch.note(id(3));
  EXPECT_TRUE(first->changed(id(2)));
  EXPECT_TRUE(first->changed(id(3)));
  EXPECT_FALSE(second->changed(id(2)));
  EXPECT_TRUE(second->changed(id(3)));
  watch.note(id(2));  // again
  EXPECT_TRUE(second->changed(id(2)));
  first.reset();
  EXPECT_TRUE(second->changed(id(2)));
  EXPECT_EQ(watch.ids_count(), 2u);
  second.reset();
  EXPECT_EQ(watch.ids_count(), 0u);
}

// Readings that overlap for ever do not make it grow for ever.
TEST(ChangeWatch, ForgetsBehindOverlappingReadings) {
  ChangeWatch watch;
  auto older = std::make_unique<ChangeWatch::Reading>(watch);
  for (uint64_t i = 0; i < 1000; ++i) {
    watch.note(id(i));
    auto newer = std::make_unique<ChangeWatch::Reading>(watch);
    older = std::move(newer);
    EXPECT_LE(watch.ids_count(), 1u);
  }
}

}  // namespace
}  // namespace barid::schedule
