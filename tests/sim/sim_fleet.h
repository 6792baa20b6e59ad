// A fleet: one MTA of several shards as the scheduler sees it. Real dispatchers and governor links
// on one mesh; agents that deliver to SimSites; messages that are tried again until they are done.
// Checked at every step: nobody starves, turns are fair, each message is in one place.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "shard/runtime/mesh.h"
#include "shard/schedule/dispatcher.h"
#include "shard/sim/world.h"
#include "tests/sim/sim_sites.h"

namespace barid::sim {

struct FleetOptions {
  uint16_t shards_count = 2;
  uint32_t total_concurrency = 100;
  bool lanes = false;      ///< mail of both streams and of several tenants
  bool many_jobs = false;  ///< agents take several jobs at once
  Duration lookup_max = std::chrono::milliseconds(5);
  bool sites_change = false;                ///< destinations move to other sites
  Duration idle = std::chrono::seconds(2);  ///< an unused connection is kept so long
  uint32_t put_back_per_mille = 0;
};

class SimFleet {
 public:
  SimFleet(World& world, SimSites& sites, const FleetOptions& options);
  ~SimFleet();

  void add_message(const std::string& nexthop);
  /// One shard reads the sites' policies again.
  void reload(size_t shard);
  void set_paused(size_t shard, bool paused);
  void revive_all();
  /// Takes some waiting messages out, for good.
  void withdraw_some(size_t shard);
  /// The whole process dies; another one takes over what is not done.
  void crash();

  /// To be called at every step.
  void check();
  [[nodiscard]] size_t shards_count() const noexcept { return options_.shards_count; }
  [[nodiscard]] size_t undone_count() const noexcept { return undone_count_; }
  [[nodiscard]] size_t messages_count() const noexcept { return messages_.size(); }
  [[nodiscard]] uint64_t deferred_unattempted_count() const noexcept { return suspended_count_; }
  [[nodiscard]] uint64_t link_messages_count() const;
  /// No connection, nothing leased, nothing lent.
  [[nodiscard]] bool at_rest() const;
  /// And no site remembered.
  [[nodiscard]] bool forgotten() const;
  [[nodiscard]] std::string text() const;

 private:
  struct Node;
  enum class Place : uint8_t { kQueued, kRunning, kLater, kDone };
  struct Message {
    queue::Message message;
    std::string nexthop;
    size_t shard = 0;
    std::string site;  // when it was queued
    Place place = Place::kLater;
    bool delivered = false;  // by the attempt under way
  };
  /// The turns of one site on one shard.
  struct Line {
    struct Hop {
      size_t waiting = 0;
      bool has_site = false;   // looked up: what waits is in line
      uint64_t since = 0;      // the turn at which it got in line
      uint64_t last_turn = 0;  // 0 = never
    };
    uint64_t turns = 0;
    std::map<std::string, Hop> hops;
    std::multiset<uint64_t> sinces;  // of hops in line
    size_t waiting = 0;
    MonoTime moved_at{};  // a job was taken, or the first one came
  };

  void start();
  void enqueue(Message& message);
  void move(Message& message, Place to);
  rt::Task<void> try_later(Node* node, Message* message, Duration wait);
  void take_turn(Node& node, Message& message);
  void check_leases();
  [[nodiscard]] Duration patience_with(const SimSite& site) const;
  [[nodiscard]] Line& line_of(const Message& message);
  void in_line(Message& message, int by);
  static void leave_line(Line& line, Line::Hop& hop);
  static void join_line(Line& line, Line::Hop& hop);

  World& world_;
  SimSites& sites_;
  const FleetOptions options_;
  std::unique_ptr<rt::Mesh> mesh_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<Message>> messages_;
  std::map<const queue::Message*, Message*> by_message_;
  size_t undone_count_ = 0;
  uint64_t suspended_count_ = 0;
};

}  // namespace barid::sim
