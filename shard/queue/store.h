// The store seam: one ordered key-value store per partition with group commit.
//
// The shard adds puts and erases to the *open group* and goes on. At the end of its turn it seals:
// if no group is being committed, the open one is handed to the commit thread, which writes it with
// one synced write. While that runs the next group gathers, so groups grow with load by themselves.
// Nothing here blocks the shard; the reads below do and belong on an offload thread.
//
// Forms: RocksStore (rocks_store.h) and the simulated one (shard/sim/sim_store.h).
// Layer: shard/queue.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace barid::queue {

/// Column families. Keys and values: docs/formats/queue.md.
enum class Family : uint8_t {
  kMeta = 0,  ///< store version, id high-water mark, the store's own last_group
  kFresh,     ///< messages accepted into memory and not yet deferred, by queue id
  kQueued,    ///< messages that wait on disk, by queue id
  kSchedule,  ///< (destination, due, id) of everything in kQueued
  kContent,   ///< content chunks, by (queue id, chunk)
  kCorrupt,   ///< records that did not decode, by queue id
  // What the HTTP API keeps; it commits with the messages that it is about.
  kEmails,        ///< submissions, by queue id of their first message
  kFates,         ///< what became of each recipient, by (queue id, recipient)
  kIdempotency,   ///< answers given, by digest of tenant and key
  kEvents,        ///< events, by event id
  kWebhooks,      ///< who is told of events, and how far each was told
  kSuppressions,  ///< addresses that get no mail, by tenant and address
};
inline constexpr size_t kFamilyCount = 12;

class Store {
 public:
  /// Told on the shard's thread, in group order.
  class Listener {
   public:
    virtual ~Listener() = default;
    /// `status` ok: everything in `group` is on disk. Else nothing of it may be relied upon, the
    /// store is failed (below), and all later groups end with an error too until recovered() is
    /// told.
    virtual void on_commit(uint64_t group, Status status) = 0;
    /// The failed store was reopened and checked, and takes writes again.
    virtual void on_recovered() = 0;
  };

  virtual ~Store() = default;
  virtual void set_listener(Listener& listener) = 0;

  // --- writing, shard thread only
  /// The group that the next put or erase joins.
  [[nodiscard]] virtual uint64_t open_group() const noexcept = 0;
  [[nodiscard]] virtual size_t open_group_bytes() const noexcept = 0;
  /// False after a failed commit until on_recovered(): puts then must not be made.
  [[nodiscard]] virtual bool writable() const noexcept = 0;
  virtual void put(Family family, std::string_view key,
                   std::span<const std::string_view> value) = 0;
  virtual void erase(Family family, std::string_view key) = 0;
  /// For a key that was put exactly once: put and erase cancel in memory and never reach a file.
  virtual void erase_once(Family family, std::string_view key) = 0;
  /// Hands the open group over if the commit thread is idle and there is something in it.
  virtual void seal() = 0;
  /// Bytes that mail may still take of the store's file system (its own reserve is left out) as of
  /// the last commit or second, for admission control.
  [[nodiscard]] virtual uint64_t free_bytes() const noexcept = 0;

  // --- reading, any thread but the shard's; sees committed groups only
  /// Errors: kNotFound, kIo, kCorrupt, kUnavailable.
  virtual Result<std::string> get(Family family, std::string_view key) const = 0;
  class Visitor {
   public:
    virtual ~Visitor() = default;
    /// Return false to stop.
    virtual bool on_entry(std::string_view key, std::string_view value) = 0;
  };
  /// Visits entries with key >= from, in order. Errors: kIo, kCorrupt, kUnavailable.
  virtual Status scan(Family family, std::string_view from, Visitor& visitor) const = 0;
  /// Visits entries with key < before, from the last one backwards. Errors: as scan().
  virtual Status scan_back(Family family, std::string_view before, Visitor& visitor) const = 0;
};

}  // namespace barid::queue
