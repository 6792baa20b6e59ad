// A webhook endpoint: where events of a tenant are sent, which ones, and the secret that signs
// them. Layer: http. Pure but for the list at the end.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/queue_id.h"
#include "core/base/time.h"
#include "http/message.h"
#include "http/submit/json.h"
#include "http/webhook/address_policy.h"

namespace barid::http {

struct Endpoint {
  QueueId id;        ///< its place in Family::kWebhooks
  std::string name;  ///< the UUID that callers see; holds `id`
  std::string tenant;
  std::string url;
  std::vector<std::string> events;  ///< types
  std::string secret;
  bool enabled = true;
  std::string disabled_reason;  ///< empty = its owner's wish, or enabled
  WallTime created{};
  WallTime since{};      ///< earlier events are not sent
  uint32_t replays = 0;  ///< ordered so far
  QueueId replay_after;  ///< of the last one

  [[nodiscard]] bool wants(std::string_view event_tenant, std::string_view type) const noexcept;
};

/// Keys in Family::kWebhooks: endpoints, and the state of each one's lane in a partition.
[[nodiscard]] std::string endpoint_key(QueueId id);
[[nodiscard]] std::string lane_key(QueueId id);
[[nodiscard]] bool is_endpoint_key(std::string_view key) noexcept;

[[nodiscard]] std::string endpoint_record(const Endpoint& endpoint);
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view record);

enum class EndpointView : uint8_t { kListed, kWhole };  ///< kWhole: with the secret
[[nodiscard]] std::string view_endpoint(const Endpoint& endpoint, EndpointView view);

/// Reads the body of POST (all of endpoint and events) or PATCH (what is to change).
enum class EndpointChange : uint8_t { kCreate, kUpdate };
[[nodiscard]] std::optional<ApiError> read_endpoint(const JsonValue& body, EndpointChange change,
                                                    const AddressPolicy& policy, WallTime now,
                                                    Endpoint* endpoint);

/// All endpoints of the process. Any thread.
class EndpointList {
 public:
  static constexpr size_t kMax = 1000;
  static constexpr size_t kMaxOfTenant = 100;  // so that none takes the places of all
  using Snapshot = std::vector<Endpoint>;

  [[nodiscard]] Snapshot all() const;
  [[nodiscard]] Snapshot of(std::string_view tenant) const;
  [[nodiscard]] std::optional<Endpoint> find(QueueId id) const;
  void put(Endpoint endpoint);
  void erase(QueueId id);
  [[nodiscard]] size_t size() const;
  /// Changes with every put() and erase().
  [[nodiscard]] uint64_t version() const noexcept {
    return version_.load(std::memory_order_acquire);
  }

 private:
  mutable std::mutex mutex_;
  Snapshot endpoints_;
  std::atomic<uint64_t> version_{0};
};

}  // namespace barid::http
