// What a comparison says: medians with their spread, and ratios taken within each round, where both
// sides met the same state of the machine.
// Layer: bench, pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/compare.h"

namespace barid::bench {

/// The peer that ratios refer to.
inline constexpr const char* kBaseline = "postfix";

/// Median and range of the rounds; count 0: nothing was measured.
struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
  uint32_t count = 0;
};
[[nodiscard]] Spread spread_of(std::vector<double> values);

struct Cell {
  std::string peer;
  uint32_t valid_runs = 0;
  std::vector<std::string> problems;  ///< distinct ones, remarks included
  Spread rate;                        ///< messages/s
  Spread to_baseline;                 ///< rate, as a multiple of the baseline's in the same round
  Spread to_direct;                   ///< rate, as a share of the direct one in the same round
  Spread cpu_per_thousand;            ///< CPU seconds per 1,000 messages
  Spread cpu_to_baseline;  ///< the baseline's CPU per message over this peer's, same round
  Spread written_ratio;
  Spread device_written_ratio;
  Histogram latency;         ///< all rounds together, ns
  uint64_t memory_idle = 0;  ///< bytes, the most of all rounds
  uint64_t memory_peak = 0;
  double session_bytes = 0;
  double other_cpu_share = 0;  ///< the most of all rounds
  uint64_t messages = 0;
  uint64_t undelivered = 0, duplicates = 0, corrupt = 0, refused = 0;
};

struct WorkloadSummary {
  Workload workload;
  std::vector<Cell> cells;  ///< in the order of Comparison::peers
};
[[nodiscard]] std::vector<WorkloadSummary> summarise(const Comparison& comparison);

/// The tables as plain text for a terminal.
[[nodiscard]] std::string comparison_text(const Comparison& comparison);
/// Every figure, per round as well, as one JSON object.
[[nodiscard]] std::string comparison_json(const Comparison& comparison);
/// A page that needs nothing but itself (report_html.cc).
[[nodiscard]] std::string comparison_html(const Comparison& comparison);

/// What a reader must know about a cell: failed runs, mail not as it should be, disturbed rounds.
[[nodiscard]] std::vector<std::string> warnings_of(const Cell& cell);

/// "12,345", "0.52", "3.1": three significant digits, thousands separated.
[[nodiscard]] std::string format_number(double value);
/// "41× (38–44)"; "–" when nothing was measured.
[[nodiscard]] std::string format_spread(const Spread& spread, const char* unit);

}  // namespace barid::bench
