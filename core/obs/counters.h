// What a shard counts: plain integers, one owner, summed over shards when somebody asks (style O4).
// Layer:  core/obs, pure. A Counters belongs to one thread; sums are made from copies.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "core/mail/bounce_class.h"

namespace barid {

enum class Counter : uint8_t {
  kSessionsOpened,
  kSessionsOpen,
  kMessagesAccepted,
  kBytesAccepted,
  kRecipientsAccepted,
  kCommandsRejected,
  kDelivered,
  kDeferred,
  kSuspended,
  kBounced,
  kExpired,
  kInDoubt,
  kBytesDelivered,
  kNoticesSent,
  kConnectionsMade,
  kConnectionsReused,
  kConnectionsOpen,
  kTlsSessionsIn,
  kTlsResumedIn,
  kTlsHandshakesFailed,
  kTlsSessionsOut,
  kTlsResumedOut,
  kGovernorMessages,
  kMessagesActive,
  kRecordsCorrupt,
  kStoreFailures,
  kIoUringShards,
  kEpollShards,
  kHttpConnections,
  kHttpConnectionsOpen,
  kHttpRequests,
  kHttpErrorsClient,
  kHttpErrorsServer,
  kLogins,
  kLoginsFailed,
  kDkimSignatures,
  kDkimFailures,
  kArcSeals,
  kArcFailures,
};
inline constexpr size_t kCounterCount = static_cast<size_t>(Counter::kArcFailures) + 1;

/// Bounds whose being reached is counted. Each is a tested outcome, never a surprise (style M1).
enum class Limit : uint8_t {
  kSessions,
  kSessionsPerClient,
  kRatePerClient,
  kMessageBytes,
  kRecipients,
  kLineBytes,
  kHeaderBytes,
  kHops,
  kErrorsPerSession,
  kQueueBytes,
  kMemoryBytes,
  kDiskSpace,
  kCommitBacklog,
  kOffloadQueue,
  kMessageRing,
  kTlsHandshakes,
  kConnectionsOut,
  kConnectionsPerDestination,
  kActiveMessages,
  kDnsQueries,
  kLogBytes,
};
inline constexpr size_t kLimitCount = static_cast<size_t>(Limit::kLogBytes) + 1;

enum class CounterKind : uint8_t { kCounter, kGauge };

struct CounterInfo {
  std::string_view name;  ///< stable, without prefix, e.g. "messages_accepted_total"
  CounterKind kind = CounterKind::kCounter;
  std::string_view help;
};

[[nodiscard]] const CounterInfo& counter_info(Counter counter) noexcept;
/// Value of the label `limit`, e.g. "sessions_per_client".
[[nodiscard]] std::string_view limit_name(Limit limit) noexcept;

class Counters {
 public:
  void add(Counter counter, uint64_t amount = 1) noexcept { at(counter) += amount; }
  /// Gauges only. The sum over shards stays right even if one shard's own value wraps.
  void subtract(Counter counter, uint64_t amount = 1) noexcept { at(counter) -= amount; }
  void set(Counter counter, uint64_t value) noexcept { at(counter) = value; }
  void reach(Limit limit) noexcept { ++reached_[static_cast<size_t>(limit)]; }

  [[nodiscard]] uint64_t get(Counter counter) const noexcept {
    return values_[static_cast<size_t>(counter)];
  }
  [[nodiscard]] uint64_t reached(Limit limit) const noexcept {
    return reached_[static_cast<size_t>(limit)];
  }

  void count_bounce(BounceClass value) noexcept { ++bounces_[static_cast<size_t>(value)]; }
  [[nodiscard]] uint64_t bounces(BounceClass value) const noexcept {
    return bounces_[static_cast<size_t>(value)];
  }

  Counters& operator+=(const Counters& other) noexcept;

 private:
  uint64_t& at(Counter counter) noexcept { return values_[static_cast<size_t>(counter)]; }

  std::array<uint64_t, kCounterCount> values_{};
  std::array<uint64_t, kLimitCount> reached_{};
  std::array<uint64_t, kBounceClassCount> bounces_{};
};

}  // namespace barid
