// One shard's end of the governors: it is the home of some sites, and uses sites whose homes are
// anywhere. What its site shares want, saw and give back goes out once per turn, one message a
// site; leases, recalls and health come back. Nothing here is on a message's path: a lease is a
// connection, not a delivery.
//
// Messages to another shard go over the mesh (docs/style.md §8), those to oneself over a list.
// What a message points to is lent by its sender until the receiver says that it is done.
// Layer: shard/schedule. Shard-owned.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shard/runtime/mesh.h"
#include "shard/runtime/reactor.h"
#include "shard/schedule/governor.h"

namespace barid::schedule {

class GovernorLink;

/// What a shard registers as the receiver of its mesh port.
class GovernorHost {
 public:
  virtual ~GovernorHost() = default;
  virtual GovernorLink& governor_link() = 0;
};

/// What changed at one shard's share of a site since it last told the home.
struct ShareUpdate {
  uint32_t successes = 0;
  uint32_t failures = 0;
  std::unique_ptr<SiteTrouble> trouble;  ///< of the last failure
  uint32_t leases_back = 0;
  uint32_t messages_back = 0;
  uint32_t leases_wanted = 0;  ///< in all, beyond what is held
  uint32_t messages_wanted = 0;
};

/// A site as one shard uses it. Told what its home decides.
class SiteShare {
 public:
  virtual void on_grant(uint32_t leases, uint32_t messages) = 0;
  virtual void on_recall(uint32_t leases) = 0;
  /// Dead until then (in the past: alive), with the reason.
  virtual void on_health(MonoTime until, const SiteTrouble& trouble) = 0;
  /// Asked after mark().
  virtual ShareUpdate take_update() = 0;

 protected:
  ~SiteShare() = default;

 private:
  friend class GovernorLink;
  uint64_t share_id_ = 0;  // 0 = not open
  uint16_t home_ = 0;
  bool marked_ = false;
};

class GovernorLink final : private Governor::Orders,
                           private rt::Mailbox,
                           private rt::TurnHook,
                           private rt::Timer {
 public:
  /// `port` null: the only shard. Both outlive this.
  GovernorLink(rt::Reactor& reactor, rt::Mesh::Port* port);
  ~GovernorLink() override;
  GovernorLink(const GovernorLink&) = delete;
  GovernorLink& operator=(const GovernorLink&) = delete;

  /// `share` outlives its close().
  void open(SiteShare& share, std::string_view key, const SitePolicy& policy);
  void set_policy(SiteShare& share, std::string_view key, const SitePolicy& policy);
  /// Sends what is left, then nothing more is told.
  void close(SiteShare& share);
  /// The share has an update: it is asked for it at the end of this turn, or at once if its home is
  /// here. The answer may come from inside this call.
  void mark(SiteShare& share);
  /// Every dead site of every shard is forgotten.
  void revive_all();
  /// How often that was done, on whatever shard, as far as this one knows.
  [[nodiscard]] uint64_t revivals_count() const noexcept { return revivals_count_; }

  /// Sites whose home this shard is.
  [[nodiscard]] const Governor& governor() const noexcept { return governor_; }
  /// Messages to other shards so far.
  [[nodiscard]] uint64_t messages_sent() const noexcept { return messages_sent_; }
  /// Memory lent with messages that their receivers have not done with.
  [[nodiscard]] size_t lent_count() const noexcept { return lent_.size(); }

 private:
  enum class Kind : uint64_t {
    kOpen,
    kPolicy,
    kClose,
    kUpdate,
    kRevive,
    kGrant,
    kRecall,
    kHealth,
    kDone
  };
  /// Memory lent to the receiver of a message.
  struct Lent {
    virtual ~Lent() = default;
  };
  struct OpenRequest;
  struct LentTrouble;
  /// A share of a site whose home this is: where its shard's messages belong.
  struct Client {
    SiteNumber site = 0;
    uint64_t id = 0;
  };

  // Orders of the governor here
  void grant(uint16_t shard, SiteNumber site, uint32_t leases, uint32_t messages) override;
  void recall(uint16_t shard, SiteNumber site, uint32_t leases) override;
  void tell_health(uint16_t shard, SiteNumber site, MonoTime until,
                   const SiteTrouble& trouble) override;

  bool drain() override;
  [[nodiscard]] bool has_mail() const noexcept override;
  void on_turn_end() override;
  void on_timer() override;

  static void handle(void* receiver, const rt::ShardMessage& message);
  void on_message(uint16_t from, const rt::ShardMessage& message);
  void on_client_message(uint16_t from, Kind kind, const rt::ShardMessage& message);
  void on_home_message(uint16_t from, Kind kind, const rt::ShardMessage& message);
  void send(uint16_t to, Kind kind, std::initializer_list<uint64_t> words);
  void send_update(SiteShare& share);
  void settle_own();
  void send_open(SiteShare& share, Kind kind, std::string_view key, const SitePolicy& policy);
  [[nodiscard]] uint64_t lend(std::unique_ptr<Lent> memory);
  void arm();
  [[nodiscard]] uint64_t id_of(uint16_t shard, SiteNumber site) const;

  rt::Reactor& reactor_;
  rt::Mesh::Port* port_;
  const uint16_t self_;
  const uint16_t shards_count_;
  Governor governor_;
  // As home: by client shard, then share slot; and back.
  std::vector<std::vector<Client>> clients_;
  std::vector<absl::flat_hash_map<SiteNumber, uint64_t>> ids_;
  // As client: by slot.
  std::vector<SiteShare*> shares_;
  std::vector<uint32_t> generations_;
  std::vector<uint32_t> free_slots_;
  std::vector<SiteShare*> marked_;      // whose home is elsewhere
  std::deque<SiteShare*> marked_here_;  // whose home is here
  std::deque<rt::ShardMessage> to_self_;
  std::vector<std::deque<rt::ShardMessage>> unsent_;  // the mesh was full
  absl::flat_hash_map<uint64_t, std::unique_ptr<Lent>> lent_;
  uint64_t messages_sent_ = 0;
  uint64_t revivals_count_ = 0;
  bool settling_ = false;
};

}  // namespace barid::schedule
