// barid dkim: keys, the DNS records that publish them, and whether DNS serves these.
#include <fcntl.h>
#include <fmt/format.h>
#include <sysexits.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <optional>

#include "core/config/listing.h"
#include "core/lookup/files.h"
#include "core/mail/dkim_record.h"
#include "core/text/json.h"
#include "dns/name.h"
#include "policy/dkim_keys.h"
#include "tools/barid/command_dns.h"
#include "tools/barid/command_line.h"
#include "tools/barid/commands.h"
#include "tools/barid/control_client.h"
#include "tools/barid/dkim_check.h"
#include "tools/barid/settings_parts.h"

namespace barid::tools {
namespace {

constexpr const char* kFooter =
    R"(examples:
  barid dkim new --domain example.com --selector s2026 --algorithm rsa2048 --directory /etc/barid/dkim
  barid dkim show                  the records of all keys in dkim_signing_maps, arc_signing_maps
  barid dkim check --json          whether DNS serves them
  barid dkim check --domain example.com --selector s2026 --key /etc/barid/dkim/example.com.s2026.pem
exit status: 0 done, all records right; 64 bad usage; 65 a key or record is not right; 73 a key file
  cannot be made; 75 DNS does not tell; 78 configuration)";

struct Options {
  std::string directory;  // of main.cf
  std::string domain;
  std::string selector;
  std::string key_path;
  std::string algorithm = "rsa2048";
  std::string key_directory;
  bool json = false;
};

int complain(std::string_view name, std::string_view text, int status) {
  fmt::print(stderr, "{}: fatal: {}\n", name, text);
  return status;
}

std::string table_line(const policy::DkimRule& rule) {
  return fmt::format("{} selector={} key={}", rule.domain, rule.selector, rule.key_path);
}

void print_key(const policy::DkimRule& rule, const crypto::PrivateKey& key, bool json) {
  const std::string record_name = dkim::key_record_name(rule.selector, rule.domain);
  const std::string record = key_record(key);
  const std::string zone = dkim::zone_line(record_name, record);
  if (json) {
    using text::json_string;
    fmt::print(
        "{{\"domain\": {}, \"selector\": {}, \"algorithm\": {}, \"key\": {}, \"name\": {}, "
        "\"type\": \"TXT\", \"value\": {}, \"zone\": {}, \"table\": {}}}\n",
        json_string(rule.domain), json_string(rule.selector), json_string(key_algorithm(key)),
        json_string(rule.key_path), json_string(record_name), json_string(record),
        json_string(zone), json_string(table_line(rule)));
    return;
  }
  fmt::print("; DNS: for the zone of {}\n{}\n# dkim_signing_maps: for its table\n{}\n", rule.domain,
             zone, table_line(rule));
}

/// Writes a new file that only its owner may read; the errno of what failed, or 0.
int write_new_file(const std::string& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  int error = 0;
  while (!text.empty() && error == 0) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0) {
      if (errno != EINTR) error = errno;
      continue;
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
  if (error == 0 && ::fsync(fd) != 0) error = errno;
  if (::close(fd) != 0 && error == 0) error = errno;
  if (error != 0) ::unlink(path.c_str());
  return error;
}

/// Domain and selector as DNS has them; what is wrong as text.
std::string check_names(Options* options) {
  const auto ascii = dns::name_to_ascii(options->domain);
  if (!ascii || !dns::is_host_name(*ascii)) {
    return fmt::format("--domain: \"{}\" is not a domain", options->domain);
  }
  options->domain = dns::normalise_name(*ascii);
  if (!dns::is_query_name(options->selector) || options->selector.find('/') != std::string::npos) {
    return fmt::format("--selector: \"{}\" cannot be a selector", options->selector);
  }
  return {};
}

int make_key(Options& options, std::string_view name) {
  if (const std::string wrong = check_names(&options); !wrong.empty()) {
    return complain(name, wrong, EX_USAGE);
  }
  const bool rsa = options.algorithm.starts_with("rsa");
  const unsigned bits = options.algorithm == "rsa4096" ? 4096 : 2048;
  const auto key =
      crypto::PrivateKey::generate(rsa ? crypto::KeyType::kRsa : crypto::KeyType::kEd25519, bits);
  if (!key) return complain(name, "OpenSSL cannot make such a key", EX_SOFTWARE);
  std::string directory = options.key_directory;
  if (!directory.starts_with('/')) {
    char here[4096];
    if (::getcwd(here, sizeof here) == nullptr) return complain(name, "no directory", EX_CANTCREAT);
    directory = fmt::format("{}/{}", here, directory);
  }
  const std::string path = fmt::format("{}/{}.{}.pem", directory, options.domain, options.selector);
  if (const int error = write_new_file(path, key->pem()); error != 0) {
    return complain(name, fmt::format("{}: {}", path, std::strerror(error)), EX_CANTCREAT);
  }
  print_key({.selector = options.selector,
             .key_path = path,
             .tenant = {},
             .domain = options.domain,
             .identity = {}},
            *key, options.json);
  return 0;
}

/// The rules that show and check are about: the one of the options, or all of the configuration,
/// perhaps of one domain. nullopt: `*status` is to be returned.
std::optional<std::vector<policy::DkimRule>> find_rules(const Options& options,
                                                        const config::Configuration& configuration,
                                                        std::string_view name, int* status) {
  if (!options.key_path.empty()) {
    return std::vector{policy::DkimRule{.selector = options.selector,
                                        .key_path = options.key_path,
                                        .tenant = {},
                                        .domain = options.domain,
                                        .identity = {}}};
  }
  std::vector<std::string> errors;
  const lookup::OpenContext context{
      .read_file = lookup::read_whole_file, .warnings = &errors, .errors = &errors};
  std::vector<policy::DkimRule> rules;
  for (const std::string_view parameter : {"dkim_signing_maps", "arc_signing_maps"}) {
    std::vector<policy::DkimRule> own = policy::check_dkim_tables(
        parameter, configuration.get(parameter), dkim_defaults(configuration, context), context);
    std::move(own.begin(), own.end(), std::back_inserter(rules));
  }
  for (const std::string& error : errors) {
    *status = complain(name, error, EX_CONFIG);
  }
  if (!errors.empty()) return std::nullopt;
  std::erase_if(rules, [&](const policy::DkimRule& rule) {
    return rule.domain.empty() || (!options.domain.empty() && rule.domain != options.domain) ||
           (!options.selector.empty() && rule.selector != options.selector);
  });
  if (rules.empty()) {
    *status = complain(
        name,
        "no key: neither dkim_signing_maps nor arc_signing_maps names one for such a domain "
        "(give --domain, --selector and --key for another)",
        EX_DATAERR);
    return std::nullopt;
  }
  return rules;
}

int show_keys(const std::vector<policy::DkimRule>& rules, const Options& options,
              std::string_view name) {
  int status = 0;
  for (const policy::DkimRule& rule : rules) {
    const policy::DkimKey key = policy::load_dkim_key(rule.key_path);
    if (key.key) {
      print_key(rule, *key.key, options.json);
    } else {
      status = complain(name, key.problem, EX_DATAERR);
    }
  }
  return status;
}

int check_keys(const std::vector<policy::DkimRule>& rules, const Options& options,
               const config::Configuration& configuration, std::string_view name) {
  Problems problems;
  CommandDns dns(dns_options(configuration, &problems));
  if (!problems.errors.empty()) return complain(name, problems.errors.front(), EX_CONFIG);
  if (!dns.problem().empty()) return complain(name, dns.problem(), EX_UNAVAILABLE);
  int status = 0;
  for (const policy::DkimRule& rule : rules) {
    const std::string record_name = dkim::key_record_name(rule.selector, rule.domain);
    const policy::DkimKey key = policy::load_dkim_key(rule.key_path);
    DkimVerdict verdict{.good = false, .warning = false, .text = key.problem};
    bool silent = false;
    if (key.key) {
      const dns::Answer answer = dns.query(record_name, dns::RecordType::kTxt);
      verdict = judge_dkim_record(*key.key, rule, answer);
      silent = dns::is_temporary(answer.status);
    }
    if (silent) {
      if (status == 0) status = EX_TEMPFAIL;
    } else if (!verdict.good) {
      status = EX_DATAERR;
    }
    const std::string_view word = silent            ? "unknown"
                                  : !verdict.good   ? "bad"
                                  : verdict.warning ? "warning"
                                                    : "ok";
    if (options.json) {
      using text::json_string;
      fmt::print(
          "{{\"domain\": {}, \"selector\": {}, \"key\": {}, \"name\": {}, \"status\": \"{}\", "
          "\"text\": {}}}\n",
          json_string(rule.domain), json_string(rule.selector), json_string(rule.key_path),
          json_string(record_name), word, json_string(verdict.text));
    } else {
      fmt::print("{:<8} {}: {}\n", word, record_name, verdict.text);
    }
    if (verdict.good || silent || !key.key || options.json) continue;
    fmt::print("         it should be: {}\n", dkim::zone_line(record_name, key_record(*key.key)));
  }
  return status;
}

void add_key_options(CLI::App* command, Options* options) {
  command->add_option("--domain", options->domain, "only this signing domain (d=)");
  command->add_option("--selector", options->selector, "only this selector");
  command->add_option("--key", options->key_path, "a key file that no table names yet");
  command->add_option("-c,--config", options->directory,
                      "directory of main.cf ($MAIL_CONFIG, /etc/barid)");
  command->add_flag("--json", options->json, "one object a key");
}

}  // namespace

int run_dkim_command(std::span<const char* const> arguments, std::string_view name) {
  CLI::App app("Makes DKIM signing keys, shows their DNS records, and checks what DNS serves.",
               std::string(name));
  Options options;
  CLI::App* const make = app.add_subcommand("new", "make a key, print record and table line");
  make->add_option("--domain", options.domain, "signing domain (d=)")->required();
  make->add_option("--selector", options.selector, "name of the key below _domainkey")->required();
  make->add_option("--algorithm", options.algorithm, "rsa2048 (default), rsa4096, ed25519")
      ->check(CLI::IsMember({"rsa2048", "rsa4096", "ed25519"}));
  make->add_option("--directory", options.key_directory,
                   "where DOMAIN.SELECTOR.pem is written, mode 0600")
      ->required();
  make->add_flag("--json", options.json, "one object");
  CLI::App* const show = app.add_subcommand("show", "print the records of existing keys");
  CLI::App* const check = app.add_subcommand("check", "compare the keys with what DNS serves");
  add_key_options(show, &options);
  add_key_options(check, &options);
  make->footer(
      "examples:\n  barid dkim new --domain example.com --selector s2026 --directory "
      "/etc/barid/dkim");
  show->footer("examples:\n  barid dkim show\n  barid dkim show --domain example.com --json");
  check->footer(
      "examples:\n  barid dkim check --json\n  barid dkim check --domain example.com --selector "
      "s2026 "
      "--key /etc/barid/dkim/example.com.s2026.pem");
  app.add_option("-c,--config", options.directory, "the same, before the word");
  app.require_subcommand(1);
  app.footer(kFooter);
  if (const std::optional<int> ended = read_command_line(app, arguments)) return *ended;
  if (make->parsed()) return make_key(options, name);
  if (!options.key_path.empty()) {
    if (const std::string wrong = check_names(&options); !wrong.empty()) {
      return complain(name, wrong + " (with --key both are needed)", EX_USAGE);
    }
  }
  const config::LoadResult loaded = load_client_configuration(options.directory, true);
  for (const config::Diagnostic& error : loaded.diagnostics.errors) {
    static_cast<void>(complain(name, error.str(), EX_CONFIG));
  }
  if (!loaded.ok()) return EX_CONFIG;
  int status = 0;
  const auto rules = find_rules(options, *loaded.configuration, name, &status);
  if (!rules) return status;
  return show->parsed() ? show_keys(*rules, options, name)
                        : check_keys(*rules, options, *loaded.configuration, name);
}

}  // namespace barid::tools
