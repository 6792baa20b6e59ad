// The queue counted as a whole: by state, by destination and age, by why it waits, by tenant.
// However many domains, reasons and tenants there are, only so many are told apart.
// Layer: tools, pure.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/mail/queue_entry.h"
#include "shard/queue/message.h"

namespace barid::tools {

/// A reason without what differs from attempt to attempt: hosts with their addresses, mailboxes,
/// words with four digits or more. At most kReasonPatternBytesMax bytes.
[[nodiscard]] std::string reason_pattern(std::string_view reason);
inline constexpr size_t kReasonPatternBytesMax = 240;

class QueueSummary {
 public:
  static constexpr size_t kAges = 10;  ///< qshape's: below 5, 10, 20, … 1280 minutes, and older
  static constexpr size_t kDomainsMax = 20'000;
  static constexpr size_t kReasonsMax = 1'000;
  static constexpr size_t kTenantsMax = 5'000;
  static constexpr size_t kReasonDomainsMax = 50;  ///< of one reason
  static constexpr uint32_t kRowsMax = 1'000;

  void add(const queue::Message& message, QueueName state, WallTime now);
  void set_examined(uint64_t examined) noexcept { examined_ = examined; }
  [[nodiscard]] uint64_t messages() const noexcept { return messages_; }

  /// One line; lists have at most `rows` entries, the largest first.
  [[nodiscard]] std::string json(uint32_t rows) const;

 private:
  struct Domain {
    uint64_t recipients = 0, deferred = 0;
    std::array<uint64_t, kAges> ages{};
    int64_t oldest = 0;
  };
  struct Reason {
    uint64_t recipients = 0;
    std::vector<std::string> domains;
    std::string sample;
  };
  struct Tenant {
    uint64_t messages = 0, recipients = 0;
    std::array<uint64_t, 5> states{};
    int64_t oldest = 0;
  };
  void add_reason(const std::string& reason, const std::string& domain, const QueueId& id);
  void append_domains(std::string& out, uint32_t rows) const;
  void append_reasons(std::string& out, uint32_t rows) const;
  void append_tenants(std::string& out, uint32_t rows) const;

  uint64_t examined_ = 0, messages_ = 0, recipients_ = 0;
  std::array<uint64_t, 5> states_{};
  std::array<uint64_t, 2> streams_{};
  std::array<uint64_t, kAges> ages_{};
  int64_t oldest_ = 0;
  absl::flat_hash_map<std::string, Domain> domains_;
  absl::flat_hash_map<std::string, Reason> reasons_;
  absl::flat_hash_map<std::string, Tenant> tenants_;
  Domain other_domains_;
  uint64_t other_reasons_ = 0;
  Tenant other_tenants_;
};

}  // namespace barid::tools
