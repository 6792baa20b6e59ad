// barid key: new credentials. The secret is printed once and kept nowhere; what is to be kept is
// the table line with its hash.
#include <fmt/format.h>
#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "core/config/listing.h"
#include "core/crypto/digest.h"
#include "core/crypto/password_hash.h"
#include "core/text/base64.h"
#include "core/text/json.h"
#include "http/submit/api_key_new.h"
#include "tools/barid/command_line.h"
#include "tools/barid/commands.h"

namespace barid::tools {
namespace {

using Arguments = std::span<const char* const>;

struct KeyOptions {
  http::ApiKeyWish api;
  std::string smtp_user;
  bool access_key = false;
  bool json = false;
};

/// Two lines, secret and table line, so that scripts need no parser; what to do with them goes to
/// standard error.
void print_secret(std::string_view secret, std::string_view line, bool json) {
  if (json) {
    fmt::print("{{\"key\": {}, \"line\": {}}}\n", text::json_string(secret),
               text::json_string(line));
  } else {
    fmt::print("{}\n{}\n", secret, line);
  }
}

/// `hint`: what the two lines are for.
int print_new_key(const http::NewApiKey& made, std::string_view hint, bool json,
                  std::string_view name) {
  if (!made.problem.empty()) {
    fmt::print(stderr, "{}: fatal: {}\n", name, made.problem);
    return EX_USAGE;
  }
  print_secret(made.key, made.line, json);
  if (!json) fmt::print(stderr, "{}\n", hint);
  return 0;
}

int new_api_key(const KeyOptions& options, std::string_view name) {
  return print_new_key(
      http::make_api_key(options.api, crypto::random_bytes(http::kApiKeyRandomBytes)),
      "The first line is the key, shown only now. The second belongs into a table of "
      "http_api_key_maps.",
      options.json, name);
}

/// For programs that sign: an id that anybody may see, and a secret that both sides need.
int new_access_key(const KeyOptions& options, std::string_view name) {
  return print_new_key(
      http::make_access_key(options.api, crypto::random_bytes(http::kAccessKeyRandomBytes)),
      "The first line is access key id and secret access key. The second belongs into a table of "
      "http_access_key_maps; it has the secret in it: chmod 600.",
      options.json, name);
}

/// A password for AUTH: 144 bits, in characters that need no quoting anywhere.
int new_smtp_password(const KeyOptions& options, std::string_view name) {
  const std::string& user = options.smtp_user;
  const bool plain = std::all_of(
      user.begin(), user.end(), [](char c) { return c > ' ' && c != 127 && c != ':' && c != '#'; });
  if (user.empty() || !plain || user == "apikey") {
    fmt::print(stderr, "{}: fatal: --smtp: \"{}\" cannot be a user's name\n", name, user);
    return EX_USAGE;
  }
  std::string password;
  text::append_base64(password, crypto::random_bytes(18));
  std::replace(password.begin(), password.end(), '+', '-');
  std::replace(password.begin(), password.end(), '/', '_');
  std::string line = fmt::format(
      "{} {}", user,
      crypto::format_scram_secret(crypto::make_scram_secret(password, crypto::random_bytes(16))));
  if (!options.api.tenant.empty()) line += " tenant=" + options.api.tenant;
  print_secret(password, line, options.json);
  if (!options.json) {
    fmt::print(stderr,
               "The first line is the password, shown only now. The second belongs into a table of "
               "smtpd_sasl_passwd_maps.\n");
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
  create->add_option("--messages", options.api.message_rate,
                     "messages a second of all the tenant's keys, as N/s; without: no limit");
  create->add_option("--from", options.api.from_domains,
                     "domains that From may have, comma-separated; without: any");
  create->add_option("--smtp", options.smtp_user,
                     "a password for this user of SMTP AUTH, instead of an API key");
  create->add_flag("--access-key", options.access_key,
                   "access key id and secret for programs that sign (SES), instead of an API key");
  create->add_flag("--json", options.json, "one object: {\"key\": …, \"line\": …}");
  app.require_subcommand(1);
  app.footer(
      "examples:\n"
      "  barid key new --tenant acme --scope send,read --rate 50/s\n"
      "  barid key new --tenant acme --from mail.example 2>/dev/null | tail -1 >>/etc/barid/keys\n"
      "  barid key new --smtp newsletter --tenant acme\n"
      "  barid key new --tenant acme --access-key\n"
      "  (main.cf: http_api_key_maps = texthash:/etc/barid/keys)\n"
      "exit status: 0, 64 usage");
  create->footer(app.get_footer());
  if (const std::optional<int> ended = read_command_line(app, arguments)) return *ended;
  const std::string command = fmt::format("{} new", name);
  if (create->count("--smtp") > 0) return new_smtp_password(options, command);
  if (options.access_key) return new_access_key(options, command);
  return new_api_key(options, command);
}

}  // namespace barid::tools
