#include "shard/schedule/transport_pace.h"

#include <utility>

#include "core/base/assert.h"
#include "shard/schedule/dispatcher.h"

namespace barid::schedule {
namespace {

SitePolicy policy_of(Duration delay) {
  SitePolicy policy;
  policy.window.initial = policy.window.limit = 1;
  policy.rate_delay = delay;
  return policy;
}

}  // namespace

TransportPace::TransportPace(GovernorLink& link, Listener& listener, Transport& transport,
                             Duration delay)
    : link_(link),
      listener_(listener),
      transport_(transport),
      name_(transport.name + " *"),
      delay_(delay) {
  link_.open(*this, name_, policy_of(delay_));
}

TransportPace::~TransportPace() { link_.close(*this); }

void TransportPace::set_delay(Duration delay) {
  if (delay == delay_) return;
  delay_ = delay;
  link_.set_policy(*this, name_, policy_of(delay_));
}

void TransportPace::ask() {
  if (wanted_) return;
  wanted_ = true;
  link_.mark(*this);
}

void TransportPace::rest() {
  const bool had_wish = std::exchange(wanted_, false);
  if (leases_ > 0 && running_ == 0) {
    give_back();
  } else if (had_wish) {
    link_.mark(*this);
  }
}

void TransportPace::start() noexcept {
  BARID_ASSERT(messages_ > 0);
  --messages_;
  ++running_;
}

void TransportPace::finish() {
  BARID_ASSERT(running_ > 0);
  --running_;
  ++update_.successes;
  if (recalled_ && running_ == 0) {
    give_back();
  } else {
    link_.mark(*this);
  }
}

void TransportPace::cancel() {
  BARID_ASSERT(running_ > 0);
  --running_;
  ++messages_;
  if (recalled_ && running_ == 0) give_back();
}

void TransportPace::give_back() {
  recalled_ = false;
  update_.leases_back += std::exchange(leases_, 0);
  update_.messages_back += std::exchange(messages_, 0);
  link_.mark(*this);
}

void TransportPace::on_grant(uint32_t leases, uint32_t messages) {
  leases_ += leases;
  messages_ += messages;
  if (messages == 0) {
    if (!wanted_ && running_ == 0) give_back();
    return;
  }
  wanted_ = false;
  listener_.on_pace(transport_);
}

void TransportPace::on_recall(uint32_t leases) {
  BARID_ASSERT(leases <= 1);
  if (leases_ == 0) return;  // on its way back already
  recalled_ = true;
  if (running_ == 0) give_back();
}

ShareUpdate TransportPace::take_update() {
  update_.leases_wanted = wanted_ && leases_ == 0 ? 1 : 0;
  update_.messages_wanted = wanted_ ? 1 : 0;
  return std::exchange(update_, ShareUpdate{});
}

}  // namespace barid::schedule
