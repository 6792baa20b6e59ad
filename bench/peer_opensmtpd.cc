// OpenSMTPD. Its queue directory and control socket are compiled in, so it takes part only where
// that queue is empty and no other instance runs, and its queue is emptied again afterwards.
// Source: smtpd.conf(5), smtpd(8) of OpenSMTPD 6.8.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <system_error>

#include "bench/peer.h"
#include "bench/subprocess.h"

namespace barid::bench {
namespace {

namespace fs = std::filesystem;

constexpr auto kStopPatience = std::chrono::seconds(5);
constexpr const char* kSpool = "/var/spool/smtpd";
constexpr const char* kControlSocket = "/var/run/smtpd.sock";
constexpr std::array<const char*, 4> kQueueParts = {"queue", "incoming", "temporary", "corrupt"};

bool queue_is_empty() {
  for (const char* part : kQueueParts) {
    std::error_code error;
    const fs::directory_iterator entries(fs::path(kSpool) / part, error);
    for (const auto& bucket : entries) {
      if (!fs::is_empty(bucket.path(), error)) return false;
    }
  }
  return true;
}

void empty_queue() {
  for (const char* part : kQueueParts) {
    std::error_code error;
    const fs::directory_iterator entries(fs::path(kSpool) / part, error);
    for (const auto& entry : entries) fs::remove_all(entry.path(), error);
  }
}

std::string configuration(const PeerSetup& setup) {
  // Its limit of 100 messages a session would end the load generator's after two seconds.
  std::string text = fmt::format(
      "smtp limit max-mails 100000000\n"
      "listen on 127.0.0.1 port {} hostname smtpd.bench.example\n",
      setup.port);
  if (setup.destination_count == 1) {
    return text + fmt::format(
                      "action \"out\" relay host \"smtp://127.0.0.1:{}\"\n"
                      "match from any for any action \"out\"\n",
                      setup.relay_port);
  }
  text += destination_table(setup, "action \"a{0}\" relay host \"smtp://{1}:{2}\"\n");
  text +=
      destination_table(setup, "match from any for domain \"d{0:04}.example\" action \"a{0}\"\n");
  return text;
}

class OpenSmtpd final : public Peer {
 public:
  explicit OpenSmtpd(std::string program) : program_(std::move(program)) {}
  ~OpenSmtpd() override { stop(); }

  std::string name() const override { return "opensmtpd"; }
  std::string title() const override { return "OpenSMTPD"; }
  std::string tuning() const override {
    return fmt::format(
        "as shipped but for its message limit per session, queue in {} (compiled in); it does not "
        "sync what it accepts, so "
        "its 250 promises less",
        kSpool);
  }
  absl::Status start(const PeerSetup& setup) override;
  void stop() override;

 private:
  const std::string program_;
  bool started_ = false;
};

absl::Status OpenSmtpd::start(const PeerSetup& setup) {
  if (!queue_is_empty()) {
    return absl::FailedPreconditionError(fmt::format("mail in {} that is not ours", kSpool));
  }
  const std::string file = setup.directory + "/smtpd.conf";
  absl::Status status = write_file(file, configuration(setup));
  if (!status.ok()) return status;
  const std::string output = setup.directory + "/output";
  started_ = true;
  status = tree_.start({.arguments = {program_, "-d", "-f", file},
                        .environment_extra = {},
                        .output_path = output,
                        .directory = ""});
  if (!status.ok()) return status;
  return wait_for_greeting(setup.port, tree_, output);
}

void OpenSmtpd::stop() {
  tree_.stop(kStopPatience);
  if (started_) empty_queue();
  started_ = false;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Peer>> make_opensmtpd(const std::string& program) {
  // A program named smtpd may be another server's; only this one has smtpctl beside it.
  const auto found = find_program(program.empty() ? "smtpd" : program);
  if (!found || !find_program("smtpctl")) return absl::NotFoundError("not installed");
  if (::geteuid() != 0) return absl::PermissionDeniedError("OpenSMTPD starts only as root");
  std::error_code error;
  if (fs::exists(kControlSocket, error)) {
    return absl::FailedPreconditionError(fmt::format("{} exists: one is running", kControlSocket));
  }
  return std::make_unique<OpenSmtpd>(*found);
}

}  // namespace barid::bench
