// Lets go of what the API kept long enough: submissions, fates, events, idempotent answers. Reads
// a bounded piece at a time on an offload thread and goes round for ever.
// Layer: http. Shard-owned; the decision is pure.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "http/submit/event_floors.h"
#include "http/submit/fate_recorder.h"
#include "shard/runtime/event.h"
#include "shard/runtime/offload.h"
#include "shard/runtime/scope.h"

namespace barid::http {

struct Retention {
  Duration messages = std::chrono::hours(24 * 7);  ///< message_retention
  Duration events = std::chrono::hours(24 * 3);    ///< event_retention
};

/// True if an entry of one of the API's families may go at `now`. What does not parse may.
/// `event_floor`: events from there on stay (EventFloors).
[[nodiscard]] bool is_over(queue::Family family, std::string_view key, std::string_view value,
                           WallTime now, const Retention& retention, uint64_t event_floor);

class Sweeper {
 public:
  static constexpr std::array kFamilies = {queue::Family::kEmails, queue::Family::kFates,
                                           queue::Family::kIdempotency, queue::Family::kEvents};
  static constexpr size_t kPieceEntries = 2000;
  static constexpr Duration kPause = std::chrono::seconds(1);        // between pieces
  static constexpr Duration kRoundPause = std::chrono::seconds(60);  // between rounds

  /// All outlive it.
  Sweeper(rt::Reactor& reactor, rt::Offload& offload, FateRecorder& writer,
          const EventFloors& floors)
      : reactor_(reactor),
        offload_(offload),
        writer_(writer),
        floors_(floors),
        stop_(reactor),
        scope_(reactor) {}

  void start(std::vector<queue::Partition*> partitions, const Retention& retention);
  void set_retention(const Retention& retention) noexcept { retention_ = retention; }
  rt::Task<bool> close(MonoTime deadline);

 private:
  rt::Task<void> run(std::vector<queue::Partition*> partitions);
  /// False if it is to end.
  rt::Task<bool> sweep(queue::Partition* partition, queue::Family family);

  rt::Reactor& reactor_;
  rt::Offload& offload_;
  FateRecorder& writer_;
  const EventFloors& floors_;
  Retention retention_;
  rt::Event stop_;
  rt::Scope scope_;
  bool stopping_ = false;
};

}  // namespace barid::http
