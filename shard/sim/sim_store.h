// The store twin: a partition's database in memory, with group commit in virtual time.
//  - A crash loses the open group and, by a throw of the dice, the one under way: a synced write is
//    atomic, but whether it reached the disk before the power went is not ours to know.
//  - A failed commit may or may not have been applied, as after a failed fdatasync.
//  - It checks what RocksDB only documents: erase_once() on a key that was put more than once is a
//    bug, and ends the process.
// Layer: shard/sim. One thread.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "core/base/rng.h"
#include "shard/queue/flight_marks.h"
#include "shard/queue/store.h"
#include "shard/runtime/reactor.h"

namespace barid::sim {

/// What survives a crash. Outlives the stores that are opened on it, one after another.
class SimDisk {
 public:
  struct Value {
    std::string bytes;
    uint32_t puts_count = 1;  ///< since the key last was absent
  };
  using Table = std::map<std::string, Value, std::less<>>;

  /// The mapped file of flight marks beside the database: as a process leaves it that is killed.
  std::vector<uint64_t> flights =
      std::vector<uint64_t>(queue::FlightMarks::kHeaderWords + queue::FlightMarks::kSlots);

  [[nodiscard]] const Table& table(queue::Family family) const {
    return tables_[static_cast<size_t>(family)];
  }
  /// Damages a stored value, for tests of reading back.
  void overwrite(queue::Family family, const std::string& key, std::string bytes);

 private:
  friend class SimStore;
  std::array<Table, queue::kFamilyCount> tables_;
};

struct StoreFaults {
  Duration sync_min = std::chrono::microseconds(100);
  Duration sync_max = std::chrono::milliseconds(2);
  uint32_t fail_per_mille = 0;  ///< of commits
  Code failure = Code::kIo;
  Duration reopen_delay = std::chrono::seconds(1);
  uint64_t free_bytes = uint64_t{1} << 40;
};

class SimStore final : public queue::Store, private rt::Timer {
 public:
  SimStore(rt::Reactor& reactor, SimDisk& disk, uint64_t seed)
      : reactor_(reactor), disk_(disk), rng_(seed) {}

  StoreFaults faults;
  /// The next commit fails.
  void fail_next_commit() noexcept { fail_next_ = true; }
  /// The power goes: no callback any more, unsynced groups are lost (see above).
  void crash();

  void set_listener(Listener& listener) override { listener_ = &listener; }
  uint64_t open_group() const noexcept override { return open_group_; }
  size_t open_group_bytes() const noexcept override { return open_bytes_; }
  bool writable() const noexcept override { return !failed_; }
  void put(queue::Family family, std::string_view key,
           std::span<const std::string_view> value) override;
  void erase(queue::Family family, std::string_view key) override;
  void erase_once(queue::Family family, std::string_view key) override;
  void seal() override;
  uint64_t free_bytes() const noexcept override { return faults.free_bytes; }

  Result<std::string> get(queue::Family family, std::string_view key) const override;
  Status scan(queue::Family family, std::string_view from, Visitor& visitor) const override;
  Status scan_back(queue::Family family, std::string_view before, Visitor& visitor) const override;

  [[nodiscard]] uint64_t commits_count() const noexcept { return commits_count_; }

 private:
  struct Operation {
    enum class Kind : uint8_t { kPut, kErase, kEraseOnce };
    Kind kind;
    queue::Family family;
    std::string key;
    std::string value;
  };
  void on_timer() override;
  void finish_commit();
  void apply(const std::vector<Operation>& operations);
  void add(Operation operation);

  rt::Reactor& reactor_;
  SimDisk& disk_;
  Rng rng_;
  Listener* listener_ = nullptr;
  std::vector<Operation> open_;
  std::vector<Operation> flying_;
  uint64_t open_group_ = 1;
  size_t open_bytes_ = 0;
  uint64_t commits_count_ = 0;
  bool committing_ = false;
  bool failed_ = false;
  bool fail_next_ = false;
  bool crashed_ = false;
};

}  // namespace barid::sim
