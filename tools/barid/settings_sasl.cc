// Who checks the logins of an smtpd service.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "core/crypto/digest.h"
#include "core/crypto/secret_file.h"
#include "core/lookup/files.h"
#include "core/text/base64.h"
#include "dns/destination.h"
#include "http/submit/api_keys.h"
#include "smtp/sasl/dovecot_server.h"
#include "smtp/sasl/passwd_server.h"
#include "tools/barid/settings_parts.h"

namespace barid::tools {

using config::Configuration;

namespace {

/// The API's keys as passwords.
class ApiKeyDirectory final : public sasl::KeyDirectory {
 public:
  explicit ApiKeyDirectory(lookup::TableList tables) : tables_(std::move(tables)) {}

  Answer find_key(std::string_view key) const override {
    std::string digest;
    text::append_hex(digest, crypto::sha256({key}));
    const lookup::LookupResult found = tables_.find(digest);
    if (found.is_temporary()) return {.status = Answer::Status::kTemporary};
    if (!found.is_found()) return {};
    std::optional<http::Principal> principal = http::parse_key_entry(found.value());
    if (!principal) return {.status = Answer::Status::kTemporary};
    if ((principal->scopes & http::kScopeSend) == 0) return {};
    return {.status = Answer::Status::kFound,
            .tenant = std::move(principal->tenant),
            .from_domains = std::move(principal->from_domains)};
  }

 private:
  lookup::TableList tables_;
};

sasl::SecurityOptions security_options(const ConfigurationScope& scope, std::string_view name,
                                       Problems* problems) {
  std::string bad;
  const sasl::SecurityOptions options = sasl::parse_security_options(scope.get(name), &bad);
  if (!bad.empty()) {
    problems->errors.push_back(
        fmt::format("{}{}: unknown option \"{}\"", scope.place_of(name), name, bad));
  }
  return options;
}

/// "private/auth" below the queue directory, "/run/auth", "unix:…" or "inet:host:port".
std::optional<net::SocketAddress> auth_socket(const std::string& queue_directory,
                                              std::string_view path) {
  if (path.starts_with("inet:")) {
    path.remove_prefix(5);
    const size_t colon = path.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string host(path.substr(0, colon));
    if (host == "localhost") host = "127.0.0.1";
    if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
    const auto port = dns::parse_port(path.substr(colon + 1));
    return port ? net::SocketAddress::from_ip(host, *port) : std::nullopt;
  }
  if (path.starts_with("unix:")) path.remove_prefix(5);
  if (path.starts_with('/')) return net::SocketAddress::from_unix_path(path);
  return net::SocketAddress::from_unix_path(fmt::format("{}/{}", queue_directory, path));
}

/// What can be listed is checked as a whole.
void check_users(const ConfigurationScope& scope, const lookup::OpenContext& context) {
  for (const std::string& spec : scope.get_list("smtpd_sasl_passwd_maps")) {
    const auto table =
        lookup::open_table(spec, {.read_file = context.read_file, .secret_values = true});
    static_cast<void>(table->for_each_entry([&](std::string_view user, std::string_view value) {
      if (sasl::parse_passwd_entry(value)) return;
      context.error(fmt::format(
          "{}smtpd_sasl_passwd_maps: {}: {}: neither a SCRAM-SHA-256 nor a crypt(3) hash "
          "(`barid key new --smtp USER` makes one), or something unknown behind it",
          scope.place_of("smtpd_sasl_passwd_maps"), table->name(), user));
    }));
  }
}

}  // namespace

void check_secret_tables(const ConfigurationScope& scope, const std::string& parameter,
                         Problems* problems) {
  for (const std::string& spec : scope.get_list(parameter)) {
    const size_t colon = spec.find(":/");
    if (colon == std::string::npos) continue;
    const std::string path = spec.substr(colon + 1);
    const uint32_t mode = crypto::identify_file(path).mode;
    const std::string place = scope.place_of(parameter) + parameter;
    if ((mode & S_IWOTH) != 0) {
      problems->errors.push_back(fmt::format(
          "{}: {}: everybody may write to it: use chmod o-w on files with passwords", place, path));
    } else if ((mode & S_IROTH) != 0) {
      std::string warning = fmt::format(
          "{}: {}: everybody may read it: use chmod o-r on files with passwords", place, path);
      const auto& said = problems->warnings;
      if (std::find(said.begin(), said.end(), warning) == said.end()) {
        problems->warnings.push_back(std::move(warning));
      }
    }
  }
}

namespace {

std::unique_ptr<sasl::Server> passwd_server(const ConfigurationScope& scope,
                                            const lookup::OpenContext& context,
                                            sasl::SecurityOptions options,
                                            sasl::SecurityOptions options_encrypted,
                                            Problems* problems) {
  check_secret_tables(scope, "smtpd_sasl_passwd_maps", problems);
  check_api_keys(scope, context, problems);
  sasl::PasswdSettings settings{
      .users = {"smtpd_sasl_passwd_maps", scope.get("smtpd_sasl_passwd_maps"), context},
      .keys = nullptr,
      .options = options,
      .options_encrypted = options_encrypted,
      .mechanism_filter = std::nullopt};
  check_users(scope, context);
  lookup::TableList keys("http_api_key_maps", scope.get("http_api_key_maps"), context);
  if (!keys.empty()) settings.keys = std::make_unique<const ApiKeyDirectory>(std::move(keys));
  if (const std::string filter = scope.get("smtpd_sasl_mechanism_filter"); !filter.empty()) {
    settings.mechanism_filter = lookup::StringList("smtpd_sasl_mechanism_filter", filter, context);
  }
  return sasl::make_passwd_server(std::move(settings));
}

}  // namespace

smtp::AuthSettings auth_settings(const Configuration& configuration,
                                 const ConfigurationScope& scope,
                                 const lookup::OpenContext& context, Problems* problems) {
  smtp::AuthSettings settings;
  if (!scope.get_bool("smtpd_sasl_auth_enable")) return settings;
  settings.encrypted_only = scope.get_bool("smtpd_tls_auth_only");
  settings.authenticated_header = scope.get_bool("smtpd_sasl_authenticated_header");
  settings.exceptions =
      address_list(configuration, scope, "smtpd_sasl_exceptions_networks", context);
  const auto options = security_options(scope, "smtpd_sasl_security_options", problems);
  const auto encrypted = security_options(scope, "smtpd_sasl_tls_security_options", problems);
  const std::string type = scope.get("smtpd_sasl_type");
  if (type == "passwd") {
    settings.server = passwd_server(scope, context, options, encrypted, problems);
  } else if (type == "dovecot") {
    const std::string path = scope.get("smtpd_sasl_path");
    const auto socket = auth_socket(configuration.get("queue_directory"), path);
    if (!socket) {
      problems->errors.push_back(
          fmt::format("{}smtpd_sasl_path: \"{}\" is neither a path nor inet:ADDRESS:PORT",
                      scope.place_of("smtpd_sasl_path"), path));
      return settings;
    }
    sasl::DovecotSettings dovecot{.socket = *socket,
                                  .service = scope.get("smtpd_sasl_service"),
                                  .options = options,
                                  .options_encrypted = encrypted,
                                  .mechanism_filter = std::nullopt};
    if (const std::string filter = scope.get("smtpd_sasl_mechanism_filter"); !filter.empty()) {
      dovecot.mechanism_filter = lookup::StringList("smtpd_sasl_mechanism_filter", filter, context);
    }
    settings.server = sasl::make_dovecot_server(std::move(dovecot));
  } else {
    problems->errors.push_back(
        fmt::format("{}smtpd_sasl_type: \"{}\" is not served; need passwd (smtpd_sasl_passwd_maps) "
                    "or dovecot",
                    scope.place_of("smtpd_sasl_type"), type));
  }
  return settings;
}

std::shared_ptr<const smtp::ClientLogins> client_logins(const ConfigurationScope& scope,
                                                        const std::string& prefix,
                                                        Problems* problems) {
  if (!scope.get_bool(prefix + "sasl_auth_enable")) return nullptr;
  const lookup::OpenContext context{.read_file = lookup::read_whole_file,
                                    .warnings = &problems->warnings,
                                    .errors = &problems->errors};
  const std::string maps = prefix + "sasl_password_maps";
  if (scope.get(maps).empty()) {
    problems->errors.push_back(fmt::format("{}{}sasl_auth_enable = yes needs {}",
                                           scope.place_of(prefix + "sasl_auth_enable"), prefix,
                                           maps));
    return nullptr;
  }
  check_secret_tables(scope, maps, problems);
  const std::string delimiter = scope.get(prefix + "sasl_password_result_delimiter");
  for (const std::string& spec : scope.get_list(maps)) {
    const auto table =
        lookup::open_table(spec, {.read_file = context.read_file, .secret_values = true});
    static_cast<void>(table->for_each_entry([&](std::string_view key, std::string_view value) {
      if (sasl::parse_credentials(value, delimiter)) return;
      problems->errors.push_back(fmt::format("{}{}: {}: {}: not user{}password",
                                             scope.place_of(maps), maps, table->name(), key,
                                             delimiter));
    }));
  }
  sasl::ClientRules rules;
  rules.options = security_options(scope, prefix + "sasl_security_options", problems);
  rules.options_encrypted = security_options(scope, prefix + "sasl_tls_security_options", problems);
  rules.options_verified =
      security_options(scope, prefix + "sasl_tls_verified_security_options", problems);
  const std::string filter = prefix + "sasl_mechanism_filter";
  if (!scope.get(filter).empty()) {
    rules.mechanism_filter = lookup::StringList(filter, scope.get(filter), context);
  }
  return std::make_shared<const smtp::ClientLogins>(
      lookup::TableList(maps, scope.get(maps), context), delimiter, std::move(rules),
      scope.get_bool(prefix + "sender_dependent_authentication"));
}

}  // namespace barid::tools
