// Goal: the process after a kill knows every message that was on its way, none twice, and those
// that it was told of stay known until they are settled, however often processes die.
// Method: marks over a piece of memory that outlives them, and over a real file.
#include "shard/queue/flight_marks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "core/base/rng.h"
#include "shard/queue/mapped_file.h"

namespace barid::queue {
namespace {

constexpr uint64_t kBoot = 7;

QueueId id(uint64_t micros) { return {.micros = micros, .partition = 3}; }

std::vector<uint64_t> left(const FlightMarks& marks) {
  std::vector<uint64_t> micros;
  for (const QueueId one : marks.left()) {
    EXPECT_EQ(one.partition, 3);
    micros.push_back(one.micros);
  }
  std::sort(micros.begin(), micros.end());
  return micros;
}

using Micros = std::vector<uint64_t>;

class FlightMarksTest : public ::testing::Test {
 protected:
  FlightMarks next(uint64_t host_run = kBoot) { return {memory, 3, host_run}; }
  std::vector<uint64_t> memory = std::vector<uint64_t>(FlightMarks::kHeaderWords + 4);
};

TEST_F(FlightMarksTest, TellsTheNextProcessWhatIsSet) {
  FlightMarks first = next();
  EXPECT_TRUE(first.left().empty());
  const uint32_t gone = first.set(id(10));
  EXPECT_NE(first.set(id(11)), gone);
  static_cast<void>(first.set(id(12)));
  first.clear(gone);
  FlightMarks second = next();
  EXPECT_EQ(left(second), (Micros{11, 12}));
  EXPECT_FALSE(second.is_incomplete());
}

TEST_F(FlightMarksTest, WhatWasLeftStaysUntilItsTakerClearsIt) {
  static_cast<void>(next().set(id(10)));
  FlightMarks second = next();
  EXPECT_EQ(second.take_left(id(11)), FlightMarks::kNone);
  const uint32_t taken = second.take_left(id(10));
  ASSERT_NE(taken, FlightMarks::kNone);
  EXPECT_EQ(second.take_left(id(10)), FlightMarks::kNone);
  FlightMarks third = next();  // the second one died before the message was settled
  EXPECT_EQ(left(third), (Micros{10}));
  third.clear(third.take_left(id(10)));
  EXPECT_TRUE(next().left().empty());
}

TEST_F(FlightMarksTest, TwoFlightsOfAMessageAreOneThatWasLeft) {
  FlightMarks first = next();
  static_cast<void>(first.set(id(10)));
  static_cast<void>(first.set(id(10)));
  FlightMarks second = next();
  EXPECT_EQ(left(second), (Micros{10}));
  second.clear(second.take_left(id(10)));
  EXPECT_TRUE(next().left().empty());
}

TEST_F(FlightMarksTest, AMarkOfOneFlightIsNotGivenToAnother) {
  static_cast<void>(next().set(id(10)));
  FlightMarks marks = next();
  std::set<uint32_t> given{marks.take_left(id(10))};
  for (uint64_t i = 0; i < 3; ++i) EXPECT_TRUE(given.insert(marks.set(id(20 + i))).second);
  EXPECT_EQ(marks.set(id(30)), FlightMarks::kNone);  // all four are in use
}

TEST_F(FlightMarksTest, SaysThatItDoesNotKnowAll) {
  FlightMarks first = next();
  for (uint64_t i = 0; i < 5; ++i) static_cast<void>(first.set(id(10 + i)));
  first.clear(FlightMarks::kNone);
  FlightMarks second = next();
  EXPECT_TRUE(second.is_incomplete()) << "there was no mark for the fifth";
  EXPECT_EQ(left(second), (Micros{10, 11, 12, 13}));
  FlightMarks third = next(kBoot + 2);
  EXPECT_TRUE(third.is_incomplete()) << "the host went down";
  EXPECT_EQ(left(third), (Micros{10, 11, 12, 13}));
  third.end();
  EXPECT_FALSE(next(kBoot + 4).is_incomplete()) << "the last one ended by itself";
}

TEST_F(FlightMarksTest, AForeignFileIsEmpty) {
  std::fill(memory.begin(), memory.end(), 0x5555);
  EXPECT_TRUE(next().left().empty());
  EXPECT_TRUE(next().left().empty());
}

/// A model of processes that die at any time.
TEST_F(FlightMarksTest, AlwaysTellsWhatWasFlying) {
  Rng rng(20);
  memory.resize(FlightMarks::kHeaderWords + 64);
  std::set<uint64_t> flying;
  uint64_t last = 0;
  for (int process = 0; process < 200; ++process) {
    FlightMarks marks = next();
    ASSERT_EQ(left(marks), Micros(flying.begin(), flying.end()));
    std::vector<std::pair<uint64_t, uint32_t>> mine;
    for (uint64_t step = rng.below(200); step > 0; --step) {
      if (rng.below(2) == 0 && flying.size() < 64) {
        ++last;
        mine.emplace_back(last, marks.set(id(last)));
        flying.insert(last);
      } else if (!mine.empty()) {
        std::swap(mine[rng.below(mine.size())], mine.back());
        marks.clear(mine.back().second);
        flying.erase(mine.back().first);
        mine.pop_back();
      } else if (const auto waiting = marks.left(); !waiting.empty()) {
        const QueueId one = waiting[rng.below(waiting.size())];
        mine.emplace_back(one.micros, marks.take_left(one));
      }
    }
  }
}

TEST(MappedFileTest, KeepsWordsAndSaysWhyNot) {
  const std::filesystem::path directory =
      std::filesystem::temp_directory_path() / ("mapped-" + std::to_string(getpid()));
  std::filesystem::create_directory(directory);
  const std::string path = directory / "words";
  for (uint64_t round = 0; round < 3; ++round) {
    Result<MappedFile> file = MappedFile::open(path, 600);
    ASSERT_TRUE(file.ok());
    ASSERT_EQ(file->words().size(), 600u);
    EXPECT_EQ(file->words()[599], round);
    MappedFile moved = *std::move(file);
    moved.words()[599] = round + 1;
  }
  EXPECT_EQ(std::filesystem::file_size(path), 4800u);
  EXPECT_EQ(MappedFile::open(directory / "none" / "words", 1).error().error_number, ENOENT);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace barid::queue
