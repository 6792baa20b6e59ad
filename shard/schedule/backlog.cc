#include "shard/schedule/backlog.h"

#include "shard/queue/queue_key.h"

namespace barid::schedule {

void Backlog::note(std::string_view queue, WallTime due) {
  std::string name(queue);
  const auto [found, inserted] = by_name_.try_emplace(name);
  Entry& entry = found->second;
  if (!inserted) {
    if (entry.state != State::kWaiting || entry.due <= due) return;
    by_due_.erase({entry.due, name});
  }
  entry.due = due;
  by_due_.emplace(due, std::move(name));
}

void Backlog::advance(WallTime now) {
  while (!by_due_.empty() && by_due_.begin()->first <= now) {
    const std::string queue = by_due_.begin()->second;
    by_due_.erase(by_due_.begin());
    make_ready(queue);
  }
}

void Backlog::make_ready(const std::string& queue) {
  by_name_[queue].state = State::kReady;
  // A name that is none waits with the deferred mail of nobody.
  const queue::QueueKey key = queue::parse_queue_key(queue).value_or(queue::QueueKey{});
  (key.is_new ? new_ : deferred_).push(key.lane, key.tenant, queue);
}

bool Backlog::has(const FairQueue<std::string>& queues, bool without_bulk) noexcept {
  return without_bulk ? queues.size(Stream::kTransactional) > 0 : !queues.empty();
}

bool Backlog::ready(const Choice& choice) const noexcept {
  return has(new_, choice.without_bulk) || has(deferred_, choice.without_bulk);
}

std::string Backlog::take(const Choice& choice) {
  const bool fresh = has(new_, choice.without_bulk);
  const bool deferred = has(deferred_, choice.without_bulk);
  BARID_ASSERT(fresh || deferred);
  const bool take_new = fresh && (!deferred || choice.new_first || taken_from_ != &new_);
  taken_from_ = take_new ? &new_ : &deferred_;
  std::string queue =
      choice.without_bulk ? taken_from_->take_from(Stream::kTransactional) : taken_from_->take();
  by_name_.erase(queue);
  return queue;
}

void Backlog::charge(size_t messages) noexcept {
  if (taken_from_ != nullptr) taken_from_->charge(static_cast<int64_t>(messages));
}

void Backlog::block(std::string_view queue, std::string_view destination) {
  const auto [found, inserted] = by_name_.try_emplace(std::string(queue));
  if (!inserted) {
    if (found->second.state != State::kWaiting) return;  // it is in line already
    by_due_.erase({found->second.due, found->first});
  }
  found->second.state = State::kBlocked;
  blocked_[std::string(destination)].emplace_back(queue);
}

void Backlog::unblock(std::string_view destination) {
  const auto found = blocked_.find(std::string(destination));
  if (found == blocked_.end()) return;
  const std::vector<std::string> queues = std::move(found->second);
  blocked_.erase(found);
  for (const std::string& queue : queues) make_ready(queue);
}

}  // namespace barid::schedule
