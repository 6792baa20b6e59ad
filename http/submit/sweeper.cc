#include "http/submit/sweeper.h"

#include "http/submit/json.h"

namespace barid::http {
namespace {

constexpr Duration kReadPatience = std::chrono::seconds(30);

WallTime idempotent_end(std::string_view value) noexcept {
  uint64_t micros = 0;
  for (size_t i = 0; i < 8 && i < value.size(); ++i) {
    micros = micros << 8 | static_cast<uint8_t>(value[i]);
  }
  return wall_from_micros(static_cast<int64_t>(micros));
}

/// What an offload thread found.
struct Piece {
  std::vector<std::string> over;
  std::string next;  ///< where to go on; empty = that was all
};

class PieceVisitor final : public queue::Store::Visitor {
 public:
  PieceVisitor(queue::Family family, WallTime now, const Retention& retention, uint64_t event_floor,
               Piece* piece)
      : family_(family),
        now_(now),
        retention_(retention),
        event_floor_(event_floor),
        piece_(piece) {}
  bool on_entry(std::string_view key, std::string_view value) override {
    if (seen_ == Sweeper::kPieceEntries) {
      piece_->next = key;
      return false;
    }
    ++seen_;
    if (is_over(family_, key, value, now_, retention_, event_floor_))
      piece_->over.emplace_back(key);
    return true;
  }

 private:
  const queue::Family family_;
  const WallTime now_;
  const Retention retention_;
  const uint64_t event_floor_;
  Piece* piece_;
  size_t seen_ = 0;
};

Result<Piece> read_piece(const queue::Store& store, queue::Family family, std::string_view from,
                         WallTime now, const Retention& retention, uint64_t event_floor) {
  Piece piece;
  PieceVisitor visitor(family, now, retention, event_floor, &piece);
  BARID_TRY_VOID(store.scan(family, from, visitor));
  return piece;
}

}  // namespace

bool is_over(queue::Family family, std::string_view key, std::string_view value, WallTime now,
             const Retention& retention, uint64_t event_floor) {
  if (family == queue::Family::kIdempotency) return idempotent_end(value) <= now;
  if (family == queue::Family::kEvents) {
    const auto id = QueueId::from_key(key);
    if (!id) return true;
    const WallTime made = wall_from_micros(static_cast<int64_t>(id->micros));
    return made + retention.events <= now && id->micros < event_floor;
  }
  const std::optional<JsonValue> record = parse_json(value);
  if (!record) return true;
  // A submission counts from when it was to be sent, a fate from when it was met.
  const int64_t micros =
      family == queue::Family::kFates
          ? json_number(*record, "at")
          : std::max(json_number(*record, "created_at"), json_number(*record, "scheduled_at"));
  return wall_from_micros(micros) + retention.messages <= now;
}

void Sweeper::start(std::vector<queue::Partition*> partitions, const Retention& retention) {
  retention_ = retention;
  scope_.spawn(run(std::move(partitions)));
}

rt::Task<bool> Sweeper::close(MonoTime deadline) {
  stopping_ = true;
  stop_.cancel();
  co_return co_await scope_.join(deadline) == Code::kOk;
}

rt::Task<void> Sweeper::run(std::vector<queue::Partition*> partitions) {
  while (!stopping_) {
    for (queue::Partition* partition : partitions) {
      for (const queue::Family family : kFamilies) {
        const bool goes_on = co_await sweep(partition, family);
        if (!goes_on) co_return;
      }
    }
    if (co_await stop_.wait_for(kRoundPause) == Code::kCancelled) co_return;
  }
}

rt::Task<bool> Sweeper::sweep(queue::Partition* partition, queue::Family family) {
  std::string from;
  for (;;) {
    const queue::Store* store = &partition->store();
    auto call = [store, family, from, now = reactor_.wall_now(), retention = retention_,
                 floor = floors_.of(partition->number())] {
      return read_piece(*store, family, from, now, retention, floor);
    };
    Result<Piece> piece = co_await offload_.run(std::move(call), reactor_.now() + kReadPatience);
    if (stopping_) co_return false;
    if (!piece.ok()) co_return true;  // the next round tries again
    for (std::string& key : piece->over) writer_.erase(*partition, family, std::move(key));
    if (piece->next.empty()) co_return true;
    from = std::move(piece->next);
    if (co_await stop_.wait_for(kPause) == Code::kCancelled) co_return false;
  }
}

}  // namespace barid::http
