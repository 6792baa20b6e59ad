// Haraka (npm), one worker a processor, with a plugin of a few lines that lets everybody relay and
// knows the way. Its queue is written without a sync.
// Source: Haraka 3.3: docs/CoreConfig, docs/Outbound, docs/Plugins.
#include <fmt/format.h>
#include <sys/stat.h>

#include <chrono>
#include <thread>

#include "bench/peer.h"
#include "bench/subprocess.h"

namespace barid::bench {
namespace {

constexpr auto kStopPatience = std::chrono::seconds(5);
constexpr const char* kOfThisBuild = "build/peers/haraka/node_modules/.bin/haraka";

/// All of it: what is absent has no default.
constexpr const char* kConnectionIni =
    "[main]\n"
    "[haproxy]\nhosts[] =\n"
    "[headers]\nmax_lines=1000\nmax_received=100\n"
    "[max]\nbytes=268435456\nmime_parts=1000\nline_length=512\ndata_line_length=992\n"
    "[message]\nhelo=hello\nclose=bye\n"
    "[uuid]\nbanner_chars=0\ndeny_chars=0\n";

std::string plugin(const PeerSetup& setup) {
  // Several destinations: dNNNN.example has its relay at an address of its own.
  const std::string way =
      setup.destination_count == 1
          ? std::string("const exchange = () => '127.0.0.1';\n")
          : fmt::format("const relays = {{\n{}}};\nconst exchange = (domain) => relays[domain];\n",
                        destination_table(setup, "  'd{0:04}.example': '{1}',\n"));
  return fmt::format(
      "'use strict';\n"
      "{}"
      "exports.hook_connect = (next, connection) => {{ connection.relaying = true; next(); }};\n"
      "exports.hook_rcpt = (next) => next(OK);\n"
      "exports.hook_get_mx = (next, hmail, domain) =>\n"
      "  next(OK, [{{ priority: 0, exchange: exchange(domain), port: {} }}]);\n",
      way, setup.relay_port);
}

class Haraka final : public Peer {
 public:
  explicit Haraka(std::string program) : program_(std::move(program)) {}
  ~Haraka() override { stop(); }

  std::string name() const override { return "haraka"; }
  std::string title() const override { return "Haraka"; }
  std::string tuning() const override {
    return fmt::format(
        "{} workers, no plugin but one that relays, 200 deliveries at once, logs errors only; it "
        "does not sync what it accepts, so its 250 promises less",
        workers());
  }
  bool pipelines_behind_content() const override { return false; }
  absl::Status start(const PeerSetup& setup) override;
  void stop() override { tree_.stop(kStopPatience); }

 private:
  static unsigned workers() { return std::max(1u, std::thread::hardware_concurrency()); }

  const std::string program_;
};

absl::Status Haraka::start(const PeerSetup& setup) {
  const std::string& directory = setup.directory;
  for (const char* part : {"", "/config", "/plugins", "/queue"}) {
    ::mkdir((directory + "/haraka" + part).c_str(), 0755);
  }
  const std::string root = directory + "/haraka";
  absl::Status status = write_file(root + "/plugins/bench.js", plugin(setup));
  status.Update(write_file(root + "/config/plugins", "bench\n"));
  status.Update(write_file(root + "/config/me", "haraka.bench.example\n"));
  status.Update(write_file(root + "/config/queue_dir", root + "/queue\n"));
  status.Update(write_file(root + "/config/log.ini", "[main]\nlevel=ERROR\n"));
  status.Update(write_file(root + "/config/outbound.ini", "concurrency_max=200\n"));
  status.Update(write_file(root + "/config/connection.ini", kConnectionIni));
  status.Update(write_file(root + "/config/smtp.ini",
                           fmt::format("listen=127.0.0.1:{}\nnodes={}\n", setup.port, workers())));
  if (!status.ok()) return status;
  const std::string output = directory + "/output";
  status = tree_.start({.arguments = {program_, "-c", root},
                        .environment_extra = {},
                        .output_path = output,
                        .directory = ""});
  if (!status.ok()) return status;
  return wait_for_greeting(setup.port, tree_, output);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Peer>> make_haraka(const std::string& program) {
  auto found = find_program(program.empty() ? "haraka" : program);
  if (!found && program.empty()) found = find_program(kOfThisBuild);
  if (!found) {
    return absl::NotFoundError(
        "not installed: npm install --prefix build/peers/haraka --omit=optional Haraka");
  }
  return std::make_unique<Haraka>(*found);
}

}  // namespace barid::bench
