// Which addresses may be on the suppression list: marks of all entries of the process in memory.
// Layer: http. Any thread; asked once a recipient of a submission.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <atomic>
#include <mutex>
#include <string_view>

#include "core/base/result.h"
#include "shard/queue/store.h"

namespace barid::http {

/// First byte of an entry's key in Family::kSuppressions; tenant, NUL and address follow.
inline constexpr char kSuppressionAddressMark = 'a';

/// A quick no for the many addresses that are not suppressed. A yes is to be confirmed.
class SuppressionFilter {
 public:
  static constexpr size_t kMax = 4'000'000;  // beyond it everything is a maybe

  explicit SuppressionFilter(size_t marks_max = kMax) : marks_max_(marks_max) {}

  /// At start: all entries of a store.
  [[nodiscard]] Status load(const queue::Store& store);
  void add(std::string_view tenant, std::string_view email);
  void remove(std::string_view tenant, std::string_view email);
  /// False: certainly not suppressed. `email` in suppressed_form().
  [[nodiscard]] bool maybe(std::string_view tenant, std::string_view email) const;
  /// True: it is on the list. False may be wrong beyond kMax.
  [[nodiscard]] bool knows(std::string_view tenant, std::string_view email) const;
  [[nodiscard]] size_t size() const;
  [[nodiscard]] bool empty() const noexcept { return empty_.load(std::memory_order_relaxed); }

 private:
  const size_t marks_max_;
  mutable std::mutex mutex_;
  absl::flat_hash_set<uint64_t> marks_;
  bool overflown_ = false;
  std::atomic<bool> empty_{true};
};

}  // namespace barid::http
