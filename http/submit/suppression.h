// Addresses that get no mail any more, by tenant: hard bounces, complaints, and whom the tenant
// names. Entries are in the partition where they came up, with the event that says so.
// Layer: http. Records are pure; reads are for offload threads.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/queue_id.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "http/submit/fate_recorder.h"
#include "shard/queue/store.h"

namespace barid::http {

struct Suppression {
  QueueId id;
  std::string name;  ///< the UUID that callers see; holds `id`
  std::string tenant;
  std::string email;      ///< lower case
  std::string origin;     ///< bounce, complaint or manual
  std::string source_id;  ///< the email that was the cause; empty = none
  WallTime created{};
};

/// The form in which addresses are compared; nullopt: no address.
[[nodiscard]] std::optional<std::string> suppressed_form(std::string_view address);

/// What is to be written: entry, index and event.
[[nodiscard]] std::vector<FateRecorder::Change> suppression_changes(const Suppression& entry);
/// The same undone.
[[nodiscard]] std::vector<FateRecorder::Change> suppression_erasures(const Suppression& entry);
/// `listed`: without the member "object".
enum class SuppressionView : uint8_t { kListed, kWhole };
[[nodiscard]] std::string view_suppression(const Suppression& entry, SuppressionView view);

/// What all stores say. Errors: those of Store::get().
[[nodiscard]] Result<std::optional<Suppression>> find_suppression(
    const std::vector<const queue::Store*>& stores, std::string_view tenant,
    std::string_view id_or_email);

struct SuppressionQuery {
  std::string tenant;
  std::string origin;  ///< empty = any
  uint32_t limit = 20;
  std::string after;   ///< key: only older ones
  std::string before;  ///< key: only newer ones, those next to it
};
struct SuppressionPage {
  std::vector<Suppression> entries;  ///< the newest first
  bool has_more = false;
};
[[nodiscard]] Result<SuppressionPage> read_suppressions(
    const std::vector<const queue::Store*>& stores, const SuppressionQuery& query);

}  // namespace barid::http
