// barid-bench sink
#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <charconv>
#include <csignal>
#include <memory>

#include "bench/cli_util.h"
#include "bench/commands.h"
#include "bench/json_writer.h"
#include "bench/load_report.h"
#include "bench/smtp_sink.h"

namespace barid::bench {
namespace {

struct Arguments {
  std::vector<std::string> listen;
  std::string size_max = "256M";
  std::string permfail, tempfail, delay, greylist, idle_timeout = "300s", read_pause = "10ms";
  std::string tls = "none";
  std::string stage = "dot", drop_stage, delay_stage, from, until;
  SinkOptions options;
  bool no_pipelining = false, no_8bitmime = false, no_smtputf8 = false, no_size = false,
       no_chunking = false;
  bool json = false;
};

/// --tempfail and --permfail take a fraction or a pattern of recipients.
Status set_fault(const std::string& text, double* fraction, std::string* pattern) {
  double number = 0;
  const auto [after, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || after != text.data() + text.size()) {
    *pattern = text;
    return {};
  }
  if (number < 0 || number > 1) {
    return Error{.code = Code::kMalformed, .text = "a fraction is between 0 and 1"};
  }
  *fraction = number;
  return {};
}

Status finish_options(Arguments& arguments) {
  SinkOptions& options = arguments.options;
  FaultScript& faults = options.faults;
  for (const std::string& text : arguments.listen) {
    BARID_TRY(const Endpoint endpoint, parse_endpoint(text));
    options.listen.push_back(endpoint);
  }
  BARID_TRY(const SizeRange size_max, parse_size_range(arguments.size_max));
  options.extensions.size_max = arguments.no_size ? 0 : size_max.bytes_max;
  options.extensions.pipelining = !arguments.no_pipelining;
  options.extensions.eight_bit_mime = !arguments.no_8bitmime;
  options.extensions.smtputf8 = !arguments.no_smtputf8;
  options.extensions.chunking = !arguments.no_chunking;
  options.extensions.starttls = arguments.tls == "starttls";
  options.tls_implicit = arguments.tls == "implicit";
  if ((arguments.tls != "none") != !options.tls_chain_file.empty()) {
    return Error{.code = Code::kMalformed, .text = "--tls and --tls-chain need each other"};
  }
  BARID_TRY(options.idle_timeout, parse_duration(arguments.idle_timeout));
  BARID_TRY(options.read_pause, parse_duration(arguments.read_pause));
  if (!arguments.delay.empty()) {
    BARID_TRY(faults.delay, parse_duration(arguments.delay));
  }
  if (!arguments.from.empty()) {
    BARID_TRY(faults.from, parse_duration(arguments.from));
  }
  if (!arguments.until.empty()) {
    BARID_TRY(faults.until, parse_duration(arguments.until));
  }
  if (!arguments.greylist.empty()) {
    BARID_TRY(faults.greylist, parse_duration(arguments.greylist));
  }
  if (!arguments.permfail.empty()) {
    const Status status =
        set_fault(arguments.permfail, &faults.permfail_fraction, &faults.permfail_pattern);
    if (!status.ok()) return status;
  }
  if (!arguments.tempfail.empty()) {
    const Status status =
        set_fault(arguments.tempfail, &faults.tempfail_fraction, &faults.tempfail_pattern);
    if (!status.ok()) return status;
  }
  BARID_TRY(const Stage stage, parse_stage(arguments.stage));
  if (stage == Stage::kReply) {
    return Error{.code = Code::kMalformed, .text = "stage reply is for --drop-stage only"};
  }
  faults.tempfail_stage = faults.permfail_stage = faults.delay_stage = faults.drop_stage = stage;
  if (!arguments.drop_stage.empty()) {
    BARID_TRY(faults.drop_stage, parse_stage(arguments.drop_stage));
  }
  if (!arguments.delay_stage.empty()) {
    BARID_TRY(faults.delay_stage, parse_stage(arguments.delay_stage));
  }
  return {};
}

void print_report(const SmtpSink& sink, bool json_wanted) {
  const SinkReport report = sink.report();
  if (json_wanted) {
    JsonWriter json;
    write_json(report, json);
    fmt::print("{}\n", json.text());
  } else {
    fmt::print("{}", to_text(report));
  }
  std::fflush(stdout);
}

int run(Arguments& arguments) {
  if (const Status status = finish_options(arguments); !status.ok()) {
    fmt::print(stderr, "barid-bench sink: {}\n", error_text(status.error()));
    return kExitUsage;
  }
  // Blocked before the threads start, so that only this descriptor ever sees the signals.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&signals, number);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const int signal_fd = ::signalfd(-1, &signals, SFD_CLOEXEC);

  const auto sink = SmtpSink::start(arguments.options);
  if (!sink.ok()) {
    fmt::print(stderr, "barid-bench sink: {}\n", error_text(sink.error()));
    return kExitUnavailable;
  }
  for (const Endpoint& endpoint : (*sink)->endpoints()) {
    fmt::print(stderr, "listening on {}\n", endpoint.text());
  }
  for (;;) {
    pollfd waits[2] = {{.fd = signal_fd, .events = POLLIN, .revents = 0},
                       {.fd = (*sink)->done_fd(), .events = POLLIN, .revents = 0}};
    if (::poll(waits, 2, -1) < 0) continue;
    signalfd_siginfo info{};
    const bool signalled =
        (waits[0].revents & POLLIN) != 0 && ::read(signal_fd, &info, sizeof info) == sizeof info;
    print_report(**sink, arguments.json);
    if (!signalled || info.ssi_signo != SIGUSR1) break;
  }
  ::close(signal_fd);
  return kExitOk;
}

}  // namespace

std::function<int()> add_sink_command(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  SinkOptions& options = arguments->options;
  FaultScript& faults = options.faults;
  CLI::App* command = app.add_subcommand("sink", "take messages at wire speed, or misbehave");
  command->footer(
      "Prints its totals at SIGTERM, SIGINT, after --count, and at each SIGUSR1.\n"
      "Examples:\n"
      "  barid-bench sink 127.0.0.1:2526\n"
      "  barid-bench sink 127.0.0.1:2526 [::1]:2526 --threads 2 --count 100000 --json\n"
      "  barid-bench sink :2526 --tempfail 0.1 --stage rcpt --drop 0.01 "
      "--drop-stage reply");
  command->add_option("listen", arguments->listen, "addresses: 127.0.0.1:2526, [::1]:2526, :2526")
      ->required();
  command->add_option("--threads", options.thread_count, "")
      ->capture_default_str()
      ->check(CLI::Range(1u, 256u));
  command->add_option("--count", options.message_count_stop, "print totals and exit after so many");
  command->add_flag("--no-pipelining", arguments->no_pipelining, "do not offer PIPELINING");
  command->add_flag("--no-8bitmime", arguments->no_8bitmime, "do not offer 8BITMIME");
  command->add_flag("--no-smtputf8", arguments->no_smtputf8, "do not offer SMTPUTF8");
  command->add_flag("--no-size", arguments->no_size, "do not offer SIZE");
  command->add_flag("--no-chunking", arguments->no_chunking, "do not offer CHUNKING");
  command->add_flag("--dsn", options.extensions.dsn, "offer DSN");
  command->add_option("--tls", arguments->tls, "none, starttls or implicit")
      ->capture_default_str()
      ->check(CLI::IsMember({"none", "starttls", "implicit"}));
  command->add_option("--tls-chain", options.tls_chain_file,
                      "file of a private key, its certificate and intermediates");
  command->add_option("--size-max", arguments->size_max, "larger messages get 552")
      ->capture_default_str();
  command
      ->add_option("--stage", arguments->stage,
                   "where faults strike: connect helo mail rcpt data dot")
      ->capture_default_str();
  command->add_option("--delay", arguments->delay, "before the stage's reply: 100ms");
  command->add_option("--delay-stage", arguments->delay_stage, "instead of --stage");
  command->add_option("--tempfail", arguments->tempfail,
                      "fraction refused with 4xx, or a pattern of recipients: 'later*@*'");
  command->add_option("--permfail", arguments->permfail,
                      "fraction refused with 5xx, or a pattern of recipients: 'bad*@*'");
  command->add_option("--drop", faults.drop_fraction, "fraction closed without a reply")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--drop-stage", arguments->drop_stage,
                      "instead of --stage; also reply: after taking the message");
  command->add_option("--greylist", arguments->greylist,
                      "refuse a sender and recipient until seen so long ago");
  command->add_option("--from", arguments->from, "random faults begin so long after the start");
  command->add_option("--until", arguments->until, "and end so long after it (default: never)");
  command->add_option("--max-connections", options.connections_max, "more get 421")
      ->capture_default_str();
  command->add_option("--bytes-per-read", options.bytes_per_read, "slow reader");
  command->add_option("--read-pause", arguments->read_pause, "between its reads")
      ->capture_default_str();
  command->add_option("--idle-timeout", arguments->idle_timeout, "")->capture_default_str();
  command->add_flag("--loopback-only", options.loopback_only,
                    "bind to the device lo: with 0.0.0.0, every 127/8 address");
  command->add_option("--seed", options.seed, "of the faults' choices")->capture_default_str();
  command->add_option("--ledger", options.ledger_path,
                      "append \"sequence recipient hash\" before each 250");
  command->add_flag("--ledger-sync", options.ledger_sync, "fdatasync the ledger each time");
  command->add_flag("--json", arguments->json, "print one JSON object");
  return [arguments] { return run(*arguments); };
}

}  // namespace barid::bench
