#include "shard/runtime/reactor.h"

#include <algorithm>

namespace barid::rt {

namespace {
constexpr Duration kWaitMax = std::chrono::seconds(10);  // bounds every sleep, even a lost wake-up
}

Reactor::Reactor(Clock& clock, Io& io, uint64_t rng_seed)
    : clock_(clock), io_(io), waker_(io), rng_(rng_seed) {
  refresh_clock();
  io_.set_wait_listener(this);
}

void Reactor::on_wait_end() {
  refresh_clock();
  for (size_t i = 0; i < hooks_.size(); ++i) hooks_[i]->on_turn_begin();
}

void Reactor::refresh_clock() noexcept {
  now_ = clock_.mono();
  wall_now_ = clock_.wall();
}

void Reactor::remove_mailbox(Mailbox& mailbox) noexcept { std::erase(mailboxes_, &mailbox); }
void Reactor::remove_turn_hook(TurnHook& hook) noexcept { std::erase(hooks_, &hook); }

Duration Reactor::wait_time(Duration wait_max) const noexcept {
  if (!ready_.empty()) return Duration::zero();
  if (timers_.empty()) return wait_max;
  // The clock itself, not now_: a long turn must not add to the sleep.
  return std::clamp<Duration>(timers_.next_due() - clock_.mono(), Duration::zero(), wait_max);
}

bool Reactor::drain_mailboxes() {
  bool any = false;
  // Index loop: a message may register a mailbox (a new peer), which reallocates the vector.
  for (size_t i = 0; i < mailboxes_.size(); ++i) any = mailboxes_[i]->drain() || any;
  return any;
}

bool Reactor::resume_ready() {
  const size_t count = ready_.size();  // what is posted meanwhile waits for the next turn
  for (size_t i = 0; i < count; ++i) {
    const std::coroutine_handle<> handle = ready_.front();
    ready_.pop_front();
    handle.resume();
  }
  return count > 0;
}

bool Reactor::turn(Duration wait_max) {
  ++turns_count_;
  Duration wait = wait_time(wait_max);
  if (wait > Duration::zero()) {
    waker_.prepare_sleep();
    const bool mail = std::any_of(mailboxes_.begin(), mailboxes_.end(),
                                  [](const Mailbox* mailbox) { return mailbox->has_mail(); });
    if (mail) wait = Duration::zero();
  }
  io_.turn(wait);
  waker_.end_sleep();
  refresh_clock();

  bool worked = drain_mailboxes();
  worked = timers_.fire_due(now_) > 0 || worked;
  worked = resume_ready() || worked;
  for (size_t i = 0; i < hooks_.size(); ++i) hooks_[i]->on_turn_end();
  return worked;
}

void Reactor::run() {
  while (!stopping_) turn(kWaitMax);
}

}  // namespace barid::rt
