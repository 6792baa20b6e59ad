// barid key: new credentials. The secret is printed once and kept nowhere; what is to be kept is
// the table line with its hash.
#include <fmt/format.h>
#include <sysexits.h>

#include <CLI/CLI.hpp>

#include "core/config/listing.h"
#include "core/crypto/digest.h"
#include "http/submit/api_key_new.h"
#include "tools/barid/commands.h"

namespace barid::tools {
namespace {

using Arguments = std::span<const char* const>;

struct KeyOptions {
  http::ApiKeyWish api;
  bool json = false;
};

/// Two lines, secret and table line, so that scripts need no parser; what to do with them goes to
/// standard error.
void print_secret(std::string_view secret, std::string_view line, bool json) {
  if (json) {
    fmt::print("{{\"key\": {}, \"line\": {}}}\n", config::json_string(secret),
               config::json_string(line));
  } else {
    fmt::print("{}\n{}\n", secret, line);
  }
}

int new_api_key(const KeyOptions& options, std::string_view name) {
  const http::NewApiKey made =
      http::make_api_key(options.api, crypto::random_bytes(http::kApiKeyRandomBytes));
  if (!made.problem.empty()) {
    fmt::print(stderr, "{}: fatal: {}\n", name, made.problem);
    return EX_USAGE;
  }
  print_secret(made.key, made.line, options.json);
  if (!options.json) {
    fmt::print(stderr,
               "The first line is the key, shown only now. The second belongs into a table of "
               "http_api_key_maps.\n");
  }
  return 0;
}

}  // namespace

int run_key_command(Arguments arguments, std::string_view name) {
  CLI::App app("New credentials for those who submit mail. Asks no server, changes no file.",
               std::string(name));
  KeyOptions options;
  CLI::App* create =
      app.add_subcommand("new", "prints a new secret once, and the table line that holds its hash");
  create->add_option("--tenant", options.api.tenant, "whose key it is");
  create->add_option("--scope", options.api.scopes, "what it may do: any of send, read, admin")
      ->capture_default_str();
  create->add_option("--rate", options.api.rate, "requests a second, as N/s; without: no limit");
  create->add_option("--from", options.api.from_domains,
                     "domains that From may have, comma-separated; without: any");
  create->add_flag("--json", options.json, "one object: {\"key\": …, \"line\": …}");
  app.require_subcommand(1);
  app.footer(
      "examples:\n"
      "  barid key new --tenant acme --scope send,read --rate 50/s\n"
      "  barid key new --tenant acme --from mail.example 2>/dev/null | tail -1 >>/etc/barid/keys\n"
      "  (main.cf: http_api_key_maps = texthash:/etc/barid/keys)\n"
      "exit status: 0, 64 usage");
  create->footer(app.get_footer());
  std::vector<std::string> words(arguments.rbegin(), arguments.rend());  // CLI11 wants that order
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : EX_USAGE;
  }
  return new_api_key(options, fmt::format("{} new", name));
}

}  // namespace barid::tools
