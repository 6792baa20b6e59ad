// Exim, with its own configuration, spool and log; tuned for volume, fsync as shipped.
// Source: the Exim specification 4.96, chapters 14, 20, 24, 30.
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

#include "bench/peer.h"
#include "bench/subprocess.h"

namespace barid::bench {
namespace {

constexpr auto kStopPatience = std::chrono::seconds(5);

std::string configuration(const PeerSetup& setup) {
  const std::string route =
      setup.destination_count == 1
          ? fmt::format("route_list = * 127.0.0.1::{}", setup.relay_port)
          : fmt::format("route_data = ${{lookup{{$domain}}lsearch{{{}/routes}}}}", setup.directory);
  return fmt::format(
      "spool_directory = {0}/spool\n"
      "log_file_path = {0}/log/%slog\n"
      "pid_file_path = {0}/pid\n"
      "primary_hostname = exim.bench.example\n"
      "local_interfaces = 127.0.0.1\n"
      "daemon_smtp_ports = {1}\n"
      "never_users =\n"
      "host_lookup =\n"
      "rfc1413_query_timeout = 0s\n"
      "tls_advertise_hosts =\n"
      "acl_smtp_rcpt = accept\n"
      "smtp_accept_max = 500\n"
      "smtp_accept_max_per_connection = 0\n"
      "smtp_accept_queue_per_connection = 0\n"
      "smtp_connect_backlog = 1024\n"
      "queue_only = {2}\n"
      "split_spool_directory = true\n"
      "message_logs = false\n"
      "deliver_drop_privilege = true\n"
      "begin routers\n"
      "relay:\n"
      "  driver = manualroute\n"
      "  transport = smtp\n"
      "  self = send\n"
      "  {3}\n"
      "begin transports\n"
      "smtp:\n"
      "  driver = smtp\n"
      "  allow_localhost = true\n"
      "  hosts_avoid_tls = *\n"
      "begin retry\n"
      "* * F,1h,1m\n",
      setup.directory, setup.port, setup.delivers ? "false" : "true", route);
}

class Exim final : public Peer {
 public:
  explicit Exim(std::string program) : program_(std::move(program)) {}
  ~Exim() override { stop(); }

  std::string name() const override { return "exim"; }
  std::string title() const override { return "Exim"; }
  std::string tuning() const override {
    return "500 connections, no DNS, no TLS, split spool, no message logs, immediate delivery "
           "(queue only where acceptance is measured); fsync as shipped";
  }
  absl::Status start(const PeerSetup& setup) override;
  void stop() override { tree_.stop(kStopPatience); }

 private:
  const std::string program_;
};

absl::Status Exim::start(const PeerSetup& setup) {
  const std::string& directory = setup.directory;
  const std::string file = directory + "/exim.conf";
  absl::Status status = write_file(file, configuration(setup));
  if (setup.destination_count > 1) {
    status.Update(
        write_file(directory + "/routes", destination_table(setup, "d{0:04}.example: {1}::{2}\n")));
  }
  if (!status.ok()) return status;
  const passwd* user = ::getpwnam("Debian-exim");
  if (user == nullptr) user = ::getpwnam("exim");
  if (user == nullptr) return absl::NotFoundError("no user Debian-exim or exim");
  for (const char* part : {"/spool", "/log"}) {
    const std::string path = directory + part;
    ::mkdir(path.c_str(), 0750);
    if (::chown(path.c_str(), user->pw_uid, user->pw_gid) != 0) {
      return absl::PermissionDeniedError("cannot give " + path + " to Exim's user");
    }
  }
  const std::string output = directory + "/output";
  status = tree_.start({.arguments = {program_, "-C", file, "-bdf"},
                        .environment_extra = {},
                        .output_path = output,
                        .directory = ""});
  if (!status.ok()) return status;
  return wait_for_greeting(setup.port, tree_, output);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Peer>> make_exim(const std::string& program) {
  auto found = find_program(program.empty() ? "exim4" : program);
  if (!found && program.empty()) found = find_program("exim");
  if (!found) return absl::NotFoundError("not installed");
  if (::geteuid() != 0) return absl::PermissionDeniedError("Exim takes -C only from root");
  return std::make_unique<Exim>(*found);
}

}  // namespace barid::bench
