#include "shard/runtime/mesh.h"

namespace barid::rt {

Mesh::Mesh(uint16_t shards_count) : shards_count_(shards_count), wakers_(shards_count) {
  for (size_t i = 0; i < size_t{shards_count} * shards_count; ++i) {
    rings_.push_back(std::make_unique<Ring>());
  }
}

Mesh::~Mesh() = default;

Mesh::Port::Port(Mesh& mesh, uint16_t self, Reactor& reactor, void* receiver)
    : mesh_(mesh),
      self_(self),
      reactor_(reactor),
      receiver_(receiver),
      overflow_(mesh.shards_count_),
      touched_(mesh.shards_count_) {
  reactor.add_mailbox(*this);
  reactor.add_turn_hook(*this);
  mesh.wakers_[self].store(&reactor.waker(), std::memory_order_release);
}

Mesh::Port::~Port() {
  mesh_.wakers_[self_].store(nullptr, std::memory_order_release);
  reactor_.remove_turn_hook(*this);
  reactor_.remove_mailbox(*this);
}

bool Mesh::Port::send(uint16_t to, ShardMessage message) {
  message.from = self_;
  std::deque<ShardMessage>& waiting = overflow_[to];
  if (waiting.empty() && mesh_.ring(self_, to).try_push(message)) {
    touched_[to] = true;
    return true;
  }
  if (waiting.size() >= kOverflowMax) return false;
  waiting.push_back(message);
  return true;
}

bool Mesh::Port::drain() {
  bool any = false;
  for (uint16_t from = 0; from < mesh_.shards_count_; ++from) {
    ShardMessage message;
    // Bounded: what arrives meanwhile waits for the next turn.
    for (size_t i = 0; i < kRingCapacity && mesh_.ring(from, self_).try_pop(&message); ++i) {
      message.handle(receiver_, message);
      any = true;
    }
  }
  return any;
}

bool Mesh::Port::has_mail() const noexcept {
  for (uint16_t from = 0; from < mesh_.shards_count_; ++from) {
    if (mesh_.ring(from, self_).has_items()) return true;
    if (!overflow_[from].empty()) return true;  // nobody tells us when the receiver made room
    if (touched_[from]) return true;  // sent by a hook that ran after ours: wake it before we sleep
  }
  return false;
}

void Mesh::Port::on_turn_end() {
  for (uint16_t to = 0; to < mesh_.shards_count_; ++to) {
    std::deque<ShardMessage>& waiting = overflow_[to];
    while (!waiting.empty() && mesh_.ring(self_, to).try_push(waiting.front())) {
      waiting.pop_front();
      touched_[to] = true;
    }
    if (!touched_[to]) continue;
    touched_[to] = false;
    if (Waker* waker = mesh_.wakers_[to].load(std::memory_order_acquire)) waker->notify();
  }
}

}  // namespace barid::rt
