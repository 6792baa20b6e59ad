#include "shard/sim/world.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace barid::sim {

uint64_t number_from_env_or(const char* name, uint64_t fallback) {
  const char* text = std::getenv(name);
  if (text == nullptr) return fallback;
  const char* const end = text + std::strlen(text);
  uint64_t number = 0;
  const auto [after, error] = std::from_chars(text, end, number);
  const bool whole = error == std::errc() && after == end;
  if (!whole) std::fprintf(stderr, "simulation: %s=%s is no number\n", name, text);
  BARID_ASSERT(whole);
  return number;
}

World::World(const WorldOptions& options)
    : seed_(options.seed), rng(options.seed), network(clock, rng.next()) {}

World::~World() = default;

World::Shard::Shard(World& world, uint64_t seed)
    : io(world.network.add_io()), reactor(world.clock, io, seed), offload_(reactor) {}

World::Shard& World::add_shard() {
  order_.push_back(shards_.size());
  return *shards_.emplace_back(std::make_unique<Shard>(*this, rng.next()));
}

bool World::step() {
  for (size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[rng.below(i)]);
  network.deliver_due();
  bool any = false;
  for (const size_t index : order_) {
    if (shards_[index] == nullptr) continue;
    Shard& shard = *shards_[index];
    const bool had_io = shard.io.has_work();
    any = shard.reactor.turn(Duration::zero()) || had_io || shard.io.has_work() || any;
  }
  return any;
}

MonoTime World::next_event(MonoTime limit) const {
  MonoTime next = std::min(limit, network.next_arrival().value_or(limit));
  for (const auto& shard : shards_) {
    if (shard == nullptr || shard->reactor.timers().empty()) continue;
    next = std::min(next, shard->reactor.timers().next_due());
  }
  return next;
}

bool World::advance(const std::function<bool()>& done, MonoTime end) {
  constexpr uint64_t kStepsAtOneTimeMax = 10'000'000;
  for (uint64_t steps = 0; steps < kStepsAtOneTimeMax; ++steps) {
    if (done()) return true;
    if (step()) continue;
    if (done()) return true;
    if (clock.mono() >= end) return false;
    clock.advance_to(next_event(end));
    steps = 0;
  }
  std::fprintf(stderr, "simulation: time stands still; %s\n", replay_hint().c_str());
  return false;
}

bool World::run_until(const std::function<bool()>& done, Duration limit) {
  if (advance(done, clock.mono() + limit)) return true;
  std::fprintf(stderr, "simulation: not done within its limit; %s\n", replay_hint().c_str());
  return false;
}

void World::run_for(Duration time) {
  static_cast<void>(advance([] { return false; }, clock.mono() + time));
}

void World::crash(Shard& shard) {
  network.cut_power(shard.io);
  const auto dead = std::find_if(shards_.begin(), shards_.end(),
                                 [&shard](const auto& one) { return one.get() == &shard; });
  BARID_ASSERT(dead != shards_.end());
  bury(std::move(*dead));  // leaves null: indices of the others stay
}

std::string World::replay_hint() const { return "BARID_SIM_SEED=" + std::to_string(seed_); }

std::vector<std::shared_ptr<void>>& World::graveyard() {
  static auto& kept = *new std::vector<std::shared_ptr<void>>;  // reachable, never destroyed
  return kept;
}

}  // namespace barid::sim
