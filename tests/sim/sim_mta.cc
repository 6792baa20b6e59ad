#include "tests/sim/sim_mta.h"

#include <algorithm>
#include <string>

#include "core/obs/log.h"
#include "deliver/notice_test_names.h"
#include "deliver/queue_notices.h"
#include "dns/scripted_resolver.h"
#include "shard/queue/partition.h"
#include "shard/queue/reader.h"
#include "shard/schedule/queue_manager.h"
#include "smtp/client/agent.h"
#include "smtp/server/service.h"

namespace barid::sim {
namespace {

constexpr uint64_t kHostRun = 1;

/// A partition's marks, on the disk's mapped file.
struct Flights {
  Flights(SimDisk& on, uint16_t partition)
      : disk(on), number(partition), marks(on.flights, partition, kHostRun) {}
  SimDisk& disk;
  uint16_t number;
  queue::FlightMarks marks;
};

std::string pool_name(uint32_t number) { return "p" + std::to_string(number); }

std::shared_ptr<const policy::EgressPools> pools_of(uint32_t count) {
  std::string table = "inline:{";
  for (uint32_t i = 1; i <= count; ++i) {
    table += " {" + pool_name(i) + " = 192.0.2.1" + std::to_string(i) + "}";
  }
  return std::make_shared<const policy::EgressPools>(count > 0 ? table + " }" : "", "",
                                                     lookup::OpenContext{});
}

smtp::ClientSettings client_settings(const MtaOptions& options) {
  smtp::ClientSettings settings;
  settings.machine.helo_name = "mta.example";
  settings.my_hostname = "mta.example";
  settings.destination = {.syntax = dns::DestinationSyntax::kSmtp, .port = 25};
  settings.timeouts.connect = options.connect_timeout;
  settings.pools = pools_of(options.pools_count);
  return settings;
}

std::shared_ptr<const smtp::ServerSettings> server_settings() {
  smtp::ServerPolicy protocol;
  protocol.hostname = "mta.example";
  protocol.banner = "mta.example ESMTP";
  policy::RelayPolicy::Rules rules;
  rules.mynetworks = {"mynetworks", "0.0.0.0/0", lookup::Subdomains::kDotted, {}};
  rules.list(policy::ListKind::kRelay) =
      policy::parse_restrictions({"permit_mynetworks", "reject_unauth_destination"},
                                 policy::ListKind::kRelay, policy::RestrictionSource());
  return std::make_shared<const smtp::ServerSettings>(
      smtp::ServerSettings{.protocol = std::move(protocol),
                           .relay = policy::RelayPolicy(std::move(rules)),
                           .mail_name = "Barid"});
}

}  // namespace

/// One shard. What it hands out references to lives in the SimMta.
struct SimMta::Node final : schedule::GovernorHost,
                            private rt::TurnHook,
                            private smtp::ContentSource,
                            private smtp::ContentConverter,
                            private schedule::Router {
  Node(SimMta& owner, uint16_t self, World::Shard& on)
      : mta(owner),
        shard(on),
        port(owner.mesh_, self, on.reactor, static_cast<schedule::GovernorHost*>(this)),
        governors(on.reactor, &port),
        log({.zone = LogZone::kUtc, .host_name = "mta"}, log_buffer),
        queue({.reactor = on.reactor,
               .offload = on.offload(),
               .log = log,
               .counters = counters,
               .router = *this,
               .notices = notices,
               .governors = &governors}),
        resolver(on.reactor, *dns::parse_dns_scenario(owner.options_.dns).scenario),
        agent({.reactor = on.reactor,
               .resolver = resolver,
               .contents = *this,
               .converter = *this,
               .log = log,
               .counters = counters,
               .next_log_pid = log_pid,
               .warmup = owner.warmup_},
              client_settings(owner.options_)),
        service({.reactor = on.reactor,
                 .offload = on.offload(),
                 .queue = queue,
                 .log = log,
                 .counters = counters,
                 .timings = timings,
                 .stop = stop,
                 .cut = cut,
                 .clients = owner.clients_,
                 .tickets = tickets,
                 .handshakes_count = handshakes_count},
                server_settings(), owner.log_pids_) {
    on.reactor.add_turn_hook(*this);
    log.set_time(on.reactor.wall_now());
    notices.set({.host_name = "mta.example",
                 .origin = "mta.example",
                 .mail_name = "Barid",
                 .policy = {.double_bounce_address = "double-bounce@mta.example"},
                 .words = builtin_notice_templates(
                     TestNames{{"myhostname", "mta.example"}, {"myorigin", "mta.example"}}, {})});
    queue.set_policy(owner.options_.retry, owner.options_.limits);
    configure();
  }

  void configure() {
    queue.dispatcher().set_site_rules(mta.options_.rules);
    queue.dispatcher().set_transport("smtp", agent, mta.options_.transport);
  }
  void open(SimDisk& disk, uint16_t number) {
    stores.push_back(std::make_unique<SimStore>(shard.reactor, disk, mta.world_.rng.next()));
    SimStore& store = *stores.back();
    store.faults = mta.options_.store;
    partitions.push_back(std::make_unique<queue::Partition>(shard.reactor, store, queue, number));
    Flights& marked = *flights.emplace_back(std::make_unique<Flights>(disk, number));
    const Status dropped = queue::drop_settled_flights(store, marked.marks);
    BARID_ASSERT(dropped.ok());
    partitions.back()->set_flight_marks(&marked.marks);
    queue.add_partition(*partitions.back(), *queue::read_id_mark(store));
  }
  void start() {
    const Status status = service.listen(mta.options_.address);
    BARID_ASSERT(status.ok());
    queue.start();
  }

  void on_turn_begin() override { log.set_time(shard.reactor.wall_now()); }
  void on_turn_end() override {
    for (const auto& store : stores) store->seal();
    log.publish();
  }
  schedule::GovernorLink& governor_link() override { return governors; }
  rt::Task<Result<ContentRef>> content_of(queue::Message& message) override {
    return queue.content_of(message);
  }
  ContentRef to_7bit(const Content&) const override { return {}; }
  schedule::Route route(const Envelope&, const Recipient& recipient) const override {
    if (!mta.options_.relayhost.empty()) {
      return {.transport = "smtp", .nexthop = mta.options_.relayhost};
    }
    const size_t at = recipient.address.rfind('@');
    uint32_t sum = 0;
    for (const char c : recipient.address.substr(0, at)) sum += static_cast<uint8_t>(c);
    const uint32_t pool = sum % (mta.options_.pools_count + 1);
    return {.transport = "smtp",
            .nexthop = recipient.address.substr(at + 1),
            .pool = pool == 0 ? std::string() : pool_name(pool)};
  }

  SimMta& mta;
  World::Shard& shard;
  rt::Mesh::Port port;
  schedule::GovernorLink governors;
  LogBuffer log_buffer;
  Log log;
  Counters counters;
  Timings timings{};
  QueueNotices notices;
  rt::StopSource stop;
  rt::StopSource cut;
  std::vector<std::unique_ptr<SimStore>> stores;
  std::vector<std::unique_ptr<Flights>> flights;  // one a store
  schedule::QueueManager queue;
  std::vector<std::unique_ptr<queue::Partition>> partitions;
  dns::ScriptedResolver resolver;
  uint32_t log_pid = 0;
  net::TlsTicketKeys tickets;
  uint32_t handshakes_count = 0;
  smtp::SmtpAgent agent;
  smtp::SmtpService service;
};

SimMta::SimMta(World& world, std::span<SimDisk> disks, const MtaOptions& options)
    : world_(world), options_(options), mesh_(options.shards_count) {
  BARID_ASSERT(options.shards_count <= disks.size());
  for (uint16_t i = 0; i < options.shards_count; ++i) {
    nodes_.push_back(std::make_unique<Node>(*this, i, world.add_shard()));
  }
  for (size_t i = 0; i < disks.size(); ++i) {
    nodes_[i % nodes_.size()]->open(disks[i], static_cast<uint16_t>(i));
  }
  for (const auto& node : nodes_) node->start();
}

SimMta::~SimMta() = default;

std::set<std::string> SimMta::crash() {
  std::set<std::string> doubted;
  for (const auto& node : nodes_) {
    world_.crash(node->shard);
    for (const auto& store : node->stores) store->crash();
    for (const auto& flights : node->flights) {
      std::vector<uint64_t> words = flights->disk.flights;
      for (const QueueId id : queue::FlightMarks(words, flights->number, kHostRun).left()) {
        doubted.insert(id.text());
      }
      for (const auto& [key, value] : flights->disk.table(queue::Family::kQueued)) {
        const QueueId id = *QueueId::from_key(key);
        const auto message = queue::decode_message(id, value.bytes);
        if (message.ok() && (*message)->in_doubt_count > 0) doubted.insert(id.text());
      }
    }
  }
  return doubted;
}

schedule::QueueManager& SimMta::queue(size_t shard) { return nodes_[shard]->queue; }

std::map<std::string, uint32_t> SimMta::leased() {
  std::map<std::string, uint32_t> leased;
  for (const auto& node : nodes_) {
    node->governors.governor().for_each([&](const schedule::Governor::View& view) {
      leased[std::string(view.key.substr(view.key.find(' ') + 1))] += view.leased;
    });
  }
  return leased;
}

size_t SimMta::active_count() {
  size_t count = 0;
  for (const auto& node : nodes_) count += node->queue.active_count();
  return count;
}

uint64_t SimMta::counter(Counter which) const {
  uint64_t sum = 0;
  for (const auto& node : nodes_) sum += node->counters.get(which);
  return sum;
}

void SimMta::set_store_faults(const StoreFaults& faults) {
  for (const auto& node : nodes_) {
    for (const auto& store : node->stores) store->faults = faults;
  }
}

void SimMta::reload(size_t shard) { nodes_[shard]->configure(); }

void SimMta::operate(const schedule::OperationRequest& request) {
  for (const auto& node : nodes_) {
    operations_.push_back(
        {.request = request,
         .run = std::make_unique<schedule::QueueOperation>(node->queue, request)});
    operations_.back().run->start();
  }
}

std::vector<schedule::OperationRequest> SimMta::unfinished() const {
  std::vector<schedule::OperationRequest> requests;
  for (const Operation& operation : operations_) {
    if (!operation.run->progress().finished) requests.push_back(operation.request);
  }
  return requests;
}

std::string SimMta::take_log() {
  std::string all;
  for (const auto& node : nodes_) {
    for (auto part = node->log_buffer.peek(); !part.empty(); part = node->log_buffer.peek()) {
      all += part;
      node->log_buffer.consume(part.size());
    }
  }
  return all;
}

}  // namespace barid::sim
