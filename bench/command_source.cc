// barid-bench source
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <atomic>
#include <csignal>
#include <memory>

#include "bench/cli_util.h"
#include "bench/commands.h"
#include "bench/json_writer.h"
#include "bench/load_report.h"
#include "bench/smtp_source.h"
#include "core/text/base64.h"

namespace barid::bench {
namespace {

std::atomic<bool> g_interrupted{false};

void on_interrupt(int) { g_interrupted.store(true); }

struct Arguments {
  std::string target;
  std::string size = "5k";
  std::string mode = "pipeline";
  std::string tls = "none";
  std::string auth;
  std::string domain_spread = "even";
  std::string duration, warmup, reply_timeout = "60s", stall_timeout = "90s", retry_delay = "1s";
  SourceOptions options;
  bool http = false;
  bool json = false;
};

/// Turns the texts of the command line into options. Errors name the option through their text.
Status finish_options(Arguments& arguments) {
  SourceOptions& options = arguments.options;
  BARID_TRY(options.target, parse_endpoint(arguments.target));
  BARID_TRY(const SizeMix sizes, parse_size_mix(arguments.size));
  options.shape.size = sizes.whole;
  options.shape.size_parts = sizes.parts;
  if (arguments.domain_spread == "zipf") options.shape.domain_spread = DomainSpread::kZipf;
  if (!arguments.auth.empty()) {
    const size_t colon = arguments.auth.find(':');
    if (colon == 0 || colon == std::string::npos || arguments.http) {
      return Error{.code = Code::kMalformed, .text = "--auth is USER:PASSWORD, for SMTP"};
    }
    text::append_base64(options.auth_plain, std::string(1, '\0') + arguments.auth.substr(0, colon) +
                                                std::string(1, '\0') +
                                                arguments.auth.substr(colon + 1));
  }
  if (!arguments.duration.empty()) {
    BARID_TRY(options.duration, parse_duration(arguments.duration));
  }
  if (!arguments.warmup.empty()) {
    BARID_TRY(options.warmup, parse_duration(arguments.warmup));
  }
  BARID_TRY(options.reply_timeout, parse_duration(arguments.reply_timeout));
  BARID_TRY(options.stall_timeout, parse_duration(arguments.stall_timeout));
  BARID_TRY(options.retry_delay, parse_duration(arguments.retry_delay));
  if (arguments.tls == "starttls") options.tls = SourceTls::kStarttls;
  if (arguments.tls == "implicit") options.tls = SourceTls::kImplicit;
  if (arguments.mode == "sequential")
    options.mode = SourceMode::kSequential;
  else if (arguments.mode == "bdat")
    options.mode = SourceMode::kBdat;
  else
    options.mode = SourceMode::kPipeline;
  if (arguments.http) {
    options.mode = SourceMode::kHttp;
    if (options.tls == SourceTls::kStarttls) {
      return Error{.code = Code::kMalformed, .text = "--http has TLS from the start, or none"};
    }
  } else if (options.batch > 1) {
    return Error{.code = Code::kMalformed, .text = "--batch goes with --http"};
  }
  if (options.shape.run.empty()) options.shape.run = make_run_name();
  const bool bounded = options.message_count > 0 || options.duration > Duration::zero();
  if (!bounded) options.message_count = 10'000;
  return {};
}

int run(Arguments& arguments) {
  if (const Status status = finish_options(arguments); !status.ok()) {
    fmt::print(stderr, "barid-bench source: {}\n", error_text(status.error()));
    return kExitUsage;
  }
  arguments.options.stop = &g_interrupted;
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  const auto report = run_source(arguments.options);
  if (!report.ok()) {
    fmt::print(stderr, "barid-bench source: {}\n", error_text(report.error()));
    return kExitUnavailable;
  }
  if (arguments.json) {
    JsonWriter json;
    write_json(*report, arguments.options.shape.run, json);
    fmt::print("{}\n", json.text());
  } else {
    fmt::print("{}", to_text(*report, arguments.options.shape.run));
  }
  return report->stopped_by.empty() ? kExitOk : kExitTryAgain;
}

}  // namespace

std::function<int()> add_source_command(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  SourceOptions& options = arguments->options;
  options.shape.run.clear();
  CLI::App* command =
      app.add_subcommand("source", "send messages as fast as, or as often as, told");
  command->footer(
      "Examples:\n"
      "  barid-bench source 127.0.0.1:2525 --messages 100000\n"
      "  barid-bench source 127.0.0.1:2525 --mode sequential --sessions 200 "
      "--duration 10s --warmup 2s\n"
      "  barid-bench source 127.0.0.1:2525 --tls starttls --tls-fresh --messages-per-session 1\n"
      "  barid-bench source 127.0.0.1:2525 --auth joe:secret --size 2k*70,20k-40k*25,1M*5 "
      "--domains 1000 --domain-spread zipf\n"
      "  barid-bench source 127.0.0.1:8025 --http --batch 100 --duration 10s\n"
      "  barid-bench source 127.0.0.1:2525 --mode bdat --depth 8 --rate 5000 "
      "--duration 30s --json");
  command->add_option("target", arguments->target, "address:port, numeric")->required();
  command->add_option("--sessions", options.session_count, "connections held open")
      ->capture_default_str()
      ->check(CLI::Range(1u, 50'000u));
  command->add_option("--messages", options.message_count,
                      "messages in total (default 10000, or until --duration)");
  command->add_option("--messages-per-session", options.messages_per_session,
                      "then QUIT and reconnect (default: no limit)");
  command->add_option("--mode", arguments->mode, "sequential, pipeline or bdat")
      ->capture_default_str()
      ->check(CLI::IsMember({"sequential", "pipeline", "bdat"}));
  command->add_flag("--http", arguments->http,
                    "POST /emails over kept connections instead of SMTP");
  command->add_option("--batch", options.batch, "with --http: emails in a POST /emails/batch")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1000u));
  command->add_option("--api-key", options.api_key, "with --http: key in Authorization");
  command
      ->add_option("--tls", arguments->tls, "none, starttls or implicit; any certificate will do")
      ->check(CLI::IsMember({"none", "starttls", "implicit"}))
      ->capture_default_str();
  command->add_flag("!--tls-fresh", options.tls_resume,
                    "a new key exchange for each connection, no session resumed");
  command->add_option("--depth", options.depth, "messages in flight per session with bdat")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1024u));
  command
      ->add_option("--size", arguments->size,
                   "bytes of a message: 5k, a range 1k-20k, or a distribution "
                   "2k*70,20k-40k*25,1M*5")
      ->capture_default_str();
  command
      ->add_option("--domains", options.shape.domain_count,
                   "recipient domains dNNNN.example, in turn")
      ->capture_default_str();
  command
      ->add_option("--domain-spread", arguments->domain_spread,
                   "even, or zipf: domain n gets 1/(n + 1) of the first one's")
      ->check(CLI::IsMember({"even", "zipf"}))
      ->capture_default_str();
  command->add_option("--recipient", options.shape.recipient, "a fixed recipient instead");
  command->add_option("--recipients", options.shape.recipient_count, "recipients per message")
      ->capture_default_str();
  command->add_option("--sender", options.shape.sender, "envelope sender")->capture_default_str();
  command->add_option("--helo", options.helo_name, "name given in EHLO")->capture_default_str();
  command->add_option("--auth", arguments->auth, "USER:PASSWORD, with AUTH PLAIN");
  command->add_flag("--with-size", options.with_size, "declare SIZE in MAIL");
  command->add_option("--rate", options.rate,
                      "open loop: messages/s, latency from the intended time");
  command->add_option("--duration", arguments->duration, "no new message after it: 10s, 2m");
  command->add_option("--warmup", arguments->warmup, "not measured at the start");
  command->add_option("--retry", options.retries_max,
                      "further attempts after 4xx or a lost connection");
  command->add_option("--retry-delay", arguments->retry_delay, "")->capture_default_str();
  command->add_option("--reply-timeout", arguments->reply_timeout, "connection given up after it")
      ->capture_default_str();
  command
      ->add_option("--stall-timeout", arguments->stall_timeout,
                   "run given up when no message ended for so long")
      ->capture_default_str();
  command->add_option("--run", options.shape.run, "name in X-Barid-Sequence (default: random)");
  command->add_option("--seed", options.shape.seed, "of the message bodies")->capture_default_str();
  command->add_option("--ledger", options.ledger_path,
                      "append \"sequence recipient hash\" after each 250");
  command->add_flag("--ledger-sync", options.ledger_sync, "fdatasync the ledger each time");
  command->add_flag("--json", arguments->json, "print one JSON object");
  return [arguments] { return run(*arguments); };
}

}  // namespace barid::bench
