#include "tests/sim/sim_fleet.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace barid::sim {

using namespace std::chrono_literals;
using schedule::Job;
using schedule::Lease;

struct SimFleet::Node final : schedule::GovernorHost, schedule::OutcomeSink, schedule::Agent {
  Node(SimFleet& owner, uint16_t self)
      : fleet(owner),
        index(self),
        shard(owner.world_.add_shard()),
        port(*owner.mesh_, self, shard.reactor, static_cast<schedule::GovernorHost*>(this)),
        link(shard.reactor, &port),
        dispatcher(shard.reactor, *this, &link),
        later(shard.reactor) {
    dispatcher.set_site_rules(&owner.sites_);
    configure();
  }

  void configure() {
    dispatcher.set_transport("smtp", *this,
                             {.total_concurrency = fleet.options_.total_concurrency});
  }
  schedule::GovernorLink& governor_link() override { return link; }

  rt::Task<void> deliver(Lease& lease) override {
    SimSite& site = fleet.sites_.by_key(lease.site_key());
    fleet.sites_.on_open(site);
    bool works = true;
    while (works) {
      std::optional<Job> job = co_await lease.next(fleet.options_.idle);
      if (!job) break;
      std::vector<Job> jobs;
      for (size_t more = fleet.options_.many_jobs ? fleet.world_.rng.below(6) : 0; job;) {
        begin(site, *job);
        jobs.push_back(*std::move(job));
        job.reset();
        if (more-- == 0 || site.paced()) break;
        job = lease.take();
      }
      const auto most = static_cast<uint64_t>(site.service_max.count());
      const auto service = Duration(static_cast<Duration::rep>(1 + fleet.world_.rng.below(most)));
      co_await rt::Sleep(shard.reactor, shard.reactor.now() + service);
      works = site.answers && !fleet.world_.rng.chance(site.break_per_mille);
      if (!works) lease.hop_failed({.dsn = {4, 4, 1}, .text = site.reason()});
      for (Job& done : jobs) end(lease, site, std::move(done), works);
    }
    fleet.sites_.on_close(site);
  }
  void begin(SimSite& site, const Job& job) {
    fleet.take_turn(*this, *fleet.by_message_.at(job.message));
    EXPECT_FALSE(dispatcher.dead_until(job.destination->key()).has_value());
    fleet.sites_.on_start(site);
  }
  void end(Lease& lease, SimSite& site, Job job, bool works) {
    if (works && !site.paced() && fleet.world_.rng.chance(fleet.options_.put_back_per_mille)) {
      Message& message = *fleet.by_message_.at(job.message);
      if (!job.message->withdrawn()) fleet.move(message, Place::kQueued);
      lease.put_back(std::move(job));
      return;
    }
    fleet.sites_.on_end(site, works);
    const auto disposition = works ? Disposition::kDelivered : Disposition::kDeferred;
    for (const uint32_t recipient : job.recipients) {
      lease.report(job, recipient, {.disposition = disposition});
    }
    lease.finish(std::move(job), works ? Lease::Hop::kWorked : Lease::Hop::kNone);
  }
  rt::Task<schedule::SiteAnswer> find_site(const schedule::Route& route) override {
    const std::string key = fleet.sites_.of(route.nexthop).key;
    Line& line = lines[key];
    Line::Hop& hop = line.hops[route.nexthop];
    leave_line(line, hop);
    hop.has_site = false;
    const auto most = static_cast<uint64_t>(fleet.options_.lookup_max.count());
    const auto wait = Duration(static_cast<Duration::rep>(fleet.world_.rng.below(most)));
    co_await rt::Sleep(shard.reactor, shard.reactor.now() + wait);
    hop.has_site = true;
    join_line(line, hop);
    co_return schedule::SiteAnswer{
        .key = key, .valid_for = fleet.options_.sites_change ? Duration(3s) : Duration(24h)};
  }

  void on_outcome(const Job& job, uint32_t, const Outcome& outcome) override {
    fleet.by_message_.at(job.message)->delivered = outcome.disposition == Disposition::kDelivered;
  }
  void on_job_done(Job job) override {
    Message& message = *fleet.by_message_.at(job.message);
    EXPECT_EQ(message.place == Place::kQueued, job.message->withdrawn() && !message.delivered);
    if (message.delivered || job.message->withdrawn()) {
      fleet.move(message, Place::kDone);
      return;
    }
    fleet.move(message, Place::kLater);
    later.spawn(fleet.try_later(this, &message,
                                std::chrono::milliseconds(500 + fleet.world_.rng.below(5'000))));
  }
  void on_destination_low(const std::string&) override {}  // all mail is in memory
  void on_job_suspended(Job job, const schedule::SiteTrouble& trouble, WallTime until) override {
    Message& message = *fleet.by_message_.at(job.message);
    EXPECT_TRUE(message.place == Place::kQueued) << "suspended after an attempt";
    const SimSite& site = fleet.sites_.by_key(trouble.text.substr(11, trouble.text.find(':') - 11));
    EXPECT_EQ(trouble.text, site.reason());
    EXPECT_LE(until, shard.reactor.wall_now() + site.policy.dead_time + 1ms);
    ++fleet.suspended_count_;
    fleet.move(message, Place::kLater);
    later.spawn(fleet.try_later(this, &message, until - shard.reactor.wall_now() + 1ms));
  }

  SimFleet& fleet;
  const uint16_t index;
  World::Shard& shard;
  rt::Mesh::Port port;
  schedule::GovernorLink link;
  schedule::Dispatcher dispatcher;
  rt::Scope later;
  std::map<std::string, Line> lines;  // by site
  MonoTime paused_at{};
  bool paused = false;
};

SimFleet::SimFleet(World& world, SimSites& sites, const FleetOptions& options)
    : world_(world), sites_(sites), options_(options) {
  start();
}

SimFleet::~SimFleet() = default;

void SimFleet::start() {
  mesh_ = std::make_unique<rt::Mesh>(options_.shards_count);
  for (uint16_t i = 0; i < options_.shards_count; ++i) {
    nodes_.push_back(std::make_unique<Node>(*this, i));
  }
}

// --- messages

void SimFleet::add_message(const std::string& nexthop) {
  Message& added = *messages_.emplace_back(std::make_unique<Message>());
  added.nexthop = nexthop;
  added.shard = world_.rng.below(nodes_.size());
  added.message.envelope.recipients.emplace_back();
  if (options_.lanes) {
    added.message.envelope.stream = world_.rng.chance(500) ? Stream::kBulk : Stream::kTransactional;
    added.message.envelope.tenant = std::string(1, static_cast<char>('a' + world_.rng.below(3)));
  }
  by_message_[&added.message] = &added;
  ++undone_count_;
  enqueue(added);
}

void SimFleet::enqueue(Message& message) {
  Node& node = *nodes_[message.shard];
  message.delivered = false;
  message.site = sites_.of(message.nexthop).key;
  move(message, Place::kQueued);
  node.dispatcher.enqueue({.transport = "smtp", .nexthop = message.nexthop},
                          Job{.message = &message.message, .recipients = {0}});
}

rt::Task<void> SimFleet::try_later(Node* node, Message* message, Duration wait) {
  rt::Reactor& reactor = node->shard.reactor;
  co_await rt::Sleep(reactor, reactor.now() + wait);
  if (message->message.withdrawn()) {
    move(*message, Place::kDone);
  } else {
    enqueue(*message);
  }
}

void SimFleet::move(Message& message, Place to) {
  EXPECT_NE(message.place, Place::kDone) << "a second end";
  EXPECT_NE(message.place, to);
  if (message.place == Place::kQueued) in_line(message, -1);
  if (to == Place::kQueued) in_line(message, 1);
  if (to == Place::kDone) --undone_count_;
  message.place = to;
}

// --- whose turn it is

SimFleet::Line& SimFleet::line_of(const Message& message) {
  return nodes_[message.shard]->lines[message.site];
}

void SimFleet::in_line(Message& message, int by) {
  Line& line = line_of(message);
  Line::Hop& hop = line.hops[message.nexthop];
  if (by > 0 && line.waiting == 0) line.moved_at = world_.clock.mono();
  if (hop.waiting == 1 && by < 0) leave_line(line, hop);
  hop.waiting += static_cast<size_t>(by);
  line.waiting += static_cast<size_t>(by);
  if (hop.waiting == 1 && by > 0) join_line(line, hop);
}

/// Round robin: between two turns of one destination every other one that waits has had one.
void SimFleet::take_turn(Node& node, Message& message) {
  EXPECT_EQ(message.place, Place::kQueued);
  EXPECT_EQ(message.shard, node.index);
  move(message, Place::kRunning);
  Line& line = line_of(message);
  line.moved_at = world_.clock.mono();
  ++line.turns;
  Line::Hop& hop = line.hops[message.nexthop];
  const bool strict = !options_.lanes && !options_.sites_change;
  if (strict && hop.last_turn > 0) {
    EXPECT_TRUE(line.sinces.empty() || *line.sinces.begin() + 1 >= hop.last_turn)
        << message.nexthop << " has a second turn at " << line.turns << " before one in line since "
        << *line.sinces.begin() << "; its last was " << hop.last_turn;
  }
  hop.last_turn = line.turns;
  leave_line(line, hop);
  join_line(line, hop);
}

void SimFleet::leave_line(Line& line, Line::Hop& hop) {
  if (hop.waiting > 0 && hop.has_site) line.sinces.erase(line.sinces.find(hop.since));
}

void SimFleet::join_line(Line& line, Line::Hop& hop) {
  if (hop.waiting == 0 || !hop.has_site) return;
  hop.since = line.turns;
  line.sinces.insert(hop.since);
}

/// How long a shard may wait for a site that works, in the worst case.
Duration SimFleet::patience_with(const SimSite& site) const {
  constexpr auto kTurn = static_cast<int>(Lease::kTurnJobs);
  const auto shards = static_cast<int>(options_.shards_count);
  Duration patience = 3s + shards * (2 * kTurn * site.service_max + 200ms);
  patience += 2 * shards * site.policy.rate_delay;
  if (options_.total_concurrency < 100) {
    for (const SimSite& other : sites_.all()) patience += 2 * kTurn * other.service_max;
  }
  return patience + 2 * options_.lookup_max;
}

void SimFleet::check() {
  const MonoTime now = world_.clock.mono();
  for (const auto& node : nodes_) {
    if (node->paused) node->paused_at = now;
    for (const auto& [key, line] : node->lines) {
      if (line.waiting == 0 || options_.sites_change) continue;
      const SimSite& site = sites_.by_key(key);
      MonoTime since = std::max(line.moved_at, node->paused_at);
      if (site.failed_at != MonoTime::min()) {
        since = std::max(since, site.failed_at + site.policy.dead_time);
      }
      EXPECT_LE(now, since + patience_with(site))
          << line.waiting << " messages on shard " << node->index << " starve for " << key << "\n"
          << text();
    }
  }
  check_leases();
}

/// What is open at a site, its home has given; the home gives no more than the limit.
void SimFleet::check_leases() {
  for (const auto& node : nodes_) {
    node->link.governor().for_each([&](const schedule::Governor::View& view) {
      SimSite& site = sites_.by_key(view.key.substr(view.key.find(' ') + 1));
      EXPECT_LE(site.open, view.leased) << site.key;
      EXPECT_LE(view.leased, site.open_bound) << site.key;
      EXPECT_LE(view.window, site.open_bound) << site.key;
      // What was granted before the limit shrank comes back, and is not given again.
      const uint32_t limit = site.policy.window.limit;
      if (site.settled) site.open_bound = std::max(limit, std::min(site.open_bound, view.leased));
    });
  }
}

// --- what happens to it

void SimFleet::reload(size_t shard) { nodes_[shard]->configure(); }

void SimFleet::set_paused(size_t shard, bool paused) {
  nodes_[shard]->paused = paused;
  paused ? nodes_[shard]->dispatcher.pause() : nodes_[shard]->dispatcher.resume();
}

void SimFleet::revive_all() { nodes_[world_.rng.below(nodes_.size())]->dispatcher.revive_all(); }

void SimFleet::withdraw_some(size_t shard) {
  for (const auto& message : messages_) {
    const bool chosen = message->shard == shard && message->place == Place::kQueued;
    if (!chosen || !world_.rng.chance(50)) continue;
    message->message.hold = true;
    Line& line = line_of(*message);  // its destination gets in line anew
    leave_line(line, line.hops[message->nexthop]);
    join_line(line, line.hops[message->nexthop]);
  }
  nodes_[shard]->dispatcher.withdraw();
}

void SimFleet::crash() {
  for (auto& node : nodes_) {
    world_.crash(node->shard);
    World::bury(std::move(node));
  }
  World::bury(std::move(mesh_));
  nodes_.clear();
  sites_.forget_connections();
  start();
  for (const auto& message : messages_) {
    if (message->place == Place::kDone) continue;
    message->place = Place::kLater;
    message->shard = world_.rng.below(nodes_.size());
    if (message->message.withdrawn()) {
      move(*message, Place::kDone);
    } else {
      enqueue(*message);
    }
  }
}

uint64_t SimFleet::link_messages_count() const {
  uint64_t sum = 0;
  for (const auto& node : nodes_) sum += node->link.messages_sent();
  return sum;
}

bool SimFleet::at_rest() const {
  return std::all_of(nodes_.begin(), nodes_.end(), [](const auto& node) {
    uint32_t leased = 0;
    node->link.governor().for_each(
        [&](const schedule::Governor::View& view) { leased += view.leased; });
    return node->dispatcher.leases_count() == 0 && leased == 0 && node->link.lent_count() == 0 &&
           node->later.tasks_count() == 0;
  });
}

bool SimFleet::forgotten() const {
  return at_rest() && std::all_of(nodes_.begin(), nodes_.end(), [](const auto& node) {
           return node->dispatcher.destinations_count() == 0 &&
                  node->link.governor().sites_count() == 0;
         });
}

std::string SimFleet::text() const {
  std::string text = std::to_string(undone_count_) + " messages are not done";
  for (const auto& node : nodes_) {
    text += "\nshard " + std::to_string(node->index) + ":";
    for (const auto& [key, line] : node->lines) {
      if (line.waiting > 0) text += " " + key + " " + std::to_string(line.waiting);
    }
    node->link.governor().for_each([&](const schedule::Governor::View& view) {
      text += "\n  " + std::string(view.key) + " window " + std::to_string(view.window) +
              " leased " + std::to_string(view.leased);
    });
  }
  return text;
}

}  // namespace barid::sim
