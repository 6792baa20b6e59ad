// barid-bench compare
#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <memory>
#include <sstream>
#include <system_error>

#include "bench/cli_util.h"
#include "bench/commands.h"
#include "bench/compare.h"
#include "bench/compare_summary.h"
#include "bench/subprocess.h"

namespace barid::bench {
namespace {

namespace fs = std::filesystem;

std::atomic<bool> g_interrupted{false};

void on_interrupt(int) { g_interrupted.store(true); }

struct Arguments {
  std::string barid, exim, opensmtpd, haraka;
  std::string peers = "direct,barid,postfix,exim,opensmtpd,haraka";
  std::string workloads = "accept-sequential,accept-pipeline,relay-1,relay-1000,idle";
  std::string directory = ".";
  std::string size = "5k", duration = "3s", drain_timeout = "60s";
  std::string html, json;
  CompareOptions options;
  bool quiet = false;
};

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

/// The executable named barid beside this one, unless another was given.
std::string barid_program(const std::string& given) {
  if (!given.empty()) return given;
  std::error_code error;
  return (fs::read_symlink("/proc/self/exe", error).parent_path() / "barid").string();
}

absl::StatusOr<std::unique_ptr<Peer>> make_peer(const std::string& name,
                                                const Arguments& arguments) {
  const std::string program = barid_program(arguments.barid);
  if (name == "postfix") return make_postfix();
  if (name == "exim") return make_exim(arguments.exim);
  if (name == "opensmtpd") return make_opensmtpd(arguments.opensmtpd);
  if (name == "haraka") return make_haraka(arguments.haraka);
  if (name == "barid") return make_barid({.name = name, .program = program, .io_backend = ""});
  if (name == "barid-epoll") {
    return make_barid({.name = name, .program = program, .io_backend = "epoll"});
  }
  if (name == "barid-1-shard") {
    return make_barid({.name = name, .program = program, .shard_count = 1, .io_backend = ""});
  }
  if (name == "barid-2-shards") {
    return make_barid({.name = name, .program = program, .shard_count = 2, .io_backend = ""});
  }
  return absl::InvalidArgumentError(
      "no such peer; known: direct, barid, barid-epoll, "
      "barid-1-shard, barid-2-shards, postfix, exim, opensmtpd, haraka");
}

Status finish_options(Arguments& arguments) {
  CompareOptions& options = arguments.options;
  BARID_TRY(options.size, parse_size_mix(arguments.size));
  BARID_TRY(options.duration, parse_duration(arguments.duration));
  BARID_TRY(options.drain_timeout, parse_duration(arguments.drain_timeout));
  if (options.message_count == 0 && options.duration == Duration::zero()) {
    return Error{.code = Code::kMalformed, .text = "the load lasts no time"};
  }
  return {};
}

/// A fresh directory below the one asked for, so that nothing of the user's is ever touched.
absl::StatusOr<std::string> make_work_directory(const std::string& parent) {
  std::error_code error;
  fs::create_directories(parent, error);
  std::string path =
      fs::absolute(parent, error).lexically_normal().string() + "/barid-bench.XXXXXX";
  if (error || ::mkdtemp(path.data()) == nullptr) {
    return absl::PermissionDeniedError("cannot make a directory in " + parent);
  }
  fs::permissions(path, fs::perms(0755), error);
  return path;
}

int fail(const std::string& message, int code) {
  fmt::print(stderr, "barid-bench compare: {}\n", message);
  return code;
}

/// Fills in who takes part. Returns the exit code, 0 to go on.
int choose(const Arguments& arguments, Comparison& comparison,
           std::vector<std::unique_ptr<Peer>>& peers, bool& with_direct) {
  for (const std::string& key : split_list(arguments.workloads)) {
    const auto workload = find_workload(key);
    if (!workload) {
      std::string known;
      for (const Workload& each : workload_catalogue()) known += " " + each.key;
      return fail(fmt::format("no workload {}; known:{}", key, known), kExitUsage);
    }
    comparison.workloads.push_back(*workload);
  }
  for (const std::string& name : split_list(arguments.peers)) {
    if (name == kDirect) {
      with_direct = true;
      comparison.peers.insert(
          comparison.peers.begin(),
          PeerNotes{.name = kDirect,
                    .title = "Direct",
                    .tuning = "no server: the load generator talks to the sink"});
      continue;
    }
    auto peer = make_peer(name, arguments);
    if (absl::IsInvalidArgument(peer.status())) {
      return fail(fmt::format("{}: {}", name, std::string(peer.status().message())), kExitUsage);
    }
    if (!peer.ok()) {
      comparison.skipped.push_back({.name = name, .reason = std::string(peer.status().message())});
      continue;
    }
    comparison.peers.push_back(
        {.name = (*peer)->name(), .title = (*peer)->title(), .tuning = (*peer)->tuning()});
    peers.push_back(*std::move(peer));
  }
  return kExitOk;
}

int run(Arguments& arguments) {
  if (const Status status = finish_options(arguments); !status.ok()) {
    return fail(error_text(status.error()), kExitUsage);
  }
  Comparison comparison;
  std::vector<std::unique_ptr<Peer>> peers;
  bool with_direct = false;
  if (const int code = choose(arguments, comparison, peers, with_direct); code != kExitOk)
    return code;

  const auto directory = make_work_directory(arguments.directory);
  if (!directory.ok()) return fail(std::string(directory.status().message()), kExitUnavailable);
  comparison.options = arguments.options;
  comparison.options.directory = *directory;
  comparison.options.stop = &g_interrupted;
  comparison.machine = describe_machine(*directory);
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);

  const auto progress = [quiet = arguments.quiet](const std::string& text) {
    if (!quiet) fmt::print(stderr, "{}\n", text);
  };
  run_comparison(comparison, peers, with_direct, progress);

  std::error_code ignored;
  if (!arguments.options.keep_directories) fs::remove_all(*directory, ignored);
  fmt::print("{}", comparison_text(comparison));
  absl::Status written;
  if (!arguments.json.empty()) {
    written.Update(write_file(arguments.json, comparison_json(comparison)));
  }
  if (!arguments.html.empty()) {
    written.Update(write_file(arguments.html, comparison_html(comparison)));
  }
  if (!written.ok()) return fail(std::string(written.message()), kExitUnavailable);
  return g_interrupted.load() ? kExitTryAgain : kExitOk;
}

}  // namespace

std::function<int()> add_compare_command(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CompareOptions& options = arguments->options;
  CLI::App* command = app.add_subcommand("compare", "measure several mail servers side by side");
  command->footer(
      "Examples:\n"
      "  barid-bench compare --html report.html --json report.json\n"
      "  barid-bench compare --peers direct,barid,barid-epoll --workloads "
      "accept-pipeline,relay-1 --rounds 5\n"
      "Peers that are not installed are named as skipped. Postfix, Exim and OpenSMTPD "
      "need root.");
  command->add_option("--barid", arguments->barid, "executable (default: beside this one)");
  command->add_option("--exim", arguments->exim, "executable (default: exim4, exim)");
  command->add_option("--opensmtpd", arguments->opensmtpd, "executable (default: smtpd)");
  command->add_option("--haraka", arguments->haraka,
                      "executable (default: haraka, or that below build/peers/haraka)");
  command
      ->add_option("--peers", arguments->peers,
                   "list of: direct barid barid-epoll barid-1-shard barid-2-shards postfix exim "
                   "opensmtpd haraka")
      ->capture_default_str();
  std::string known;
  for (const Workload& workload : workload_catalogue()) known += " " + workload.key;
  command->add_option("--workloads", arguments->workloads, "list of:" + known)
      ->capture_default_str();
  command->add_option("--rounds", options.round_count, "all peers in turn in each")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1000u));
  command->add_option("--sessions", options.session_count, "")
      ->capture_default_str()
      ->check(CLI::Range(1u, 10'000u));
  command
      ->add_option("--size", arguments->size,
                   "bytes of a message: 5k, a range 1k-20k, or a distribution 2k*70,1M*5")
      ->capture_default_str();
  command->add_option("--duration", arguments->duration, "of each load")->capture_default_str();
  command->add_option("--messages", options.message_count, "a fixed number instead of --duration");
  command->add_option("--drain-timeout", arguments->drain_timeout, "for what a relay still holds")
      ->capture_default_str();
  command
      ->add_option("--directory", arguments->directory,
                   "queues go into a fresh directory below it: choose the disk")
      ->capture_default_str();
  command->add_flag("--keep", options.keep_directories, "keep queues, configurations and logs");
  command->add_option("--html", arguments->html, "write a self-contained report");
  command->add_option("--json", arguments->json, "write every figure");
  command->add_flag("--quiet", arguments->quiet, "no progress on stderr");
  return [arguments] { return run(*arguments); };
}

}  // namespace barid::bench
