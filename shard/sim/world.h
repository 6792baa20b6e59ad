// A world: N shards stepped on one thread in virtual time, a network between them, one seed.
// Shards under test and the scripted peers around them (sinks, injectors) are all shards of it.
//   World world({.seed = seed_from_env_or(1)});
//   World::Shard& node = world.add_shard();
//   ASSERT_TRUE(world.run_until(condition, 1h)) << world.replay_hint();
// Layer: shard/sim. One thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/rng.h"
#include "shard/runtime/offload.h"
#include "shard/runtime/reactor.h"
#include "shard/sim/sim_clock.h"
#include "shard/sim/sim_network.h"

namespace barid::sim {

/// A decimal number from the environment, else `fallback`; any other text ends the program.
[[nodiscard]] uint64_t number_from_env_or(const char* name, uint64_t fallback);
/// BARID_SIM_SEED from the environment, else `fallback`.
[[nodiscard]] inline uint64_t seed_from_env_or(uint64_t fallback) {
  return number_from_env_or("BARID_SIM_SEED", fallback);
}

struct WorldOptions {
  uint64_t seed = 1;
};

class World {
 public:
  explicit World(const WorldOptions& options);
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  class Shard {
   public:
    Shard(World& world, uint64_t seed);
    [[nodiscard]] rt::Offload& offload() noexcept { return offload_; }
    SimIo& io;
    rt::Reactor reactor;

   private:
    rt::InlineOffload offload_;
  };

  Shard& add_shard();

  /// Steps until `done`, letting time jump to the next event whenever nothing else is left. False,
  /// with the seed on stderr, when `limit` of virtual time has passed first.
  [[nodiscard]] bool run_until(const std::function<bool()>& done, Duration limit);
  void run_for(Duration time);

  /// The process that owns `shard` dies: its sockets vanish and it is never stepped again. What it
  /// left behind (suspended coroutines cannot be unwound) is kept aside by bury().
  void crash(Shard& shard);
  /// Keeps a dead owner's object for ever, reachable and unused.
  template <typename T>
  static void bury(std::unique_ptr<T> object) {
    graveyard().push_back(std::shared_ptr<void>(object.release(), [](void*) {}));
  }

  [[nodiscard]] std::string replay_hint() const;
  [[nodiscard]] uint64_t seed() const noexcept { return seed_; }

 private:
  const uint64_t seed_;

 public:
  Rng rng;
  SimClock clock;
  SimNetwork network;

 private:
  static std::vector<std::shared_ptr<void>>& graveyard();
  bool advance(const std::function<bool()>& done, MonoTime end);
  /// One turn of every shard that may have something to do; whether any had.
  bool step();
  [[nodiscard]] MonoTime next_event(MonoTime limit) const;

  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<size_t> order_;
};

}  // namespace barid::sim
