// Barid: the same mail paths and limits as its peers get, everything else at its defaults.
#include <fmt/format.h>
#include <sys/stat.h>

#include <chrono>

#include "bench/peer.h"
#include "bench/subprocess.h"

namespace barid::bench {
namespace {

constexpr auto kStopPatience = std::chrono::seconds(15);

std::string main_cf(const PeerSetup& setup, const BaridVariant& variant) {
  std::string text = fmt::format(
      "queue_directory = {0}/queue\n"
      "data_directory = {0}/data\n"
      "myhostname = barid.bench.example\n"
      "mydestination =\n"
      "mynetworks = 127.0.0.0/8\n"
      "inet_interfaces = 127.0.0.1\n"
      "inet_protocols = ipv4\n"
      "disable_dns_lookups = yes\n"
      "smtpd_peername_lookup = no\n"
      "smtpd_relay_restrictions = permit_mynetworks, reject\n"
      "smtpd_client_connection_count_limit = 0\n"
      "initial_destination_concurrency = 50\n"
      "default_destination_concurrency_limit = 200\n"
      "maillog_file = {0}/maillog\n"
      "maillog_file_prefixes = {0}\n",
      setup.directory);
  if (variant.shard_count > 0) text += fmt::format("shard_count = {}\n", variant.shard_count);
  if (!variant.io_backend.empty()) text += fmt::format("io_backend = {}\n", variant.io_backend);
  if (setup.destination_count == 1) {
    text += fmt::format("relayhost = [127.0.0.1]:{}\n", setup.relay_port);
  } else {
    text += fmt::format("transport_maps = texthash:{}/transport\n", setup.directory);
  }
  return text;
}

class Barid final : public Peer {
 public:
  explicit Barid(BaridVariant variant) : variant_(std::move(variant)) {}
  ~Barid() override { stop(); }

  std::string name() const override { return variant_.name; }
  std::string title() const override {
    std::string text = "Barid";
    if (variant_.shard_count > 0) text += fmt::format(", {} shard(s)", variant_.shard_count);
    if (!variant_.io_backend.empty()) text += ", " + variant_.io_backend;
    return text;
  }
  std::string tuning() const override {
    return "defaults, but concurrency 200 per destination, no DNS; logs to a file";
  }
  absl::Status start(const PeerSetup& setup) override;
  uint32_t idle_session_count() const override { return 1000; }
  void stop() override;

 private:
  const BaridVariant variant_;
};

absl::Status Barid::start(const PeerSetup& setup) {
  const std::string& directory = setup.directory;
  absl::Status status = write_file(directory + "/main.cf", main_cf(setup, variant_));
  status.Update(
      write_file(directory + "/master.cf", fmt::format("127.0.0.1:{} inet n - n - - smtpd\n"
                                                       "smtp unix - - n - 200 smtp\n",
                                                       setup.port)));
  if (setup.destination_count > 1) {
    status.Update(write_file(directory + "/transport",
                             destination_table(setup, "d{0:04}.example smtp:[{1}]:{2}\n")));
  }
  if (!status.ok()) return status;
  ::mkdir((directory + "/queue").c_str(), 0755);
  ::mkdir((directory + "/data").c_str(), 0755);
  const std::string output = directory + "/output";
  status = tree_.start({.arguments = {variant_.program, "serve", "-c", directory},
                        .environment_extra = {},
                        .output_path = output,
                        .directory = ""});
  if (!status.ok()) return status;
  return wait_for_greeting(setup.port, tree_, output);
}

void Barid::stop() { tree_.stop(kStopPatience); }

}  // namespace

absl::StatusOr<std::unique_ptr<Peer>> make_barid(const BaridVariant& variant) {
  const auto program = find_program(variant.program);
  if (!program) return absl::NotFoundError("no executable " + variant.program);
  BaridVariant found = variant;
  found.program = *program;
  return std::make_unique<Barid>(found);
}

}  // namespace barid::bench
