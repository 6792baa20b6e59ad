// A partition on the store twin in virtual time, for tests.
// Layer: http, tests. One thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shard/queue/partition.h"
#include "shard/runtime/test_shard.h"
#include "shard/sim/sim_store.h"

namespace barid::http {

class TestStore {
 protected:
  TestStore()
      : store(shard.reactor, disk, 1), partition(shard.reactor, store, events, /*number=*/4) {}

  /// What is in the open group is committed, or its commit fails.
  void settle() {
    store.seal();
    shard.advance(std::chrono::milliseconds(100));
    shard.turn();
  }

  struct Events final : queue::Partition::Events {
    void on_accepted(std::unique_ptr<queue::Message>) override {}
    void on_filed(QueueId, const std::vector<std::string>&, WallTime) override {}
    void on_removed(QueueId) override {}
    void on_refused(QueueId, std::unique_ptr<queue::Message>) override {}
    void on_undone(QueueId) override {}
    void on_synced(Duration) override {}
    void on_store_failed(const Error&) override {}
    void on_store_recovered() override {
      if (recovered) recovered();
    }
    std::function<void()> recovered;
  };

  Events events;
  rt::TestShard shard;
  sim::SimDisk disk;
  sim::SimStore store;
  queue::Partition partition;
};

}  // namespace barid::http
