#include "http/webhook/worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/crypto/digest.h"
#include "http/submit/event_record.h"
#include "http/webhook/signature.h"

namespace barid::http {
namespace {

constexpr std::chrono::milliseconds kIdlePatience{1000};
constexpr Duration kStartPause = std::chrono::seconds(5);
constexpr int kGone = 410;

std::string key_of(QueueId id) {
  const auto key = id.key();
  return {key.data(), key.size()};
}

/// Equal for events that must stay in order: those of one email, or else of one address.
uint64_t order_of(const JsonValue& event) {
  std::string_view what = json_text(event, "email_id");
  if (what.empty()) what = json_text(event, "recipient");
  const std::string digest = crypto::sha256({what});
  uint64_t order = 0;
  for (size_t i = 0; i < 8; ++i) order = order << 8 | static_cast<uint8_t>(digest[i]);
  return order;
}

/// The last moment before `time`, as an event id: what comes after it is wanted.
QueueId id_before(WallTime time, uint16_t partition) {
  const int64_t micros = unix_micros(time);
  return {.micros = micros > 0 ? static_cast<uint64_t>(micros - 1) : 0, .partition = partition};
}

WallTime later(WallTime now, Duration pause) {
  return std::chrono::time_point_cast<WallTime::duration>(now + pause);
}

class EndpointEntries final : public queue::Store::Visitor {
 public:
  bool on_entry(std::string_view key, std::string_view value) override {
    if (!is_endpoint_key(key)) return true;
    auto endpoint = parse_endpoint(value);
    if (endpoint) {
      endpoints.push_back(*std::move(endpoint));
    } else {
      ++broken;
    }
    return endpoints.size() < EndpointList::kMax;
  }
  std::vector<Endpoint> endpoints;
  size_t broken = 0;
};

class LaneKeys final : public queue::Store::Visitor {
 public:
  bool on_entry(std::string_view key, std::string_view) override {
    if (!is_endpoint_key(key)) keys.emplace_back(key);
    return true;
  }
  std::vector<std::string> keys;
};

/// Events behind a lane's cursor, into the lane.
class Feeder final : public queue::Store::Visitor {
 public:
  /// `final_below`: what stands from there on may be undone.
  Feeder(const Endpoint& endpoint, WallTime now, uint64_t final_below, Lane& lane)
      : endpoint_(endpoint), now_(now), final_below_(final_below), lane_(lane) {}
  bool on_entry(std::string_view key, std::string_view value) override {
    const auto id = QueueId::from_key(key);
    if (!id || !(lane_.cursor() < *id)) return true;
    const bool is_final = id->micros < final_below_;
    if (!is_final || !lane_.wants_more() || ++seen_ > WebhookWorker::kEventsReadMax) {
      stopped = true;
      return false;
    }
    const auto event = parse_json(value);
    if (event && endpoint_.wants(json_text(*event, "tenant"), json_text(*event, "type"))) {
      lane_.offer(*id, order_of(*event), now_);
    } else {
      lane_.skip(*id);
    }
    return true;
  }
  bool stopped = false;

 private:
  const Endpoint& endpoint_;
  const WallTime now_;
  const uint64_t final_below_;
  Lane& lane_;
  size_t seen_ = 0;
};

}  // namespace

WebhookWorker::WebhookWorker(const Env& env) : env_(env), rng_(env.seed) {}

std::string WebhookWorker::load() {
  stores_ = env_.stores.all();
  for (const queue::Store* store : stores_) {
    EndpointEntries entries;
    const Status status = store->scan(queue::Family::kWebhooks, "", entries);
    if (!status.ok() || entries.broken > 0) {
      return fmt::format("webhooks: {} cannot be read: {}", std::max<size_t>(entries.broken, 1),
                         status.ok() ? "damaged" : code_name(status.error().code));
    }
    for (Endpoint& endpoint : entries.endpoints) env_.endpoints.put(std::move(endpoint));
  }
  return {};
}

void WebhookWorker::set_settings(WebhookSettings settings) {
  const std::lock_guard lock(mutex_);
  next_settings_ = std::move(settings);
  client_.wake();
}

void WebhookWorker::on_events() noexcept {
  if (!active_.load(std::memory_order_relaxed)) return;
  if (!news_.exchange(true, std::memory_order_release)) client_.wake();
}

void WebhookWorker::stop() noexcept {
  stopping_.store(true, std::memory_order_release);
  client_.wake();
}

void WebhookWorker::run() {
  while (!stopping_.load(std::memory_order_acquire)) {
    refresh();
    const MonoTime now = env_.clock.mono();
    if (now - fed_at_ >= kFeedPause) {
      fed_at_ = now;
      if (news_.exchange(false, std::memory_order_acquire)) {
        for (auto& [name, slot] : slots_) slot.drained = false;
      }
      for (auto& [name, slot] : slots_) feed(name.second, slot);
    }
    launch_all();
    for (auto& [name, slot] : slots_) save(name, slot, /*now_at_once=*/false);
    publish();
    for (const WebhookAnswer& answer : client_.run(patience())) on_answer(answer);
  }
  for (auto& [name, slot] : slots_) save(name, slot, /*now_at_once=*/true);
}

void WebhookWorker::refresh() {
  {
    const std::lock_guard lock(mutex_);
    if (next_settings_) {
      settings_ = *std::move(next_settings_);
      next_settings_.reset();
      client_.set_settings(settings_.client);
      for (auto& [name, slot] : slots_) slot.lane.set_retries(settings_.retries);
    }
  }
  if (version_ != env_.endpoints.version()) sync();
}

/// Makes the slots those of the endpoints.
void WebhookWorker::sync() {
  const bool first = !version_.has_value();
  version_ = env_.endpoints.version();
  const EndpointList::Snapshot endpoints = env_.endpoints.all();
  if (first) drop_orphans();
  for (auto slot = slots_.begin(); slot != slots_.end();) {
    const QueueId id = slot->first.first;
    const auto found = std::find_if(endpoints.begin(), endpoints.end(),
                                    [id](const Endpoint& one) { return one.id == id; });
    if (found == endpoints.end()) {
      env_.host.save(slot->first.second, lane_key(id), {});
      slot = slots_.erase(slot);
    } else if (!found->enabled) {
      save(slot->first, slot->second, /*now_at_once=*/true);
      slot = slots_.erase(slot);
    } else {
      ++slot;
    }
  }
  for (const Endpoint& endpoint : endpoints) {
    if (!endpoint.enabled) continue;
    for (const auto& [partition, store] : env_.stores.stores) {
      open_slot(endpoint, partition, store);
    }
  }
  totals_.endpoints.store(endpoints.size(), std::memory_order_relaxed);
  active_.store(!slots_.empty(), std::memory_order_relaxed);
}

/// States of lanes whose endpoint was deleted just before the process ended.
void WebhookWorker::drop_orphans() {
  for (const auto& [partition, store] : env_.stores.stores) {
    LaneKeys lanes;
    if (!store->scan(queue::Family::kWebhooks, "", lanes).ok()) continue;
    for (std::string& key : lanes.keys) {
      const auto id = QueueId::from_key(std::string_view(key).substr(1));
      if (!id || !env_.endpoints.find(*id)) env_.host.save(partition, std::move(key), {});
    }
  }
}

void WebhookWorker::open_slot(const Endpoint& endpoint, uint16_t partition,
                              const queue::Store* store) {
  const Name name{endpoint.id, partition};
  auto found = slots_.find(name);
  if (found == slots_.end()) {
    Slot slot{.store = store,
              .lane = Lane(settings_.retries, id_before(endpoint.since, partition))};
    const Result<std::string> state = store->get(queue::Family::kWebhooks, lane_key(endpoint.id));
    if (state.ok() && !slot.lane.restore(*state)) {
      env_.host.note(fmt::format("webhook {}: its state is damaged, events since {} are sent again",
                                 endpoint.name, unix_seconds(endpoint.since)));
    }
    slot.saved_cursor = slot.lane.cursor();
    found = slots_.emplace(name, std::move(slot)).first;
  }
  Slot& slot = found->second;
  slot.endpoint = endpoint;
  slot.drained = false;
  slot.lane.start_after(id_before(endpoint.since, partition));
  if (endpoint.replays > 0) slot.lane.replay(endpoint.replays, endpoint.replay_after);
}

void WebhookWorker::feed(uint16_t partition, Slot& slot) {
  if (slot.drained || !slot.lane.wants_more()) return;
  Feeder feeder(slot.endpoint, env_.clock.wall(), env_.horizon.final_below(partition), slot.lane);
  const Status status =
      slot.store->scan(queue::Family::kEvents, key_of(slot.lane.cursor()), feeder);
  slot.drained = status.ok() && !feeder.stopped;
}

/// Each lane has its turn, also when there are fewer calls than lanes.
void WebhookWorker::launch_all() {
  auto at = slots_.upper_bound(last_launched_);
  for (size_t left = slots_.size(); left > 0 && calls_.size() < kCallsMax; --left, ++at) {
    if (at == slots_.end()) at = slots_.begin();
    last_launched_ = at->first;
    launch(at->first, at->second);
  }
}

void WebhookWorker::launch(const Name& name, Slot& slot) {
  const WallTime now = env_.clock.wall();
  slot.lane.forget_dead(later(now, -settings_.event_retention));
  for (const QueueId event_id : slot.lane.take(now)) {
    const std::string key = key_of(event_id);
    const Result<std::string> stored = slot.store->get(queue::Family::kEvents, key);
    if (!stored.ok() && stored.error().code != Code::kNotFound) {
      slot.lane.put_back(event_id, later(now, kStartPause));  // the store is down for now
      continue;
    }
    const auto event = stored.ok() ? parse_json(*stored) : std::nullopt;
    std::string body;
    if (event) {
      body = view_event(stores_, key, *event, slot.endpoint.tenant, EventForm::kDelivered);
    }
    if (body.empty()) {
      slot.lane.drop(event_id);
      continue;
    }
    const uint64_t token = ++next_token_;
    std::vector<std::string> fields =
        webhook_fields(slot.endpoint.secret, event_id.text(), unix_seconds(now), body);
    fields.emplace_back("content-type: application/json");
    fields.emplace_back("expect:");
    if (client_.start({.token = token,
                       .url = slot.endpoint.url,
                       .fields = std::move(fields),
                       .body = std::move(body)})) {
      calls_[token] = {.lane = name, .event = event_id};
    } else {
      slot.lane.put_back(event_id, later(now, kStartPause));
    }
  }
}

void WebhookWorker::on_answer(const WebhookAnswer& answer) {
  const auto found = calls_.find(answer.token);
  const Call call = found->second;
  calls_.erase(found);
  const auto lane = slots_.find(call.lane);
  if (lane == slots_.end()) return;
  Slot& slot = lane->second;
  const WallTime now = env_.clock.wall();
  if (answer.status >= 200 && answer.status < 300) {
    totals_.taken.fetch_add(1, std::memory_order_relaxed);
    successes_[call.lane.first] = now;
    slot.lane.on_answer(call.event, Lane::Answer::kTaken, now, 0);
  } else if (answer.status == kGone) {
    slot.lane.put_back(call.event, now);
    disable(slot.endpoint, "gone", "it answers 410");
  } else {
    on_failure(slot, call.event, answer);
  }
}

void WebhookWorker::on_failure(Slot& slot, QueueId event, const WebhookAnswer& answer) {
  totals_.failed.fetch_add(1, std::memory_order_relaxed);
  const WallTime now = env_.clock.wall();
  const std::string why =
      answer.status > 0 ? fmt::format("status {}", answer.status) : answer.problem;
  const bool first = slot.lane.failing_since() == WallTime{};
  const size_t dead = slot.lane.dead_count();
  slot.lane.on_answer(event, Lane::Answer::kFailed, now,
                      static_cast<double>(rng_.below(1000)) / 1000);
  if (first) env_.host.note(fmt::format("webhook {}: fails: {}", slot.endpoint.name, why));
  if (slot.lane.dead_count() > dead) {
    totals_.dead.fetch_add(1, std::memory_order_relaxed);
    env_.host.note(
        fmt::format("webhook {}: event {} is given up: {}", slot.endpoint.name, event.text(), why));
  }
  const WallTime since = slot.lane.failing_since();
  if (since != WallTime{} && now - since > kGiveUp && successes_[slot.endpoint.id] < since) {
    disable(slot.endpoint, "failing", "it has failed for days: " + why);
  }
}

void WebhookWorker::disable(const Endpoint& endpoint, std::string_view reason,
                            const std::string& why) {
  std::optional<Endpoint> present = env_.endpoints.find(endpoint.id);
  if (!present || !present->enabled) return;
  present->enabled = false;
  present->disabled_reason = reason;
  env_.host.note(fmt::format("webhook {}: disabled: {}", present->name, why));
  env_.host.save(present->id.partition, endpoint_key(present->id), endpoint_record(*present));
  env_.endpoints.put(*std::move(present));
}

void WebhookWorker::save(const Name& name, Slot& slot, bool now_at_once) {
  slot.dirty = slot.lane.take_changed() || slot.dirty;
  const MonoTime now = env_.clock.mono();
  const bool moved = slot.saved_cursor != slot.lane.cursor();
  const Duration pause = slot.dirty ? kSavePause : kCursorPause;
  if (!slot.dirty && !moved) return;
  if (!now_at_once && now - slot.saved_at < pause) return;
  slot.saved_at = now;
  slot.saved_cursor = slot.lane.cursor();
  slot.dirty = false;
  env_.host.save(name.second, lane_key(name.first), slot.lane.state());
}

void WebhookWorker::publish() {
  uint64_t waiting = 0;
  std::map<QueueId, Tally> tallies;
  for (const auto& [partition, store] : env_.stores.stores) {
    uint64_t floor = EventFloors::kNobody;
    for (const auto& [name, slot] : slots_) {
      if (name.second != partition) continue;
      floor = std::min(floor, slot.lane.oldest_needed().micros);
      waiting += slot.lane.open_count();
      Tally& tally = tallies[name.first];
      tally.waiting += slot.lane.open_count();
      tally.dead += slot.lane.dead_count();
    }
    env_.floors.set(partition, floor);
  }
  totals_.waiting.store(waiting, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  tallies_ = std::move(tallies);
}

WebhookWorker::Tally WebhookWorker::tally(QueueId endpoint) const {
  const std::lock_guard lock(mutex_);
  const auto found = tallies_.find(endpoint);
  return found == tallies_.end() ? Tally{} : found->second;
}

std::chrono::milliseconds WebhookWorker::patience() const {
  const WallTime now = env_.clock.wall();
  std::chrono::milliseconds patience = kIdlePatience;
  const bool may_call = calls_.size() < kCallsMax;
  for (const auto& [name, slot] : slots_) {
    if (slot.dirty) patience = std::min(patience, std::chrono::milliseconds(200));
    if (!slot.drained && slot.lane.wants_more()) {
      patience = std::min(patience, std::chrono::milliseconds(20));
    }
    const auto due = slot.lane.next_due();
    if (!due || !may_call) continue;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - now);
    patience = std::min(patience, std::max(left, std::chrono::milliseconds(10)));
  }
  if (news_.load(std::memory_order_relaxed)) {
    patience = std::min(patience, std::chrono::milliseconds(20));
  }
  return patience;
}

}  // namespace barid::http
