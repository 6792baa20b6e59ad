// Postfix, in its own configuration, queue and data directories, tuned as an expert would for
// volume; durability (fsync of every queue file) is left as it is.
// Source: Postfix TUNING_README, QSHAPE_README, postconf(5).
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

#include "bench/peer.h"
#include "bench/subprocess.h"

namespace barid::bench {
namespace {

constexpr auto kCommandPatience = std::chrono::seconds(20);
constexpr int kSmtpdProcesses = 300;
constexpr int kSmtpProcesses = 200;

std::string main_cf(const PeerSetup& setup) {
  std::string text = fmt::format(
      "compatibility_level = 3.6\n"
      "queue_directory = {0}/queue\n"
      "data_directory = {0}/data\n"
      "myhostname = postfix.bench.example\n"
      "mydestination =\n"
      "local_recipient_maps =\n"
      "alias_maps =\n"
      "alias_database =\n"
      "mynetworks = 127.0.0.0/8\n"
      "inet_interfaces = 127.0.0.1\n"
      "inet_protocols = ipv4\n"
      // No name service: the run must not measure a resolver.
      "smtp_dns_support_level = disabled\n"
      "smtp_host_lookup = native\n"
      "smtpd_peername_lookup = no\n"
      "smtpd_relay_restrictions = permit_mynetworks, reject\n"
      "smtpd_recipient_restrictions =\n"
      "smtpd_client_connection_count_limit = 0\n"
      "smtpd_tls_security_level = none\n"
      "smtp_tls_security_level = none\n"
      // Concurrency and the queue manager.
      "default_process_limit = 300\n"
      "in_flow_delay = 0\n"
      "hash_queue_names = hold\n"  // an empty list is refused
      "qmgr_message_active_limit = 50000\n"
      "qmgr_message_recipient_limit = 50000\n"
      "initial_destination_concurrency = 50\n"
      "default_destination_concurrency_limit = 200\n"
      "smtp_destination_concurrency_limit = 200\n"
      "max_use = 10000\n"
      "biff = no\n",
      setup.directory);
  if (setup.keep_logs)
    text +=
        fmt::format("maillog_file = {0}/maillog\nmaillog_file_prefixes = {0}\n", setup.directory);
  if (setup.destination_count == 1) {
    text += fmt::format("relayhost = [127.0.0.1]:{}\n", setup.relay_port);
  } else {
    text += fmt::format("transport_maps = texthash:{}/transport\n", setup.directory);
  }
  return text;
}

std::string master_cf(const PeerSetup& setup) {
  return fmt::format(
      "127.0.0.1:{0} inet n - n - {1} smtpd\n"
      "  -o receive_override_options=no_unknown_recipient_checks,no_header_body_checks,"
      "no_address_mappings,no_milters\n"
      "cleanup unix n - n - 0 cleanup\n"
      "qmgr unix n - n 300 1 qmgr\n"
      "rewrite unix - - n - - trivial-rewrite\n"
      "bounce unix - - n - 0 bounce\n"
      "defer unix - - n - 0 bounce\n"
      "trace unix - - n - 0 bounce\n"
      "flush unix n - n 1000? 0 flush\n"
      "proxymap unix - - n - - proxymap\n"
      "smtp unix - - n - {2} smtp\n"
      "error unix - - n - - error\n"
      "retry unix - - n - - error\n"
      "discard unix - - n - - discard\n"
      "anvil unix - - n - 1 anvil\n"
      "scache unix - - n - 1 scache\n"
      "postlog unix-dgram n - n - 1 postlogd\n",
      setup.port, kSmtpdProcesses, kSmtpProcesses);
}

class Postfix final : public Peer {
 public:
  Postfix(std::string program, std::string version)
      : program_(std::move(program)), version_(std::move(version)) {}
  ~Postfix() override { stop(); }

  std::string name() const override { return "postfix"; }
  std::string title() const override { return "Postfix " + version_; }
  std::string tuning() const override {
    return fmt::format(
        "{} smtpd and {} smtp processes, in_flow_delay 0, no hashed queues, no DNS, no TLS, no "
        "content or address checks, concurrency 200 per destination; fsync as shipped; logs to "
        "syslog only if there is one",
        kSmtpdProcesses, kSmtpProcesses);
  }
  absl::Status start(const PeerSetup& setup) override;
  void stop() override;

 private:
  [[nodiscard]] SpawnOptions command(const char* verb) const {
    return {.arguments = {program_, "-c", directory_ + "/conf", verb},
            .environment_extra = {},
            .output_path = directory_ + "/output",
            .directory = ""};
  }

  const std::string program_;
  const std::string version_;
  std::string directory_;
};

absl::Status Postfix::start(const PeerSetup& setup) {
  directory_ = setup.directory;
  // Apart from the queue, or Postfix warns of every queue file found beside its configuration.
  ::mkdir((directory_ + "/conf").c_str(), 0755);
  absl::Status status = write_file(directory_ + "/conf/main.cf", main_cf(setup));
  status.Update(write_file(directory_ + "/conf/master.cf", master_cf(setup)));
  if (setup.destination_count > 1) {
    status.Update(write_file(directory_ + "/transport",
                             destination_table(setup, "d{0:04}.example smtp:[{1}]:{2}\n")));
  }
  if (!status.ok()) return status;
  ::mkdir((directory_ + "/queue").c_str(), 0755);
  status = tree_.start(command("start"));
  if (!status.ok()) return status;
  return wait_for_greeting(setup.port, tree_, directory_ + "/output");
}

void Postfix::stop() {
  if (!tree_.running()) return;
  // "abort" ends every process at once; the queue is thrown away anyway.
  (void)run_to_end(command("abort"), kCommandPatience);
  tree_.stop(std::chrono::seconds(5));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Peer>> make_postfix() {
  const auto program = find_program("postfix");
  const auto postconf = find_program("postconf");
  if (!program || !postconf) return absl::NotFoundError("not installed");
  if (::geteuid() != 0) return absl::PermissionDeniedError("Postfix starts only as root");
  char version_path[] = "/tmp/barid-bench-version.XXXXXX";
  const int fd = ::mkstemp(version_path);
  if (fd < 0) return absl::UnavailableError("no temporary file");
  ::close(fd);
  (void)run_to_end({.arguments = {*postconf, "-d", "-h", "mail_version"},
                    .environment_extra = {},
                    .output_path = version_path,
                    .directory = ""},
                   kCommandPatience);
  std::string version = tail_of_file(version_path);
  ::unlink(version_path);
  while (!version.empty() && version.back() == '\n') version.pop_back();
  return std::make_unique<Postfix>(*program, version);
}

}  // namespace barid::bench
