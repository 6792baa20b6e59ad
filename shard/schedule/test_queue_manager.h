// For tests of this folder: the real queue manager and partition on the store twin, a scripted
// agent, a router by domain, notices that are one line; virtual time; processes that die and start
// again on the same disk. One thread. Layer: shard/schedule, tests only.
#pragma once

#include "shard/schedule/queue_manager.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>

#include "shard/runtime/test_shard.h"
#include "shard/sim/sim_store.h"

namespace barid::schedule::test {

using namespace std::chrono_literals;
using queue::Family;
using Strings = std::vector<std::string>;

struct DomainRouter final : Router {
  Route route(const Envelope&, const Recipient& recipient) const override {
    const std::string& address = recipient.address;
    const std::string domain = address.substr(address.rfind('@') + 1);
    return {.transport = domain == "nowhere.example" ? "uucp" : "smtp", .nexthop = domain};
  }
};

/// Tells of failures, asked-for successes and lateness in one line each, to any but a null sender.
struct Notices final : NoticeComposer {
  using Message = queue::Message;
  queue::SuccessReport success_report(const Message& message, const Recipient& recipient,
                                      const Outcome& outcome) const override {
    const bool asked = (recipient.notify & kNotifySuccess) != 0 &&
                       outcome.handover != Handover::kPassedOn && !message.envelope.sender.empty();
    return asked ? queue::SuccessReport::kRelayed : queue::SuccessReport::kNone;
  }
  bool is_late(const Message& message, WallTime now) const {
    return late_after > 0s && !message.delay_notice_sent && message.pending_count() > 0 &&
           now >= message.arrival + late_after;
  }
  bool anything_due(const Message& message, WallTime now) const override {
    for (const queue::RecipientStatus& status : message.status) {
      if (status.state == queue::RecipientState::kFailed) return true;
      if (status.success != queue::SuccessReport::kNone) return true;
    }
    return is_late(message, now);
  }
  bool needs_content(const Message& message, WallTime) const override {
    return !message.envelope.sender.empty();
  }
  DueNotices compose_due(const Message& message, const std::vector<std::string_view>& content,
                         absl::FunctionRef<QueueId()> allocate_id, WallTime now) const override {
    DueNotices due{.delay_told = is_late(message, now)};
    std::string failed;
    std::string succeeded;
    for (uint32_t i = 0; i < message.status.size() && due.told.size() < told_max; ++i) {
      const queue::RecipientStatus& status = message.status[i];
      const std::string& address = message.envelope.recipients[i].address;
      const bool is_failed = status.state == queue::RecipientState::kFailed;
      if (is_failed) failed += ' ' + address;
      if (status.success != queue::SuccessReport::kNone) {
        succeeded += ' ' + address + '/' + status.reason;
      } else if (!is_failed) {
        continue;
      }
      due.told.push_back(i);
    }
    bytes_seen = 0;
    for (const std::string_view span : content) bytes_seen += span.size();
    if (message.envelope.sender.empty()) return due;
    const auto tell = [&](NotificationKind kind, const std::string& text) {
      texts.push_back(text);
      Notice notice{.kind = kind, .id = allocate_id(), .content = ContentRef::make()};
      notice.envelope.recipients = {{.address = message.envelope.sender}};
      notice.content->append(text);
      due.notices.push_back(std::move(notice));
    };
    if (!failed.empty()) tell(NotificationKind::kSenderNonDelivery, "failed:" + failed);
    if (!succeeded.empty()) tell(NotificationKind::kSenderStatus, "succeeded:" + succeeded);
    if (due.delay_told) tell(NotificationKind::kSenderDelay, "late");
    return due;
  }
  Duration late_after{};
  size_t told_max = 1000;
  mutable Strings texts;
  mutable size_t bytes_seen = 0;
};

/// Answers by address; unknown ones are delivered.
struct ScriptedAgent final : Agent {
  explicit ScriptedAgent(rt::Reactor& r) : reactor(r) {}
  rt::Task<void> deliver(Lease& lease) override {
    while (std::optional<Job> job = lease.take()) {
      if (before_job) before_job();
      Lease::begin_flight(*job);
      jobs.push_back(job->recipients.size());
      if (work > Duration::zero()) co_await rt::Sleep(reactor, reactor.now() + work);
      for (const uint32_t recipient : job->recipients) {
        const std::string& address = job->message->envelope.recipients[recipient].address;
        tries[address].push_back(reactor.wall_now());
        Outcome outcome{.disposition = Disposition::kDelivered, .dsn = {2, 0, 0}};
        if (const auto found = answers.find(address); found != answers.end()) {
          outcome.disposition = found->second;
          outcome.dsn = {static_cast<uint8_t>(found->second == Disposition::kFailed ? 5 : 4), 0, 0};
          outcome.text = "said so";
        }
        if (outcome.disposition == Disposition::kDelivered) {
          delivered.push_back(address);
          outcome.text = "250 ok";
          outcome.handover = handover;
        }
        lease.report(*job, recipient, outcome);
      }
      lease.finish(std::move(*job), Lease::Hop::kWorked);
    }
  }
  rt::Reactor& reactor;
  Duration work{};
  std::function<void()> before_job;
  std::map<std::string, Disposition> answers;
  Handover handover = Handover::kRelayed;
  std::map<std::string, std::vector<WallTime>> tries;
  Strings delivered;
  std::vector<size_t> jobs;
};

/// One process: dies with its memory, the disk stays, and so does what it mapped.
template <typename AgentT, typename NoticesT>
struct ManagerNode : rt::TurnHook {
  ManagerNode(rt::TestShard& s, sim::SimDisk& disk, uint64_t seed, std::span<uint64_t> mapped = {})
      : shard(s), store(s.reactor, disk, seed) {
    shard.reactor.add_turn_hook(*this);
    if (mapped.empty()) return;
    flights.emplace(mapped, 0, 1);
    EXPECT_TRUE(queue::drop_settled_flights(store, *flights).ok());
    partition.set_flight_marks(&*flights);
  }
  ~ManagerNode() override { shard.reactor.remove_turn_hook(*this); }
  void start(const TransportLimits& limits) {
    for (const char* transport : {"smtp", "retry"}) {
      manager.dispatcher().set_transport(transport, agent, limits);
    }
    manager.add_partition(partition, *queue::read_id_mark(store));
    manager.start();
  }
  void on_turn_end() override {
    store.seal();
    log.publish();
    for (auto part = buffer.peek(); !part.empty(); part = buffer.peek()) {
      log_text += part;
      buffer.consume(part.size());
    }
  }

  rt::TestShard& shard;
  std::optional<queue::FlightMarks> flights;
  std::string log_text;
  LogBuffer buffer;
  Log log{{.zone = LogZone::kUtc, .host_name = "mta"}, buffer};
  Counters counters;
  DomainRouter router;
  NoticesT notices;
  AgentT agent{shard.reactor};
  rt::InlineOffload offload{shard.reactor};
  sim::SimStore store;
  QueueManager manager{{.reactor = shard.reactor,
                        .offload = offload,
                        .log = log,
                        .counters = counters,
                        .router = router,
                        .notices = notices}};
  queue::Partition partition{shard.reactor, store, manager, 0};
};

struct Node final : ManagerNode<ScriptedAgent, Notices> {
  Node(rt::TestShard& s, sim::SimDisk& disk, std::span<uint64_t> mapped, uint64_t seed,
       const RetryPolicy& retry, const QueueLimits& limits)
      : ManagerNode(s, disk, seed, mapped) {
    manager.set_policy(retry, limits);
    start({.site = {.recipients_per_job = 3}});
  }
  /// How stage() submits.
  Envelope style;
  uint64_t stage(const std::string& sender, const Strings& recipients,
                 std::string_view text = "text", uint8_t notify = 0) {
    QueueManager::Submission in{.id = manager.home().allocate_id(),
                                .envelope = style,
                                .content = ContentRef::make(),
                                .arrival = shard.reactor.wall_now()};
    in.envelope.sender = sender;
    for (const std::string& address : recipients)
      in.envelope.recipients.push_back({.address = address, .notify = notify});
    in.content->append(text);
    return manager.stage(std::move(in));
  }
};

class QueueManagerTest : public ::testing::Test {
 protected:
  QueueManagerTest() { start(1); }
  /// A new process on the same disk. The old one must be at rest.
  void start(uint64_t seed) {
    if (node) EXPECT_TRUE(shard.run_until([&] { return !node->manager.recovering(); }));
    node.reset();
    node = std::make_unique<Node>(shard, disk, mapped, seed, retry, limits);
  }
  void run_for(Duration time) {
    const MonoTime end = shard.clock.now + time;
    (void)shard.run_until([&] { return shard.clock.now >= end; }, time);
    shard.clock.now = std::max(shard.clock.now, end);
    shard.turn();
  }
  size_t count(Family family) const { return disk.table(family).size(); }
  void expect_empty_disk() const {
    for (const Family family :
         {Family::kFresh, Family::kQueued, Family::kContent, Family::kCorrupt}) {
      EXPECT_EQ(count(family), 0u) << static_cast<int>(family) << '\n' << node->log_text;
    }
    EXPECT_EQ(count(Family::kSchedule), 0u);
    EXPECT_EQ(node->manager.active_count(), 0u);
  }
  std::vector<Duration> ages_of(const std::string& address) const {
    std::vector<Duration> ages;
    for (const WallTime at : node->agent.tries[address])
      ages.push_back(at - node->agent.tries[address][0]);
    return ages;
  }

  /// What a process that started now would find on its way.
  std::vector<QueueId> flying() const {
    std::vector<uint64_t> copy = mapped;
    return queue::FlightMarks(copy, 0, 1).left();
  }

  rt::TestShard shard;
  sim::SimDisk disk;
  std::vector<uint64_t> mapped = std::vector<uint64_t>(queue::FlightMarks::kHeaderWords + 256);
  RetryPolicy retry;
  QueueLimits limits;
  std::unique_ptr<Node> node;
};

}  // namespace barid::schedule::test
