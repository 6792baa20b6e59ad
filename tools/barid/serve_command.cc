// barid serve and barid dev.
#include <fmt/format.h>
#include <sysexits.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "tools/barid/command_line.h"
#include "tools/barid/commands.h"
#include "tools/barid/config_command.h"
#include "tools/barid/dev_mailbox.h"
#include "tools/barid/server.h"

namespace barid::tools {
namespace {

using Arguments = std::span<const char* const>;

config::LoadOptions load_options(const std::string& directory,
                                 const std::vector<config::NameAndValue>& overrides) {
  return config::LoadOptions{.directory = configuration_directory(directory),
                             .host = read_host_facts(),
                             .environment = read_environment(),
                             .overrides = overrides};
}

}  // namespace

int run_serve_command(Arguments arguments, std::string_view name) {
  CLI::App app("Runs the MTA in the foreground until SIGTERM; SIGHUP reloads, SIGUSR1 drains.",
               std::string(name));
  std::string directory;
  std::vector<std::string> overrides_text;
  app.add_option("-c,--config", directory, "configuration directory ($MAIL_CONFIG, /etc/barid)");
  app.add_option("-o", overrides_text, "name=value, stronger than main.cf");
  bool background = false;
  app.add_flag("--background", background,
               "let go of terminal and pipes once it serves (barid control start does this)");
  app.footer(
      "examples:\n  barid serve -c /etc/barid\n  BARID_SHARD_COUNT=4 barid serve\n"
      "exit status: 0 after an orderly end, 69 queue or listener unavailable, 78 configuration");
  if (const std::optional<int> ended = read_command_line(app, arguments)) return *ended;
  std::vector<config::NameAndValue> overrides;
  for (const std::string& text : overrides_text) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      fmt::print(stderr, "{}: -o {}: missing '='\n", name, text);
      return EX_USAGE;
    }
    overrides.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  ServerOptions options;
  options.load = load_options(directory, overrides);
  options.background = background;
  return run_server(options, stderr);
}

int run_dev_command(Arguments arguments, std::string_view name) {
  CLI::App app(
      "The embedded default: accepts mail on 127.0.0.1:2525, queues it in ./barid-data, and\n"
      "delivers it over SMTP into a built-in mailbox, one file per message.",
      std::string(name));
  std::string data = "./barid-data";
  uint16_t port = 2525;
  uint16_t mailbox_port = 2524;
  uint16_t http_port = 8025;
  app.add_option("--data", data, "where queue and mailbox are kept")->capture_default_str();
  app.add_option("--smtp-port", port, "port on 127.0.0.1")->capture_default_str();
  app.add_option("--http-port", http_port, "HTTP port on 127.0.0.1")->capture_default_str();
  app.add_option("--mailbox-port", mailbox_port, "port of the built-in mailbox on 127.0.0.1")
      ->capture_default_str();
  app.footer("example:\n  barid dev --smtp-port 2526 --data /tmp/barid");
  if (const std::optional<int> ended = read_command_line(app, arguments)) return *ended;
  std::error_code error;
  std::filesystem::create_directories(data, error);
  if (error) {
    fmt::print(stderr, "{}: {}: {}\n", name, data, error.message());
    return EX_CANTCREAT;
  }
  const std::string root = std::filesystem::absolute(data).lexically_normal().string();
  const std::string mailbox = root + "/mailbox";
  ServerOptions options{
      .load = load_options(root, {{"queue_directory", root + "/queue"},
                                  {"myhostname", "localhost"},
                                  {"mynetworks", "127.0.0.0/8 [::1]/128"},
                                  {"inet_interfaces", "loopback-only"},
                                  {"inet_protocols", "ipv4"},
                                  {"mydestination", ""},
                                  {"disable_dns_lookups", "yes"},
                                  {"webhook_private_networks", "127.0.0.0/8"},
                                  {"relayhost", fmt::format("[127.0.0.1]:{}", mailbox_port)},
                                  {"maillog_file", "/dev/stdout"}})};
  options.load.read_file = [root, port, http_port](const std::string& path) -> Result<std::string> {
    if (path != root + "/master.cf") return lookup::read_whole_file(path);
    return fmt::format("127.0.0.1:{} inet n - n - - smtpd\n127.0.0.1:{} inet n - n - - httpd\n",
                       port, http_port);
  };
  options.mailbox_directory = mailbox;
  options.on_first_shard = [mailbox_port, mailbox](Shard::Inside& inside) {
    const std::string problem = start_dev_mailbox(inside, mailbox_port, mailbox);
    if (!problem.empty()) shard_log(inside, LogSeverity::kError, problem);
  };
  options.greeting = fmt::format(
      "barid dev: SMTP on 127.0.0.1:{0}, HTTP on 127.0.0.1:{2}, every message ends as a file in "
      "{1}/\n"
      "look at it: http://127.0.0.1:{2}/console/\n"
      "send a first message:\n\n"
      "  printf 'Subject: hello\\r\\n\\r\\nfirst message\\r\\n' | curl -s smtp://127.0.0.1:{0} "
      "--mail-from me@example.org --mail-rcpt you@example.net -T -\n"
      "  curl -s http://127.0.0.1:{2}/emails -H 'Content-Type: application/json' -d "
      "'{{\"from\":\"me@example.org\",\"to\":\"you@example.net\",\"subject\":\"hello\","
      "\"text\":\"first message\"}}'\n"
      "  cat {1}/*.eml\n",
      port, mailbox, http_port);
  return run_server(options, stderr);
}

}  // namespace barid::tools
