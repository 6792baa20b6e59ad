#include "tests/sim/sim_mta.h"

#include "deliver/notice_test_names.h"

namespace barid::sim {
namespace {

smtp::ClientSettings client_settings() {
  smtp::ClientSettings settings;
  settings.machine.helo_name = "mta.example";
  settings.my_hostname = "mta.example";
  settings.destination = {.syntax = dns::DestinationSyntax::kSmtp, .port = 25};
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
  return std::make_shared<const smtp::ServerSettings>(smtp::ServerSettings{
      .protocol = protocol, .relay = policy::RelayPolicy(std::move(rules)), .mail_name = "Barid"});
}

}  // namespace

SimMta::SimMta(World& world, SimDisk& disk, const MtaOptions& options)
    : options_(options),
      shard_(world.add_shard()),
      log_({.zone = LogZone::kUtc, .host_name = "mta"}, log_buffer_),
      store_(shard_.reactor, disk, world.rng.next()),
      queue_({.reactor = shard_.reactor,
              .offload = shard_.offload(),
              .log = log_,
              .counters = counters_,
              .router = *this,
              .notices = notices_}),
      partition_(shard_.reactor, store_, queue_, 0),
      resolver_(shard_.reactor, *dns::parse_dns_scenario("").scenario),
      agent_({.reactor = shard_.reactor,
              .resolver = resolver_,
              .contents = *this,
              .converter = *this,
              .log = log_,
              .counters = counters_,
              .next_log_pid = log_pid_,
              .warmup = warmup_},
             client_settings()),
      service_({.reactor = shard_.reactor,
                .queue = queue_,
                .log = log_,
                .counters = counters_,
                .stop = stop_,
                .clients = clients_},
               server_settings(), log_pids_) {
  shard_.reactor.add_turn_hook(*this);
  log_.set_time(shard_.reactor.wall_now());
  store_.faults = options.store;
  notices_.set({.host_name = "mta.example",
                .origin = "mta.example",
                .mail_name = "Barid",
                .policy = {.double_bounce_address = "double-bounce@mta.example"},
                .words = builtin_notice_templates(
                    TestNames{{"myhostname", "mta.example"}, {"myorigin", "mta.example"}}, {})});
  queue_.set_policy(options.retry, options.limits);
  queue_.add_partition(partition_, *queue::read_id_mark(store_));
  queue_.dispatcher().set_transport("smtp", agent_,
                                    {.site = {.window = {.limit = 4}}, .total_concurrency = 8});
  const Status status = service_.listen(options.address);
  BARID_ASSERT(status.ok());
  queue_.start();
}

SimMta::~SimMta() = default;

schedule::Route SimMta::route(const Envelope&, const Recipient&) const {
  return {.transport = "smtp", .nexthop = options_.relayhost};
}

std::string SimMta::take_log() {
  std::string all;
  for (std::string_view part = log_buffer_.peek(); !part.empty(); part = log_buffer_.peek()) {
    all += part;
    log_buffer_.consume(part.size());
  }
  return all;
}

}  // namespace barid::sim
