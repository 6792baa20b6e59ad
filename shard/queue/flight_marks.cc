#include "shard/queue/flight_marks.h"

#include <algorithm>
#include <atomic>

#include "core/base/assert.h"

namespace barid::queue {
namespace {

constexpr uint64_t kMagic = 0x31746c4664697262;  // "bridFlt1", little-endian

// Words of the header. One is spare.
constexpr size_t kMagicWord = 0;
constexpr size_t kHostRunWord = 1;   // of the process that uses it; 0 = it ended by itself
constexpr size_t kOverflowWord = 2;  // flights without a mark

}  // namespace

FlightMarks::FlightMarks(std::span<uint64_t> words, uint16_t partition, uint64_t host_run)
    : words_(words), partition_(partition) {
  BARID_ASSERT(words.size() >= kHeaderWords && host_run != 0);
  const bool foreign = words[kMagicWord] != kMagic;
  if (foreign) std::fill(words.begin(), words.end(), 0);
  const uint64_t run_before = words[kHostRunWord];
  incomplete_ = (run_before != 0 && run_before != host_run) || words[kOverflowWord] != 0;
  for (size_t i = words.size() - kHeaderWords; i-- > 0;) {
    const auto mark = static_cast<uint32_t>(i);
    uint64_t& micros = words[kHeaderWords + i];
    if (micros != 0 && left_.try_emplace(micros, mark).second) {
      unused_ = std::max(unused_, mark + 1);
      continue;
    }
    micros = 0;  // free, or a second flight of the same message
    if (mark < unused_) free_.push_back(mark);
  }
  write(kOverflowWord, 0);
  write(kHostRunWord, host_run);
  write(kMagicWord, kMagic);
}

uint32_t FlightMarks::set(QueueId id) noexcept {
  uint32_t mark = kNone;
  if (!free_.empty()) {
    mark = free_.back();
    free_.pop_back();
  } else if (unused_ < words_.size() - kHeaderWords) {
    mark = unused_++;
  } else {
    write(kOverflowWord, words_[kOverflowWord] + 1);
    return kNone;
  }
  write(kHeaderWords + mark, id.micros);
  return mark;
}

void FlightMarks::clear(uint32_t mark) noexcept {
  if (mark == kNone) return;
  BARID_ASSERT(mark < unused_ && words_[kHeaderWords + mark] != 0);
  write(kHeaderWords + mark, 0);
  free_.push_back(mark);
}

std::vector<QueueId> FlightMarks::left() const {
  std::vector<QueueId> ids;
  ids.reserve(left_.size());
  for (const auto& [micros, mark] : left_) {
    ids.push_back(QueueId{.micros = micros, .partition = partition_});
  }
  return ids;
}

uint32_t FlightMarks::take_left(QueueId id) noexcept {
  if (left_.empty()) return kNone;
  const auto found = left_.find(id.micros);
  if (found == left_.end()) return kNone;
  const uint32_t mark = found->second;
  left_.erase(found);
  return mark;
}

void FlightMarks::end() noexcept { write(kHostRunWord, 0); }

/// Before whatever the process does next: the kernel must not see a byte of a message go first.
void FlightMarks::write(size_t word, uint64_t value) noexcept {
  std::atomic_ref<uint64_t>(words_[word]).store(value, std::memory_order_release);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

}  // namespace barid::queue
