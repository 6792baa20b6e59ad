// TLS of delivery transports.
#include <fmt/format.h>

#include "tools/barid/settings_parts.h"

namespace barid::tools {
namespace {

smtp::TlsLevel client_level(const ConfigurationScope& scope, const std::string& prefix,
                            Problems* problems) {
  const std::string name = prefix + "_tls_security_level";
  const std::string text = scope.get(name);
  if (text.empty()) {  // the old form
    if (scope.get_bool(prefix + "_enforce_tls")) {
      return scope.get_bool(prefix + "_tls_enforce_peername") ? smtp::TlsLevel::kVerify
                                                              : smtp::TlsLevel::kEncrypt;
    }
    return scope.get_bool(prefix + "_use_tls") ? smtp::TlsLevel::kMay : smtp::TlsLevel::kNone;
  }
  const std::optional<smtp::TlsLevel> level = smtp::parse_tls_level(text);
  if (level) return *level;
  problems->errors.push_back(fmt::format(
      "{}{}: \"{}\" is none of none, may, encrypt, dane, dane-only, fingerprint, verify, "
      "secure",
      scope.place_of(name), name, text));
  return smtp::TlsLevel::kNone;
}

std::vector<std::string> names_in(std::string_view list, std::string_view separators) {
  std::vector<std::string> names;
  while (!list.empty()) {
    list.remove_prefix(std::min(list.find_first_not_of(separators), list.size()));
    const size_t length = std::min(list.find_first_of(separators), list.size());
    if (length > 0) names.emplace_back(list.substr(0, length));
    list.remove_prefix(length);
  }
  return names;
}

std::string exclusions(const ConfigurationScope& scope, const std::string& name) {
  std::string list;
  for (const std::string& cipher : scope.get_list(name)) list += ":!" + cipher;
  return list;
}

smtp::InsecureMx insecure_mx(const ConfigurationScope& scope, const std::string& name,
                             Problems* problems) {
  const std::string value = scope.get(name);
  if (value == "may") return smtp::InsecureMx::kMay;
  if (value == "encrypt") return smtp::InsecureMx::kEncrypt;
  if (value != "dane" && !value.empty()) {
    problems->errors.push_back(fmt::format("{}{}: \"{}\" is none of may, encrypt, dane",
                                           scope.place_of(name), name, value));
  }
  return smtp::InsecureMx::kDane;
}

/// The certificates and authorities that all connections of the transport share.
void make_context(const ConfigurationScope& scope, const std::string& prefix, smtp::ClientTls* tls,
                  Problems* problems) {
  const net::TlsClientOptions options{
      .identity = tls_identity(scope, prefix),
      .versions = tls->mandatory_versions,
      .cipher_parameter = prefix + "_tls_mandatory_ciphers",
      .ciphers =
          tls->ciphers.find(tls->mandatory_grade)->second + tls->excluded + tls->mandatory_excluded,
      .ca_parameter = prefix + "_tls_CAfile",
      .ca_file = scope.get(prefix + "_tls_CAfile"),
      .ca_directory_parameter = prefix + "_tls_CApath",
      .ca_directory = scope.get(prefix + "_tls_CApath"),
      .system_authorities = scope.get_bool("tls_append_default_CA"),
      .verify_depth = static_cast<int>(scope.get_int(prefix + "_tls_scert_verifydepth")),
      .digest_parameter = prefix + "_tls_fingerprint_digest",
      .fingerprint_digest = scope.get(prefix + "_tls_fingerprint_digest"),
      .wildcards = scope.get_bool("tls_wildcard_matches_multiple_labels")
                       ? net::Wildcards::kManyLabels
                       : net::Wildcards::kOneLabel,
      .resume = scope.get_time(prefix + "_tls_session_cache_timeout") > std::chrono::seconds(0)};
  std::string error;
  std::vector<std::string> warnings;
  tls->context = net::TlsClientContext::create(options, &error, &warnings);
  for (const std::string& warning : warnings) problems->warnings.push_back(located(scope, warning));
  if (!error.empty()) problems->errors.push_back(located(scope, error));
  net::TlsClientOptions sts = options;
  sts.ca_parameter = "mta_sts_CAfile";
  sts.ca_file = scope.get("mta_sts_CAfile");
  sts.ca_directory.clear();
  sts.system_authorities = sts.ca_file.empty();
  sts.wildcards = net::Wildcards::kOneLabel;  // RFC 8461 4.1
  warnings.clear();
  tls->sts_context = net::TlsClientContext::create(sts, &error, &warnings);
  if (!error.empty()) problems->errors.push_back(located(scope, error));
  tls->files = net::identity_files(options.identity);
  if (!options.ca_file.empty()) tls->files.push_back(options.ca_file);
}

}  // namespace

smtp::ClientTls client_tls(const config::Configuration& configuration,
                           const ConfigurationScope& scope, const std::string& prefix,
                           const lookup::OpenContext& context, Problems* problems) {
  const auto name = [&prefix](std::string_view rest) {
    return fmt::format("{}_tls_{}", prefix, rest);
  };
  smtp::ClientTls tls;
  tls.rules.level = client_level(scope, prefix, problems);
  tls.rules.maps = lookup::TableList(name("policy_maps"), scope.get(name("policy_maps")), context);
  tls.rules.verify_match = names_in(scope.get(name("verify_cert_match")), " \t,:");
  tls.rules.secure_match = names_in(scope.get(name("secure_cert_match")), " \t,:");
  tls.rules.fingerprints = names_in(scope.get(name("fingerprint_cert_match")), " \t,|");
  tls.rules.server_name = scope.get(name("servername"));
  if (tls.rules.level == smtp::TlsLevel::kFingerprint && tls.rules.fingerprints.empty() &&
      tls.rules.maps.empty()) {
    problems->errors.push_back(fmt::format("{}{}: level fingerprint needs {}",
                                           scope.place_of(name("security_level")),
                                           name("security_level"), name("fingerprint_cert_match")));
  }
  tls.versions = versions_of(scope, name("protocols"), problems);
  tls.mandatory_versions = versions_of(scope, name("mandatory_protocols"), problems);
  for (const std::string_view grade : {"high", "medium", "null"}) {
    tls.ciphers.emplace(grade, scope.get(fmt::format("tls_{}_cipherlist", grade)));
  }
  for (const std::string_view old : {"low", "export"}) {
    tls.ciphers.emplace(old, scope.get("tls_medium_cipherlist"));
  }
  tls.excluded = exclusions(scope, name("exclude_ciphers"));
  tls.mandatory_excluded = exclusions(scope, name("mandatory_exclude_ciphers"));
  const size_t errors_before = problems->errors.size();
  for (const std::string_view grade : {"ciphers", "mandatory_ciphers"}) {
    static_cast<void>(tls_ciphers(scope, name(grade), {}, problems));  // complains
  }
  tls.grade = scope.get(name("ciphers"));
  tls.mandatory_grade = scope.get(name("mandatory_ciphers"));
  tls.mta_sts = prefix == "smtp" && scope.get_bool("smtp_mta_sts_enable") &&
                !scope.get_bool("disable_dns_lookups") &&
                scope.get("smtp_dns_support_level") != "disabled";
  tls.insecure_mx = insecure_mx(scope, name("dane_insecure_mx_policy"), problems);
  tls.report = prefix == "smtp" && scope.get_bool("smtp_tlsrpt_enable");
  tls.report_resumed = !scope.get_bool("smtp_tlsrpt_skip_reused_handshakes");
  tls.wrapper = scope.get_bool(name("wrappermode"));
  tls.note_offer = scope.get_bool(name("note_starttls_offer"));
  tls.log_level = static_cast<uint32_t>(scope.get_int(name("loglevel")));
  tls.timeout = scope.get_time(prefix + "_starttls_timeout");
  tls.plaintext_after = configuration.get_time("minimal_backoff_time");
  if (problems->errors.size() == errors_before) make_context(scope, prefix, &tls, problems);
  return tls;
}

TlsReportSettings tls_report_settings(const config::Configuration& configuration,
                                      Problems* problems) {
  return {.host_name = configuration.get("myhostname"),
          .sender = configuration.get("tlsrpt_sender"),
          .organization = configuration.get("tlsrpt_organization_name"),
          .contact = configuration.get("tlsrpt_contact_info"),
          .ca_file = configuration.get("tlsrpt_CAfile"),
          .user_agent = configuration.get("mail_name"),
          .send_delay = configuration.get_time("tlsrpt_send_delay"),
          .https_policy = webhook_policy(configuration, problems)};
}

}  // namespace barid::tools
