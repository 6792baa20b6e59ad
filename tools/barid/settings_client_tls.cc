// TLS of delivery transports.
#include <fmt/format.h>

#include "core/lookup/files.h"
#include "shard/net/tls_trust_anchors.h"
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
      .authorities = {.file_parameter = prefix + "_tls_CAfile",
                      .file = scope.get(prefix + "_tls_CAfile"),
                      .directory_parameter = prefix + "_tls_CApath",
                      .directory = scope.get(prefix + "_tls_CApath"),
                      .system = scope.get_bool("tls_append_default_CA")},
      .verify_depth = static_cast<int>(scope.get_int(prefix + "_tls_scert_verifydepth")),
      .digest_parameter = prefix + "_tls_fingerprint_digest",
      .fingerprint_digest = scope.get(prefix + "_tls_fingerprint_digest"),
      .wildcards = scope.get_bool("tls_wildcard_matches_multiple_labels")
                       ? net::Wildcards::kManyLabels
                       : net::Wildcards::kOneLabel,
      .session_lifetime = scope.get_time(prefix + "_tls_session_cache_timeout")};
  std::string error;
  std::vector<std::string> warnings;
  tls->context = net::TlsClientContext::create(options, &error, &warnings);
  for (const std::string& warning : warnings) problems->warnings.push_back(located(scope, warning));
  if (!error.empty()) problems->errors.push_back(located(scope, error));
  net::TlsClientOptions sts = options;
  sts.authorities = {.file_parameter = "mta_sts_CAfile", .file = scope.get("mta_sts_CAfile")};
  sts.authorities.system = sts.authorities.file.empty();
  sts.wildcards = net::Wildcards::kOneLabel;  // RFC 8461 4.1
  warnings.clear();
  tls->sts_context = net::TlsClientContext::create(sts, &error, &warnings);
  if (!error.empty()) problems->errors.push_back(located(scope, error));
  tls->files = net::identity_files(options.identity);
  for (const std::string& file :
       {options.authorities.file, options.authorities.directory, sts.authorities.file}) {
    if (!file.empty()) tls->files.push_back(file);
  }
}

/// Reads the trust anchors of a file that has not been read yet.
void read_anchors(const std::string& file, const std::string& place,
                  const lookup::OpenContext& context, smtp::TlsPolicyRules* rules,
                  Problems* problems) {
  if (rules->anchors.contains(file)) return;
  const Result<std::string> text = context.read_file(file);
  net::TrustAnchors read;
  if (text.ok()) {
    read = net::parse_trust_anchors(*text);
    if (!read.problem.empty()) read.problem = fmt::format("{}: {}", file, read.problem);
  } else {
    read.problem = lookup::open_failure(file, text.error());
  }
  if (!read.problem.empty()) problems->errors.push_back(place + read.problem);
  rules->anchors.emplace(file, std::move(read.anchors));
}

/// Checks every policy of the tables that can be listed, and reads the trust anchors that they and
/// main.cf name.
void read_policies(const ConfigurationScope& scope, const std::string& prefix,
                   const lookup::OpenContext& context, smtp::TlsPolicyRules* rules,
                   Problems* problems) {
  const std::string anchors = prefix + "_tls_trust_anchor_file";
  rules->anchor_files = scope.get_list(anchors);
  for (const std::string& file : rules->anchor_files) {
    read_anchors(file, fmt::format("{}{}: ", scope.place_of(anchors), anchors), context, rules,
                 problems);
  }
  const std::string maps = prefix + "_tls_policy_maps";
  for (const std::string& spec : scope.get_list(maps)) {
    const auto table = lookup::open_table(spec, {.read_file = context.read_file});
    static_cast<void>(table->for_each_entry([&](std::string_view key, std::string_view value) {
      const std::string place =
          fmt::format("{}{}: {}: {}: ", scope.place_of(maps), maps, table->name(), key);
      for (const std::string& file : smtp::anchor_files_in(value)) {
        read_anchors(file, place, context, rules, problems);
      }
      const smtp::FoundTlsPolicy policy = smtp::parse_tls_policy(value, *rules);
      if (!policy.error.empty()) problems->errors.push_back(place + policy.error);
    }));
  }
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
  read_policies(scope, prefix, context, &tls.rules, problems);
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
  tls.backoff = configuration.get_time("minimal_backoff_time");
  if (problems->errors.size() == errors_before) make_context(scope, prefix, &tls, problems);
  for (const auto& [file, anchors] : tls.rules.anchors) tls.files.push_back(file);
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
