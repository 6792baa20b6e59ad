// A bounded cache of answers in front of the resolver library, whose own cache is a thread hop
// away. Positive and negative answers live as long as their TTL says, within limits; failures for a
// short time, so that a broken domain is not asked for again by every message. Source: RFC
// 1035 7.4, RFC 2308 5 (negative), 7.1 (failures: at most 5 minutes). Layer:  dns, pure: time is an
// argument. Shard-owned. A hit costs one hash and no allocation.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "dns/resolver.h"

namespace barid::dns {

struct CacheLimits {
  uint32_t entries_max = 10000;  ///< least recently used goes first; 0 = no cache
  std::chrono::seconds positive_ttl_max{86400};
  std::chrono::seconds negative_ttl_max{3600};
  std::chrono::seconds failure_ttl{5};  ///< kServFail, kBogus
};

class AnswerCache {
 public:
  explicit AnswerCache(const CacheLimits& limits) : limits_(limits) {}

  /// The stored answer while it lives, else null. `name` is normalised (normalise_name). Valid
  /// until the next call; its `ttl` is as stored, use remaining_ttl().
  [[nodiscard]] const Answer* find(std::string_view name, RecordType type, MonoTime now);
  /// Whole seconds that the answer last found still lives, at least 1.
  [[nodiscard]] std::chrono::seconds remaining_ttl(MonoTime now) const noexcept;

  /// Stores a copy, or replaces. Answers that must not be reused are not stored: timeouts and our
  /// own limits, malformed ones, and those with a TTL of zero.
  void store(std::string_view name, RecordType type, const Answer& answer, MonoTime now);

  [[nodiscard]] size_t entries_count() const noexcept { return index_.size(); }
  void clear();

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Entry {
    std::string key;
    Answer answer;
    MonoTime expires_at{};
    uint32_t newer = kNone;
    uint32_t older = kNone;
  };

  [[nodiscard]] std::chrono::seconds lifetime(const Answer& answer) const noexcept;
  [[nodiscard]] const std::string& key_of(std::string_view name, RecordType type);
  uint32_t take_slot();
  void remove(uint32_t slot);
  void link_newest(uint32_t slot) noexcept;
  void unlink(uint32_t slot) noexcept;

  CacheLimits limits_;
  absl::flat_hash_map<std::string, uint32_t> index_;  // "example.org/15" → slot
  std::vector<Entry> entries_;
  std::vector<uint32_t> free_slots_;
  std::string key_scratch_;
  uint32_t newest_ = kNone;
  uint32_t oldest_ = kNone;
  MonoTime found_expires_at_{};
};

}  // namespace barid::dns
