// Goal: every loss and duplicate is counted, whichever thread saw it, within bounded memory.
#include "bench/sequence_tracker.h"

#include <gtest/gtest.h>

#include <array>

namespace barid::bench {
namespace {

TEST(SequenceName, Grammar) {
  struct Row {
    std::string_view in;
    bool ok;
    std::string_view run;
    uint64_t number;
  };
  for (const Row& row :
       {Row{"abc-0000000042", true, "abc", 42}, Row{"a-b-7", true, "a-b", 7},
        Row{"abc-9999999999", true, "abc", 9999999999u}, Row{"abc-10000000000", false, "", 0},
        Row{"-7", false, "", 0}, Row{"abc", false, "", 0}, Row{"abc-", false, "", 0},
        Row{"abc-7x", false, "", 0}, Row{"", false, "", 0}}) {
    SCOPED_TRACE(row.in);
    const auto name = parse_sequence_name(row.in);
    ASSERT_EQ(name.ok(), row.ok);
    if (!row.ok) continue;
    EXPECT_EQ(name->run, row.run);
    EXPECT_EQ(name->number, row.number);
  }
}

TEST(RecipientIndex, Addresses) {
  struct Row {
    std::string_view in;
    uint32_t want;
  };
  for (const Row& row :
       {Row{"r0@d0000.example", 0}, Row{"r17@d0000.example", 17}, Row{"user+r3@example.org", 3},
        Row{"user@example.org", 0}, Row{"r@example.org", 0}, Row{"r1x@example.org", 0},
        Row{"r5", 5}, Row{"r1000@example.org", 0}, Row{"", 0}}) {
    SCOPED_TRACE(row.in);
    EXPECT_EQ(recipient_index(row.in), row.want);
  }
}

TEST(SequenceTracker, LossesAndDuplicates) {
  SequenceTracker tracker;
  EXPECT_EQ(tracker.totals().lost, 0u);
  for (const uint64_t n : {0u, 1u, 2u, 4u, 4u, 4u, 200u}) tracker.note("a", n, 0, 1);
  tracker.note("b", 1, 0, 1);
  const auto totals = tracker.totals();
  EXPECT_EQ(totals.arrivals, 8u);
  EXPECT_EQ(totals.unique, 6u);
  EXPECT_EQ(totals.duplicates, 2u);
  EXPECT_EQ(totals.lost, (201u - 5u) + 1u);
  EXPECT_EQ(totals.untracked, 0u);
}

TEST(SequenceTracker, EveryRecipientCounts) {
  SequenceTracker tracker;
  for (const uint32_t k : {0u, 1u, 2u}) tracker.note("a", 0, k, 3);
  tracker.note("a", 1, 1, 3);
  tracker.note("a", 1, 3, 3);  // beyond its own header's count
  const auto totals = tracker.totals();
  EXPECT_EQ(totals.lost, 2u);
  EXPECT_EQ(totals.duplicates, 0u);
  EXPECT_EQ(totals.untracked, 1u);
}

TEST(SequenceTracker, DuplicatesAcrossThreads) {
  SequenceTracker first, second;
  first.note("a", 0, 0, 1);
  second.note("a", 0, 0, 1);
  second.note("a", 2, 0, 1);
  const std::array<const SequenceTracker*, 2> both{&first, &second};
  const auto totals = SequenceTracker::totals(both);
  EXPECT_EQ(totals.duplicates, 1u);
  EXPECT_EQ(totals.lost, 1u);
}

TEST(SequenceTracker, MemoryIsBounded) {
  SequenceTracker tracker(/*bits_max=*/128);
  tracker.note("a", 127, 0, 1);
  tracker.note("a", 128, 0, 1);
  for (uint32_t i = 0; i < SequenceTracker::kRunsMax; ++i) {
    tracker.note("run" + std::to_string(i), 0, 0, 1);
  }
  const auto totals = tracker.totals();
  EXPECT_EQ(totals.untracked, 2u);
  EXPECT_EQ(totals.arrivals, SequenceTracker::kRunsMax);
}

}  // namespace
}  // namespace barid::bench
