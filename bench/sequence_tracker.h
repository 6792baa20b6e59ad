// Which messages of which run arrived, as one bit per (message, recipient), so that losses and
// duplicates of millions of messages are found in a few megabytes.
// Layer: bench, pure; each sink thread owns one, totals are computed over all of them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace barid::bench {

/// "run-0000000042" taken apart. Borrows the text.
struct SequenceName {
  std::string_view run;
  uint64_t number = 0;
};
/// Errors: kMalformed (no run, no number, or a number over kSequenceMax).
[[nodiscard]] Result<SequenceName> parse_sequence_name(std::string_view text) noexcept;

/// Number k of a recipient "r<k>@…" or "…+r<k>@…"; 0 for any other address.
[[nodiscard]] uint32_t recipient_index(std::string_view address) noexcept;

class SequenceTracker {
 public:
  static constexpr uint32_t kRunsMax = 64;

  /// `bits_max` bounds message × recipient numbers per run, and with them the memory.
  explicit SequenceTracker(uint64_t bits_max = uint64_t{1} << 28) : bits_max_(bits_max) {}

  /// Notes one arrival at one recipient. O(1); the bitmap grows in steps.
  void note(std::string_view run, uint64_t number, uint32_t recipient, uint32_t recipient_count);

  struct Totals {
    uint64_t arrivals = 0;    ///< notes taken into account
    uint64_t unique = 0;      ///< distinct (message, recipient) pairs
    uint64_t duplicates = 0;  ///< arrivals beyond the first of a pair
    uint64_t lost = 0;        ///< pairs missing below the highest message number of each run
    uint64_t untracked = 0;   ///< arrivals beyond bits_max or kRunsMax, not in the figures above
  };
  /// Totals over several trackers, as if one had seen everything.
  [[nodiscard]] static Totals totals(std::span<const SequenceTracker* const> trackers);
  [[nodiscard]] Totals totals() const;

 private:
  struct Run {
    std::string name;
    uint32_t recipient_count = 1;
    uint64_t number_max = 0;
    uint64_t arrivals = 0;
    std::vector<uint64_t> words;
  };
  Run* find_or_add_run(std::string_view name, uint32_t recipient_count);

  uint64_t bits_max_;
  uint64_t untracked_ = 0;
  size_t last_run_ = 0;  ///< index of the run of the last note: almost always the next one's too
  std::vector<Run> runs_;
};

}  // namespace barid::bench
