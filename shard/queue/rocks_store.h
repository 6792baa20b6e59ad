// The store on RocksDB: one database and one commit thread per partition (ADR 0003).
// Durability: every group is one Write with sync (WAL fdatasync). Recovery mode is
// kTolerateCorruptedTailRecords: a torn tail was never acknowledged and is dropped, damage anywhere
// else refuses to open (ADR 0004).
// Layer: shard/queue. RocksDB's headers stay in rocks_store.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "shard/queue/store.h"
#include "shard/runtime/reactor.h"

namespace rocksdb {
class FileSystem;
}

namespace barid::queue {

struct RocksStoreOptions {
  std::string directory;
  uint64_t content_buffer_bytes = 24ull << 20;  ///< memtable of the content family
  uint64_t other_buffer_bytes = 8ull << 20;     ///< memtable of each other family
  /// Log files made ready at the first opening, so that the first syncs are as fast as later ones;
  /// on small disks none are. Each has the size of the content memtable.
  size_t ready_logs_count = 0;
  /// Threads of the process that write memtables out, shared by its stores: one for each of them.
  int flush_threads_count = 1;
  /// Tests put a fault-injecting file system here; null = the system's.
  std::shared_ptr<rocksdb::FileSystem> file_system;
  /// Nothing is written: for a look at a queue that nobody serves. Never attached.
  bool read_only = false;
  /// After a failed commit: pause between attempts to reopen.
  Duration reopen_delay = std::chrono::seconds(1);
};

/// What was in the way, in words for the operator.
struct OpenFailure {
  Error error;
  std::string text;
};

/// Opens or creates the database and checks it. Blocking: call before the shard runs, or on an
/// offload thread. Null with `*failure` filled on any error; the directory is then untouched.
/// The result must be attached to a reactor before the first put, and destroyed after its last
/// turn.
[[nodiscard]] std::unique_ptr<class RocksStore> open_rocks_store(const RocksStoreOptions& options,
                                                                 OpenFailure* failure);

class RocksStore : public Store {
 public:
  /// Starts the commit thread; completions arrive on `reactor`'s thread.
  virtual void attach(rt::Reactor& reactor) = 0;
  /// Commits what is open, waits for the commit thread and closes the database. Shard thread.
  virtual Status close() = 0;
};

}  // namespace barid::queue
