// Whose turn it is: lanes before tenants before entries. Used for whatever waits: jobs of a site,
// sites that want a connection, destinations whose mail waits on disk.
//
//   lane    transactional first; while both lanes wait, bulk still gets one turn in
//           kBulkReserve, so that neither starves the other
//   tenant  deficit round robin (Shreedhar, Varghese 1995): each has its quantum a round, so what
//           counts is the work taken, not the number of turns
//   entry   round robin
//
// An entry is in the queue at most once. All operations are O(1) but for a tenant's look-up.
// Layer: shard/schedule, pure.
#pragma once

#include <algorithm>
#include <array>
#include <boost/container/flat_map.hpp>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/assert.h"
#include "core/mail/envelope.h"
#include "shard/schedule/short_queue.h"

namespace barid::schedule {

inline constexpr size_t kLanesCount = 2;
/// Of this many turns bulk has one, whatever transactional mail waits.
inline constexpr uint32_t kBulkReserve = 5;

/// Decides between lanes that both wait. Transactional unless bulk's reserved turn has come.
class LaneClock {
 public:
  [[nodiscard]] Stream next(bool transactional_waits, bool bulk_waits) const noexcept {
    BARID_ASSERT(transactional_waits || bulk_waits);
    if (!bulk_waits) return Stream::kTransactional;
    if (!transactional_waits) return Stream::kBulk;
    return turns_ + 1 >= kBulkReserve ? Stream::kBulk : Stream::kTransactional;
  }
  /// A turn was taken from `lane` while both waited.
  void count(Stream lane) noexcept { turns_ = lane == Stream::kBulk ? 0 : turns_ + 1; }

 private:
  uint32_t turns_ = 0;
};

template <typename T>
class FairQueue {
 public:
  /// `quantum`: work per tenant and round, in the unit of take()'s cost.
  explicit FairQueue(int64_t quantum = 1) noexcept : quantum_(quantum) {}

  void push(Stream lane, std::string_view tenant, T entry) {
    tenant_of(lane, tenant).entries.push_back(std::move(entry));
    ++count_[index(lane)];
  }
  /// Next in line again: an entry that gave its turn back.
  void push_front(Stream lane, std::string_view tenant, T entry) {
    tenant_of(lane, tenant).entries.push_front(std::move(entry));
    ++count_[index(lane)];
  }

  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] size_t size() const noexcept { return count_[0] + count_[1]; }
  [[nodiscard]] size_t size(Stream lane) const noexcept { return count_[index(lane)]; }
  /// Where the next take() will take from; must not be empty.
  [[nodiscard]] Stream next_lane() const noexcept {
    return clock_.next(count_[0] > 0, count_[1] > 0);
  }

  /// Takes the entry whose turn it is out of the queue; its user pushes it again if it still waits.
  /// The work done is to be told with charge() before the next take().
  [[nodiscard]] T take() {
    const Stream lane = next_lane();
    if (count_[0] > 0 && count_[1] > 0) clock_.count(lane);
    return take_from(lane);
  }
  [[nodiscard]] T take_from(Stream lane) {
    Lane& chosen = lanes_[index(lane)];
    BARID_ASSERT(!chosen.ring.empty());
    while (chosen.ring.front().entries.empty() || chosen.ring.front().deficit <= 0) {
      next_tenant(chosen);
    }
    Tenant& tenant = chosen.ring.front();
    T entry = std::move(tenant.entries.front());
    tenant.entries.pop_front();
    --count_[index(lane)];
    charged_ = &tenant;
    return entry;
  }
  /// Whose entry take_from(lane) would give; the lane must not be empty.
  [[nodiscard]] std::string_view next_tenant_name(Stream lane) const noexcept {
    for (const Tenant& tenant : lanes_[index(lane)].ring) {
      if (!tenant.entries.empty()) return tenant.name;
    }
    BARID_ASSERT(false && "the lane is empty");
  }
  /// Takes out every entry for which `leaves` is true. Cost: the whole queue.
  template <typename F>
  void remove_if(F&& leaves) {
    for (size_t lane = 0; lane < kLanesCount; ++lane) {
      for (Tenant& tenant : lanes_[lane].ring) {
        ShortQueue<T>& entries = tenant.entries;
        const auto kept_end = std::remove_if(entries.begin(), entries.end(), leaves);
        count_[lane] -= static_cast<size_t>(entries.end() - kept_end);
        entries.truncate(kept_end);
      }
    }
  }
  /// The entry that take() gave used this much of its tenant's share. A queue that is empty then
  /// forgets its tenants: nobody is ahead of anybody, and it costs nothing while it stays so.
  void charge(int64_t cost) noexcept {
    if (charged_ != nullptr) charged_->deficit -= cost;
    charged_ = nullptr;
    if (empty()) lanes_ = {};
  }

 private:
  struct Tenant {
    std::string name;
    ShortQueue<T> entries;
    int64_t deficit = 0;
  };
  struct Lane {
    std::list<Tenant> ring;  // the front one's turn; forgotten when empty
    boost::container::flat_map<std::string_view, Tenant*> by_name;
  };

  static constexpr size_t index(Stream lane) noexcept { return static_cast<size_t>(lane); }

  Tenant& tenant_of(Stream lane, std::string_view name) {
    Lane& at = lanes_[index(lane)];
    const auto found = at.by_name.find(name);
    if (found != at.by_name.end()) return *found->second;
    Tenant& tenant = at.ring.emplace_back();
    tenant.name = name;
    tenant.deficit = quantum_;
    at.by_name.emplace(tenant.name, &tenant);
    return tenant;
  }
  /// The front tenant's round is over, or it has nothing.
  void next_tenant(Lane& lane) {
    Tenant& front = lane.ring.front();
    if (front.entries.empty()) {
      if (charged_ == &front) charged_ = nullptr;
      lane.by_name.erase(front.name);
      lane.ring.pop_front();
      return;
    }
    front.deficit += quantum_;
    lane.ring.splice(lane.ring.end(), lane.ring, lane.ring.begin());
  }

  int64_t quantum_;
  std::array<Lane, kLanesCount> lanes_;
  std::array<size_t, kLanesCount> count_{};
  LaneClock clock_;
  Tenant* charged_ = nullptr;
};

}  // namespace barid::schedule
