// The shape of a queue: recipients (or senders) by domain and age, in the columns of Postfix's
// qshape(1).
// Source: qshape(1), QSHAPE_README.
// Layer: tools, pure.
#pragma once

#include <absl/container/btree_map.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/mail/queue_entry.h"

namespace barid::tools {

struct ShapeOptions {
  bool senders = false;            ///< -s: a message a sender instead of its recipients
  bool parents = false;            ///< -p: rows ".domain" with what lies below it
  bool linear = false;             ///< -l: buckets of equal width
  uint32_t subdomains_min = 5;     ///< -m: of a parent row
  uint32_t buckets = 10;           ///< -b, 1..kShapeBucketsMax
  uint32_t tick_minutes = 5;       ///< -t
  uint32_t width = 80;             ///< -w
  uint32_t rows_max = UINT32_MAX;  ///< -n
};
inline constexpr uint32_t kShapeBucketsMax = 40;

class QueueShape {
 public:
  explicit QueueShape(const ShapeOptions& options) : options_(options) {}

  void add(const QueueEntry& entry, WallTime now);
  [[nodiscard]] std::string text() const;
  /// An object a row, in the same order: {"name": "TOTAL", "total": 3, "ages": {"5": 3, …}}, whose
  /// keys are the heads of the columns.
  [[nodiscard]] std::string json() const;
  /// 1 … buckets. Below one tick: 1; then each bucket is twice as wide as all before it, or linear.
  [[nodiscard]] uint32_t bucket_of(std::chrono::seconds age) const noexcept;

 private:
  struct Row {
    std::vector<uint64_t> counts;  // [0] is the total, then by bucket
    uint32_t children = 0;         // of a parent row
  };
  Row& count(const std::string& name, uint32_t bucket);
  void count_address(std::string_view address, uint32_t bucket);
  [[nodiscard]] std::vector<std::string> heads() const;
  /// Rows to be shown, the busiest first.
  [[nodiscard]] std::vector<std::pair<std::string_view, const Row*>> ordered_rows() const;
  void append_name(std::string& out, std::string_view name, size_t columns) const;

  ShapeOptions options_;
  absl::btree_map<std::string, Row> rows_;  // "TOTAL", domains, and ".domain" for parents
};

}  // namespace barid::tools
