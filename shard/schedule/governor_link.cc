#include "shard/schedule/governor_link.h"

#include <algorithm>
#include <utility>

namespace barid::schedule {
namespace {

constexpr size_t kKindWord = 5;

constexpr uint64_t pack(uint32_t low, uint32_t high) noexcept { return uint64_t{high} << 32 | low; }
constexpr uint32_t low(uint64_t word) noexcept { return static_cast<uint32_t>(word); }
constexpr uint32_t high(uint64_t word) noexcept { return static_cast<uint32_t>(word >> 32); }

/// FNV-1a: the home of a site is the same whoever computes it, in every run.
uint64_t stable_hash(std::string_view key) noexcept {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : key) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  return hash;
}

uint64_t to_word(MonoTime time) noexcept {
  return static_cast<uint64_t>(time.time_since_epoch().count());
}
MonoTime to_time(uint64_t word) noexcept {
  return MonoTime(Duration(static_cast<Duration::rep>(word)));
}

}  // namespace

struct GovernorLink::OpenRequest final : Lent {
  std::string key;
  SitePolicy policy;
};

struct GovernorLink::LentTrouble final : Lent {
  SiteTrouble trouble;
};

GovernorLink::GovernorLink(rt::Reactor& reactor, rt::Mesh::Port* port)
    : reactor_(reactor),
      port_(port),
      self_(port != nullptr ? port->self() : uint16_t{0}),
      shards_count_(port != nullptr ? port->shards_count() : uint16_t{1}),
      governor_(*this),
      clients_(shards_count_),
      ids_(shards_count_),
      unsent_(shards_count_) {
  // Slot 0 stays empty: an id is never 0.
  shares_.push_back(nullptr);
  generations_.push_back(0);
  reactor_.add_mailbox(*this);
  reactor_.add_turn_hook(*this);
}

GovernorLink::~GovernorLink() {
  reactor_.remove_turn_hook(*this);
  reactor_.remove_mailbox(*this);
}

// --- as a client

void GovernorLink::open(SiteShare& share, std::string_view key, const SitePolicy& policy) {
  BARID_ASSERT(share.share_id_ == 0);
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<uint32_t>(shares_.size()));
    shares_.push_back(nullptr);
    generations_.push_back(0);
  }
  const uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  shares_[slot] = &share;
  share.share_id_ = pack(slot, ++generations_[slot]);
  share.home_ = static_cast<uint16_t>(stable_hash(key) % shards_count_);
  send_open(share, Kind::kOpen, key, policy);
}

void GovernorLink::set_policy(SiteShare& share, std::string_view key, const SitePolicy& policy) {
  send_open(share, Kind::kPolicy, key, policy);
}

void GovernorLink::send_open(SiteShare& share, Kind kind, std::string_view key,
                             const SitePolicy& policy) {
  auto request = std::make_unique<OpenRequest>();
  request->key = key;
  request->policy = policy;
  send(share.home_, kind, {share.share_id_, lend(std::move(request))});
}

void GovernorLink::close(SiteShare& share) {
  send_update(share);
  if (share.marked_) {
    std::erase(marked_, &share);
    std::erase(marked_here_, &share);
    share.marked_ = false;
  }
  send(share.home_, Kind::kClose, {share.share_id_});
  const uint32_t slot = low(share.share_id_);
  shares_[slot] = nullptr;
  free_slots_.push_back(slot);
  share.share_id_ = 0;
}

void GovernorLink::mark(SiteShare& share) {
  if (share.marked_) return;
  share.marked_ = true;
  if (share.home_ != self_) {
    marked_.push_back(&share);
    return;
  }
  marked_here_.push_back(&share);
  settle_own();
}

/// With its home here a share's wish is heard at once. What follows from it joins the round; the
/// governor is never entered from inside itself.
void GovernorLink::settle_own() {
  if (settling_) return;
  settling_ = true;
  for (;;) {
    if (!marked_here_.empty()) {
      SiteShare& share = *marked_here_.front();
      marked_here_.pop_front();
      share.marked_ = false;
      send_update(share);
    }
    if (to_self_.empty()) break;
    const rt::ShardMessage message = to_self_.front();
    to_self_.pop_front();
    on_message(self_, message);
  }
  settling_ = false;
}

void GovernorLink::revive_all() {
  for (uint16_t shard = 0; shard < shards_count_; ++shard) send(shard, Kind::kRevive, {0});
}

void GovernorLink::send_update(SiteShare& share) {
  ShareUpdate update = share.take_update();
  uint64_t trouble = 0;
  if (update.trouble) {
    auto lent = std::make_unique<LentTrouble>();
    lent->trouble = std::move(*update.trouble);
    trouble = lend(std::move(lent));
  }
  send(share.home_, Kind::kUpdate,
       {share.share_id_, pack(update.successes, update.leases_back),
        pack(update.messages_back, update.leases_wanted),
        pack(update.messages_wanted, update.failures), trouble});
}

/// To a shard that does not keep up nothing is added: updates grow together until it does.
void GovernorLink::on_turn_end() {
  for (SiteShare* share : std::exchange(marked_, {})) {
    if (!unsent_[share->home_].empty()) {
      marked_.push_back(share);
      continue;
    }
    share->marked_ = false;
    send_update(*share);
  }
}

void GovernorLink::on_home_message(uint16_t from, Kind kind, const rt::ShardMessage& message) {
  const uint64_t id = message.words[0];
  const uint32_t slot = low(id);
  SiteShare* share = generations_[slot] == high(id) ? shares_[slot] : nullptr;
  if (kind == Kind::kHealth) {
    const auto* lent = reinterpret_cast<const LentTrouble*>(message.words[2]);
    if (share != nullptr) share->on_health(to_time(message.words[1]), lent->trouble);
    send(from, Kind::kDone, {message.words[2]});
    return;
  }
  // A share that was closed meanwhile has given everything back; what was on its way to it comes
  // back too, because the home counts it as held until close() arrives there.
  if (share == nullptr) return;
  if (kind == Kind::kGrant) {
    share->on_grant(low(message.words[1]), high(message.words[1]));
  } else {
    share->on_recall(low(message.words[1]));
  }
}

// --- as a home

void GovernorLink::on_client_message(uint16_t from, Kind kind, const rt::ShardMessage& message) {
  const uint64_t id = message.words[0];
  const uint32_t slot = low(id);
  std::vector<Client>& clients = clients_[from];
  const MonoTime now = reactor_.now();
  if (kind == Kind::kOpen || kind == Kind::kPolicy) {
    const auto* request = reinterpret_cast<const OpenRequest*>(message.words[1]);
    if (clients.size() <= slot) clients.resize(size_t{slot} + 1);
    // The site's number must be known before it is opened: health is told from inside open().
    const SiteNumber site = governor_.number_of(request->key);
    clients[slot] = {.site = site, .id = id};
    ids_[from][site] = id;
    governor_.open(request->key, request->policy, from, now);
    send(from, Kind::kDone, {message.words[1]});
    return;
  }
  const SiteNumber site = clients[slot].site;
  if (kind == Kind::kClose) {
    governor_.close(site, from, now);
    ids_[from].erase(site);
    clients[slot] = {};
    return;
  }
  const auto* lent = reinterpret_cast<const LentTrouble*>(message.words[4]);
  const SiteReport report{.successes = low(message.words[1]),
                          .failures = high(message.words[3]),
                          .trouble = lent != nullptr ? &lent->trouble : nullptr};
  if (report.successes > 0 || report.failures > 0) governor_.report(site, from, report, now);
  const uint32_t leases_back = high(message.words[1]);
  const uint32_t messages_back = low(message.words[2]);
  if (leases_back > 0 || messages_back > 0) {
    governor_.give_back(site, from, leases_back, messages_back, now);
  }
  governor_.want(site, from, high(message.words[2]), low(message.words[3]), now);
  if (lent != nullptr) send(from, Kind::kDone, {message.words[4]});
}

uint64_t GovernorLink::id_of(uint16_t shard, SiteNumber site) const {
  const auto found = ids_[shard].find(site);
  return found == ids_[shard].end() ? 0 : found->second;
}

void GovernorLink::grant(uint16_t shard, SiteNumber site, uint32_t leases, uint32_t messages) {
  send(shard, Kind::kGrant, {id_of(shard, site), pack(leases, messages)});
}

void GovernorLink::recall(uint16_t shard, SiteNumber site, uint32_t leases) {
  send(shard, Kind::kRecall, {id_of(shard, site), leases});
}

void GovernorLink::tell_health(uint16_t shard, SiteNumber site, MonoTime until,
                               const SiteTrouble& trouble) {
  auto lent = std::make_unique<LentTrouble>();
  lent->trouble = trouble;
  send(shard, Kind::kHealth, {id_of(shard, site), to_word(until), lend(std::move(lent))});
}

void GovernorLink::on_timer() {
  governor_.tick(reactor_.now());
  arm();
}

void GovernorLink::arm() {
  const MonoTime next = governor_.next_event();
  if (next == MonoTime::max()) {
    Timer::cancel();
  } else if (!armed() || due() != next) {
    reactor_.timers().arm(*this, next);
  }
}

// --- carrying

uint64_t GovernorLink::lend(std::unique_ptr<Lent> memory) {
  const auto key = reinterpret_cast<uint64_t>(memory.get());
  lent_.emplace(key, std::move(memory));
  return key;
}

void GovernorLink::send(uint16_t to, Kind kind, std::initializer_list<uint64_t> words) {
  BARID_ASSERT(words.size() <= kKindWord);
  rt::ShardMessage message;
  message.handle = &GovernorLink::handle;
  std::copy(words.begin(), words.end(), message.words);
  message.words[kKindWord] = static_cast<uint64_t>(kind);
  if (to == self_) {
    to_self_.push_back(message);
    return;
  }
  ++messages_sent_;
  if (!unsent_[to].empty() || !port_->send(to, message)) unsent_[to].push_back(message);
}

void GovernorLink::handle(void* receiver, const rt::ShardMessage& message) {
  static_cast<GovernorHost*>(receiver)->governor_link().on_message(message.from, message);
}

void GovernorLink::on_message(uint16_t from, const rt::ShardMessage& message) {
  const Kind kind = static_cast<Kind>(message.words[kKindWord]);
  switch (kind) {
    case Kind::kDone:
      lent_.erase(message.words[0]);
      return;
    case Kind::kRevive:
      ++revivals_count_;
      governor_.revive_all(reactor_.now());
      break;
    case Kind::kGrant:
    case Kind::kRecall:
    case Kind::kHealth:
      on_home_message(from, kind, message);
      return;
    case Kind::kOpen:
    case Kind::kPolicy:
    case Kind::kClose:
    case Kind::kUpdate:
      on_client_message(from, kind, message);
      break;
  }
  arm();
}

bool GovernorLink::drain() {
  bool any = false;
  for (uint16_t to = 0; to < shards_count_; ++to) {
    std::deque<rt::ShardMessage>& waiting = unsent_[to];
    while (!waiting.empty() && port_->send(to, waiting.front())) waiting.pop_front();
  }
  any = !to_self_.empty();
  settle_own();
  return any;
}

bool GovernorLink::has_mail() const noexcept {
  if (!to_self_.empty()) return true;
  return std::any_of(unsent_.begin(), unsent_.end(),
                     [](const auto& waiting) { return !waiting.empty(); });
}

}  // namespace barid::schedule
