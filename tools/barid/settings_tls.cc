// TLS of listeners and transports.
#include <fmt/format.h>

#include <algorithm>

#include "core/lookup/split.h"
#include "tools/barid/settings_parts.h"

namespace barid::tools {
namespace {

/// A certificate and its key under one pair of names; nothing if no certificate is named.
void add_pair(const ConfigurationScope& scope, const std::string& prefix, std::string_view kind,
              net::TlsIdentity* identity) {
  const std::string certificate = fmt::format("{}_tls_{}cert_file", prefix, kind);
  const std::string key = fmt::format("{}_tls_{}key_file", prefix, kind);
  const std::string file = scope.get(certificate);
  if (file.empty()) return;
  identity->pairs.push_back({.certificate_parameter = certificate,
                             .certificate_file = file,
                             .key_parameter = key,
                             .key_file = scope.get(key)});
}

}  // namespace

std::string located(const ConfigurationScope& scope, const std::string& error) {
  return scope.place_of(error.substr(0, error.find(':'))) + error;
}

net::TlsVersions versions_of(const ConfigurationScope& scope, const std::string& parameter,
                             Problems* problems) {
  net::TlsVersions versions = net::parse_tls_versions(scope.get(parameter));
  if (!versions.error.empty()) {
    problems->errors.push_back(
        fmt::format("{}{}: {}", scope.place_of(parameter), parameter, versions.error));
  }
  return versions;
}

net::TlsIdentity tls_identity(const ConfigurationScope& scope, const std::string& prefix) {
  net::TlsIdentity identity{.chain_parameter = prefix + "_tls_chain_files"};
  identity.chain_files = scope.get_list(identity.chain_parameter);
  if (!identity.chain_files.empty()) return identity;
  add_pair(scope, prefix, "", &identity);
  add_pair(scope, prefix, "ec", &identity);
  return identity;
}

/// OpenSSL's cipher list for a grade, without what is excluded.
std::string tls_ciphers(const ConfigurationScope& scope, const std::string& parameter,
                        const std::vector<std::string>& exclusions, Problems* problems) {
  const std::string grade = scope.get(parameter);
  std::string list;
  if (grade == "high" || grade == "medium" || grade == "null") {
    list = scope.get(fmt::format("tls_{}_cipherlist", grade));
  } else if (grade == "low" || grade == "export") {
    list = scope.get("tls_medium_cipherlist");  // what those names meant no library has any more
  } else {
    problems->errors.push_back(
        fmt::format("{}{}: \"{}\" is none of high, medium, low, export, null",
                    scope.place_of(parameter), parameter, grade));
  }
  for (const std::string& name : exclusions) {
    for (const std::string& cipher : scope.get_list(name)) list += ":!" + cipher;
  }
  return list;
}

ServerTlsLevel server_tls_level(const ConfigurationScope& scope, Problems* problems) {
  const std::string level = scope.get("smtpd_tls_security_level");
  if (level.empty()) {
    if (scope.get_bool("smtpd_enforce_tls")) return ServerTlsLevel::kEncrypt;
    return scope.get_bool("smtpd_use_tls") ? ServerTlsLevel::kMay : ServerTlsLevel::kNone;
  }
  if (level == "none") return ServerTlsLevel::kNone;
  if (level == "may") return ServerTlsLevel::kMay;
  if (level == "fingerprint" || level == "verify" || level == "secure") {
    problems->warnings.push_back(
        fmt::format("{}smtpd_tls_security_level: unsupported level \"{}\", using \"encrypt\"",
                    scope.place_of("smtpd_tls_security_level"), level));
  } else if (level != "encrypt") {
    problems->errors.push_back(
        fmt::format("{}smtpd_tls_security_level: \"{}\" is none of none, may, encrypt",
                    scope.place_of("smtpd_tls_security_level"), level));
  }
  return ServerTlsLevel::kEncrypt;
}

std::unique_ptr<const net::TlsServerContext> server_tls_context(
    const ConfigurationScope& scope, const std::string& service, bool mandatory,
    const lookup::OpenContext& context, std::vector<std::string>* files, Problems* problems) {
  const std::string protocols = mandatory ? "smtpd_tls_mandatory_protocols" : "smtpd_tls_protocols";
  const std::string ciphers = mandatory ? "smtpd_tls_mandatory_ciphers" : "smtpd_tls_ciphers";
  std::vector<std::string> exclusions{"smtpd_tls_exclude_ciphers"};
  if (mandatory) exclusions.emplace_back("smtpd_tls_mandatory_exclude_ciphers");
  const size_t errors_before = problems->errors.size();
  net::TlsServerOptions options{
      .name = service,
      .identity = tls_identity(scope, "smtpd"),
      .versions = versions_of(scope, protocols, problems),
      .cipher_parameter = ciphers,
      .ciphers = tls_ciphers(scope, ciphers, exclusions, problems),
      .prefer_own_ciphers = scope.get_bool("tls_preempt_cipherlist"),
      .authorities = {.file_parameter = "smtpd_tls_CAfile",
                      .file = scope.get("smtpd_tls_CAfile"),
                      .directory_parameter = "smtpd_tls_CApath",
                      .directory = scope.get("smtpd_tls_CApath")},
      .verify_depth = static_cast<int>(scope.get_int("smtpd_tls_ccert_verifydepth")),
      .digest_parameter = "smtpd_tls_fingerprint_digest",
      .fingerprint_digest = scope.get("smtpd_tls_fingerprint_digest"),
      .ticket_lifetime = scope.get_time("smtpd_tls_session_cache_timeout"),
      .names = {}};
  std::vector<std::string> complaints;
  lookup::OpenContext own = context;
  own.errors = &complaints;
  options.names =
      lookup::list_entries("tls_server_sni_maps", scope.get("tls_server_sni_maps"), own);
  for (const std::string& complaint : complaints) {
    problems->errors.push_back(located(scope, complaint));
  }
  if (scope.get_bool("smtpd_tls_req_ccert")) {
    options.client_certificate = net::TlsClientCertificate::kRequire;
  } else if (scope.get_bool("smtpd_tls_ask_ccert")) {
    options.client_certificate = net::TlsClientCertificate::kAsk;
  }
  if (options.identity.empty()) {
    const std::string text = fmt::format(
        "service {}: TLS needs a certificate: set smtpd_tls_chain_files, or smtpd_tls_cert_file "
        "and "
        "smtpd_tls_key_file",
        service);
    (mandatory ? problems->errors : problems->warnings).push_back(text);
    return nullptr;
  }
  if (problems->errors.size() != errors_before) return nullptr;
  std::string error;
  std::vector<std::string> warnings;
  auto made = net::TlsServerContext::create(options, &error, &warnings);
  for (const std::string& warning : warnings) problems->warnings.push_back(located(scope, warning));
  if (made == nullptr) problems->errors.push_back(located(scope, error));
  *files = net::identity_files(options.identity);
  for (const std::string& file : {options.authorities.file, options.authorities.directory}) {
    if (!file.empty()) files->push_back(file);
  }
  for (const lookup::TableEntry& entry : options.names) {
    for (const std::string_view file : lookup::split_list(entry.value)) files->emplace_back(file);
  }
  return made;
}

std::shared_ptr<const http::ServiceTls> https(const ConfigurationScope& scope,
                                              const std::string& service,
                                              const lookup::OpenContext& context,
                                              uint16_t shards_count,
                                              std::vector<std::string>* files, Problems* problems) {
  if (!scope.get_bool("smtpd_tls_wrappermode")) return nullptr;
  auto tls = std::make_shared<http::ServiceTls>();
  tls->timeout = scope.get_time("smtpd_starttls_timeout");
  tls->handshakes_max = static_cast<uint32_t>(
      share_of(static_cast<uint64_t>(scope.get_int("smtpd_tls_handshake_limit")), shards_count));
  tls->context = server_tls_context(scope, service, /*mandatory=*/true, context, files, problems);
  return tls;
}

smtp::ServerTls server_tls(const ConfigurationScope& scope, const std::string& service,
                           const lookup::OpenContext& context, uint16_t shards_count,
                           smtp::ServerPolicy* protocol, Problems* problems) {
  const ServerTlsLevel level = server_tls_level(scope, problems);
  smtp::ServerTls tls{
      .wrapper = scope.get_bool("smtpd_tls_wrappermode"),
      .received_header = scope.get_bool("smtpd_tls_received_header"),
      .log_level = static_cast<uint32_t>(scope.get_int("smtpd_tls_loglevel")),
      .timeout = scope.get_time("smtpd_starttls_timeout"),
      .handshakes_max = static_cast<uint32_t>(share_of(
          static_cast<uint64_t>(scope.get_int("smtpd_tls_handshake_limit")), shards_count))};
  if (level == ServerTlsLevel::kNone && !tls.wrapper) return tls;
  const bool mandatory = tls.wrapper || level == ServerTlsLevel::kEncrypt;
  tls.context = server_tls_context(scope, service, mandatory, context, &tls.files, problems);
  tls.certificate_required = mandatory && scope.get_bool("smtpd_tls_req_ccert");
  protocol->tls_required = mandatory && !tls.wrapper;
  if (tls.context != nullptr && !tls.wrapper) protocol->keywords |= smtp::kKeywordStarttls;
  return tls;
}

}  // namespace barid::tools
