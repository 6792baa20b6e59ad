// barid doctor: what DNS says about us. HELO and PTR, SPF, DKIM, DMARC, MTA-STS, the way out.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "core/lookup/files.h"
#include "core/lookup/split.h"
#include "core/mail/dkim_record.h"
#include "core/text/ascii.h"
#include "dns/destination.h"
#include "dns/name.h"
#include "policy/dkim_keys.h"
#include "tools/barid/dkim_check.h"
#include "tools/barid/doctor.h"
#include "tools/barid/settings_parts.h"
#include "tools/barid/spf_check.h"
#include "tools/barid/sts_store.h"

namespace barid::tools {
namespace {

using dns::RecordType;

constexpr size_t kDomainsMax = 200;

constexpr std::string_view kSilenceAdvice =
    "find out why DNS does not answer (dns_forwarders, /etc/resolv.conf), then look again";

/// An answer that says neither yes nor no is no reason to publish anything. Empty: it says so.
std::string silence_of(const dns::Answer& answer) {
  if (!dns::is_temporary(answer.status)) return {};
  return fmt::format("DNS does not tell: {}", dns::answer_status_name(answer.status));
}

std::string reverse_name(const lookup::IpAddress& address) {
  std::string name;
  if (!address.is_v6) {
    for (unsigned shift = 0; shift < 32; shift += 8) {
      name += fmt::format("{}.", (address.low >> shift) & 255);
    }
    return name + "in-addr.arpa";
  }
  for (const uint64_t half : {address.low, address.high}) {
    for (unsigned shift = 0; shift < 64; shift += 4)
      name += fmt::format("{:x}.", (half >> shift) & 15);
  }
  return name + "ip6.arpa";
}

bool has_address(const DoctorEnv& env, const std::string& name, const lookup::IpAddress& address) {
  const dns::Answer answer =
      env.dns.query(name, address.is_v6 ? RecordType::kAaaa : RecordType::kA);
  return std::any_of(answer.addresses.begin(), answer.addresses.end(), [&](const auto& found) {
    const auto ip = lookup::IpAddress::parse(found.ip_text());
    return ip && *ip == address;
  });
}

void examine_reverse(const DoctorEnv& env, const lookup::IpAddress& address) {
  const std::string helo = env.configuration.get("smtp_helo_name");
  Finding finding{.check = "ptr",
                  .subject = address.text(),
                  .health = Health::kFailed,
                  .text = {},
                  .advice = {}};
  finding.advice = fmt::format("let the PTR record of {} be {}, and {} have that address",
                               address.text(), helo, helo);
  const dns::Answer answer = env.dns.query(reverse_name(address), RecordType::kPtr);
  if (std::string silence = silence_of(answer); !silence.empty()) {
    finding.text = std::move(silence);
    finding.advice = kSilenceAdvice;
  } else if (answer.names.empty()) {
    finding.text = fmt::format("it has no PTR record ({})", dns::answer_status_name(answer.status));
  } else if (std::none_of(answer.names.begin(), answer.names.end(), [&](const std::string& name) {
               return text::equals_ignore_case(dns::normalise_name(name), helo);
             })) {
    finding.text =
        fmt::format("its PTR record says {}, we say HELO {}", answer.names.front(), helo);
    finding.health =
        has_address(env, answer.names.front(), address) ? Health::kWarning : Health::kFailed;
  } else if (!has_address(env, helo, address)) {
    finding.text = fmt::format("its PTR record says {}, which has not that address", helo);
  } else {
    finding = {.check = "ptr",
               .subject = address.text(),
               .health = Health::kOk,
               .text = fmt::format("PTR, HELO and address agree: {}", helo),
               .advice = {}};
  }
  env.add(std::move(finding));
}

/// The From domains that mail of ours has, and the rules that sign it.
std::map<std::string, std::vector<policy::DkimRule>> domains_of(const DoctorEnv& env) {
  std::map<std::string, std::vector<policy::DkimRule>> domains;
  std::vector<std::string> ignored;
  const lookup::OpenContext context{
      .read_file = lookup::read_whole_file, .warnings = &ignored, .errors = &ignored};
  const policy::DkimDefaults defaults = dkim_defaults(env.configuration, context);
  for (const lookup::TableEntry& entry : lookup::list_entries(
           "dkim_signing_maps", env.configuration.get("dkim_signing_maps"), context)) {
    std::string error;
    for (policy::DkimRule& rule : policy::parse_dkim_rules(entry.value, defaults, &error)) {
      std::string from = entry.key == "*" ? rule.domain : dns::normalise_name(entry.key);
      if (from.starts_with('.')) from.erase(0, 1);
      if (from.empty() || domains.size() >= kDomainsMax) continue;
      if (rule.domain.empty()) rule.domain = from;
      std::vector<policy::DkimRule>& known = domains[from];
      if (std::find(known.begin(), known.end(), rule) == known.end()) {
        known.push_back(std::move(rule));
      }
    }
  }
  for (const std::string& domain : env.options.domains) domains[dns::normalise_name(domain)];
  const std::string origin = env.configuration.get("myorigin");
  if (domains.empty() && dns::is_host_name(origin)) domains[dns::normalise_name(origin)];
  return domains;
}

void examine_spf(const DoctorEnv& env, const std::string& domain) {
  const auto ask = [&](const std::string& name, RecordType type) {
    return env.dns.query(name, type);
  };
  const std::vector<lookup::IpAddress> addresses = sending_addresses(env);
  if (addresses.empty()) {
    env.add({.check = "spf",
             .subject = domain,
             .health = Health::kSkipped,
             .text = "no public address is known",
             .advice = "name one with --address"});
  }
  for (const lookup::IpAddress& address : addresses) {
    const SpfVerdict verdict = check_spf(domain, address, ask);
    Finding finding{
        .check = "spf", .subject = domain, .health = Health::kOk, .text = {}, .advice = {}};
    finding.text = fmt::format("{} for {}{}{}", spf_result_name(verdict.result), address.text(),
                               verdict.record.empty() ? "" : ": " + verdict.record,
                               verdict.problem.empty() ? "" : ": " + verdict.problem);
    if (verdict.result != SpfResult::kPass) {
      finding.health = Health::kFailed;
      finding.advice = verdict.result == SpfResult::kTemporary ? std::string(kSilenceAdvice)
                       : verdict.result == SpfResult::kNone
                           ? fmt::format("publish the TXT record \"v=spf1 {}:{} -all\"",
                                         address.is_v6 ? "ip6" : "ip4", address.text())
                           : fmt::format("let the SPF record include {}:{}",
                                         address.is_v6 ? "ip6" : "ip4", address.text());
    }
    env.add(std::move(finding));
  }
}

void examine_dkim(const DoctorEnv& env, const std::string& domain,
                  const std::vector<policy::DkimRule>& rules) {
  if (rules.empty()) {
    env.add(
        {.check = "dkim",
         .subject = domain,
         .health = Health::kWarning,
         .text = "mail of this domain is not signed",
         .advice = fmt::format("barid dkim new --domain {} --selector … --directory …", domain)});
  }
  for (const policy::DkimRule& rule : rules) {
    const std::string name = dkim::key_record_name(rule.selector, rule.domain);
    Finding finding{
        .check = "dkim", .subject = name, .health = Health::kFailed, .text = {}, .advice = {}};
    const policy::DkimKey key = policy::load_dkim_key(rule.key_path);
    if (!key.key) {
      finding.text = key.problem;
      finding.advice = "without its key, mail of the domain waits";
    } else {
      const dns::Answer answer = env.dns.query(name, RecordType::kTxt);
      const DkimVerdict verdict = judge_dkim_record(*key.key, rule, answer);
      finding.text = verdict.text;
      if (verdict.good) finding.health = verdict.warning ? Health::kWarning : Health::kOk;
      if (!verdict.good) {
        finding.advice = silence_of(answer).empty()
                             ? "publish: " + dkim::zone_line(name, key_record(*key.key))
                             : std::string(kSilenceAdvice);
      }
    }
    env.add(std::move(finding));
  }
}

/// The record of the domain, or of the nearest one above it that has one. `*silence`: DNS did not
/// tell of one of them.
std::string find_dmarc(const DoctorEnv& env, std::string domain, std::string* at,
                       std::string* silence) {
  for (int i = 0; i < 5 && domain.find('.') != std::string::npos; ++i) {
    const dns::Answer answer = env.dns.query("_dmarc." + domain, RecordType::kTxt);
    if (silence->empty()) *silence = silence_of(answer);
    for (const std::string& text : answer.texts) {
      if (!text::starts_with_ignore_case(text, "v=DMARC1")) continue;
      *at = domain;
      return text;
    }
    domain.erase(0, domain.find('.') + 1);
  }
  return {};
}

/// Empty if a signature of these rules is aligned, or there is none.
std::string alignment_problem(const std::string& domain, const std::vector<policy::DkimRule>& rules,
                              std::string_view record, std::string_view at) {
  const bool strict = dmarc_tag(record, "adkim") == "s";
  const bool aligned = std::any_of(rules.begin(), rules.end(), [&](const policy::DkimRule& rule) {
    return is_aligned(domain, rule.domain, at, strict);
  });
  if (rules.empty() || aligned) return {};
  return fmt::format("no signature is aligned{}: d={}", strict ? " as adkim=s wants it" : "",
                     rules.front().domain);
}

void examine_dmarc(const DoctorEnv& env, const std::string& domain,
                   const std::vector<policy::DkimRule>& rules) {
  std::string at;
  std::string silence;
  const std::string record = find_dmarc(env, domain, &at, &silence);
  Finding finding{
      .check = "dmarc", .subject = domain, .health = Health::kOk, .text = {}, .advice = {}};
  if (record.empty()) {
    finding.health = Health::kFailed;
    finding.text = silence.empty() ? "there is no DMARC record" : silence;
    finding.advice =
        silence.empty()
            ? fmt::format("publish _dmarc.{}. IN TXT \"v=DMARC1; p=none; rua=mailto:…\"", domain)
            : std::string(kSilenceAdvice);
    env.add(std::move(finding));
    return;
  }
  const std::string policy = dmarc_tag(record, "p");
  finding.text = fmt::format("{} (at _dmarc.{})", record, at);
  if (policy != "none" && policy != "quarantine" && policy != "reject") {
    finding.health = Health::kFailed;
    finding.advice = "its p= must be none, quarantine or reject";
  } else if (const std::string problem = alignment_problem(domain, rules, record, at);
             !problem.empty()) {
    finding.health = Health::kFailed;
    finding.text += "; " + problem;
    finding.advice = "sign with d= the From domain: leave domain= out of its rule";
  } else if (policy == "none") {
    finding.health = Health::kWarning;
    finding.advice = "once the reports are clean, go on to p=quarantine or p=reject";
  }
  env.add(std::move(finding));
}

/// The policy behind the record, as senders fetch it: it must name every mail host.
void examine_sts_policy(const DoctorEnv& env, const std::string& domain,
                        const std::vector<dns::MxRecord>& mx) {
  Finding finding{.check = "mta-sts-policy",
                  .subject = domain,
                  .health = Health::kFailed,
                  .text = "",
                  .advice = "senders that knew an older policy keep it; others send without one"};
  std::vector<std::string> addresses;
  for (const RecordType type : {RecordType::kA, RecordType::kAaaa}) {
    const dns::Answer answer = env.dns.query("mta-sts." + domain, type);
    for (const net::SocketAddress& address : answer.addresses) {
      addresses.push_back(address.ip_text());
    }
  }
  StsStore store{std::string()};
  store.set_settings({.ca_file = env.configuration.get("mta_sts_CAfile"),
                      .port = static_cast<uint16_t>(env.configuration.get_int("mta_sts_port"))});
  smtp::FetchedStsPolicy fetched{.text = {}, .error = "mta-sts." + domain + " has no address"};
  if (!addresses.empty()) fetched = store.fetch(domain, addresses);
  const dns::ParsedStsPolicy parsed = dns::parse_sts_policy(fetched.text);
  if (!fetched.error.empty() || !parsed.error.empty()) {
    finding.text =
        "its policy cannot be used: " + (fetched.error.empty() ? parsed.error : fetched.error);
    return env.add(std::move(finding));
  }
  for (const dns::MxRecord& one : mx) {
    if (parsed.policy.mode == dns::StsMode::kNone || sts_allows(parsed.policy, one.host)) continue;
    finding.text = "its policy does not name the mail host " + one.host;
    finding.advice = "add the line \"mx: " + one.host + "\" and change the record's id";
    return env.add(std::move(finding));
  }
  const bool enforced = parsed.policy.mode == dns::StsMode::kEnforce;
  finding.health = enforced ? Health::kOk : Health::kWarning;
  finding.text = enforced ? "its policy is enforced" : "its policy is not enforced";
  finding.advice = enforced ? "" : "once reports (TLS-RPT) are clean, go on to mode: enforce";
  env.add(std::move(finding));
}

void examine_mail_hosts(const DoctorEnv& env, const std::string& domain) {
  const dns::Answer mx = env.dns.query(domain, RecordType::kMx);
  if (std::string silence = silence_of(mx); !silence.empty()) {
    return env.add({.check = "mx",
                    .subject = domain,
                    .health = Health::kFailed,
                    .text = std::move(silence),
                    .advice = std::string(kSilenceAdvice)});
  }
  const bool receives = !mx.mx.empty() && !mx.mx.front().host.empty();
  env.add({.check = "mx",
           .subject = domain,
           .health = receives ? Health::kOk : Health::kWarning,
           .text = receives ? "its mail goes to " + mx.mx.front().host : "it has no MX record",
           .advice = receives ? "" : "without, replies and bounces find no way back"});
  if (!receives) return;
  const dns::Answer sts = env.dns.query("_mta-sts." + domain, RecordType::kTxt);
  if (std::string silence = silence_of(sts); !silence.empty()) {
    return env.add({.check = "mta-sts",
                    .subject = domain,
                    .health = Health::kFailed,
                    .text = std::move(silence),
                    .advice = std::string(kSilenceAdvice)});
  }
  size_t count = 0;
  for (const std::string& text : sts.texts) count += text.starts_with("v=STSv1") ? 1 : 0;
  env.add({.check = "mta-sts",
           .subject = domain,
           .health = count == 1   ? Health::kOk
                     : count == 0 ? Health::kSkipped
                                  : Health::kFailed,
           .text = count == 1   ? "it has an MTA-STS record"
                   : count == 0 ? "it has no MTA-STS record"
                                : "it has several MTA-STS records, which count as none",
           .advice = count == 1 ? "" : "one TXT record at _mta-sts protects mail to the domain"});
  if (count == 1) examine_sts_policy(env, domain, mx.mx);
}

}  // namespace

std::string dmarc_tag(std::string_view record, std::string_view name) {
  while (!record.empty()) {
    const size_t end = std::min(record.find(';'), record.size());
    const std::string_view item = text::trim(record.substr(0, end));
    record.remove_prefix(std::min(end + 1, record.size()));
    const size_t equals = std::min(item.find('='), item.size());
    if (!text::equals_ignore_case(text::trim(item.substr(0, equals)), name)) continue;
    return lookup::lower(text::trim(item.substr(std::min(equals + 1, item.size()))));
  }
  return {};
}

bool is_aligned(std::string_view from, std::string_view signer, std::string_view organisation,
                bool strict) noexcept {
  if (text::equals_ignore_case(from, signer)) return true;
  const auto is_below = [](std::string_view name, std::string_view parent) {
    return name.size() > parent.size() && name[name.size() - parent.size() - 1] == '.' &&
           text::equals_ignore_case(name.substr(name.size() - parent.size()), parent);
  };
  if (strict) return false;
  return is_below(from, signer) || is_below(signer, organisation) ||
         text::equals_ignore_case(signer, organisation);
}

bool is_public(const lookup::IpAddress& address) noexcept {
  static constexpr std::array kPrivate = {
      "0.0.0.0/8",     "10.0.0.0/8",     "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
      "172.16.0.0/12", "192.168.0.0/16", "[::]/127",      "[fc00::]/7",  "[fe80::]/10"};
  return std::none_of(kPrivate.begin(), kPrivate.end(), [&](const char* text) {
    return lookup::parse_network(text).network->contains(address);
  });
}

std::vector<lookup::IpAddress> sending_addresses(const DoctorEnv& env) {
  if (!env.options.addresses.empty()) return env.options.addresses;
  std::vector<lookup::IpAddress> addresses;
  const auto add = [&](const lookup::IpAddress& address) {
    const bool known = std::find(addresses.begin(), addresses.end(), address) != addresses.end();
    if (is_public(address) && !known) addresses.push_back(address);
  };
  for (const char* name : {"smtp_bind_address", "smtp_bind_address6"}) {
    if (const auto ip = lookup::IpAddress::parse(env.configuration.get(name))) add(*ip);
  }
  std::vector<std::string> ignored;
  const lookup::OpenContext context{
      .read_file = lookup::read_whole_file, .warnings = &ignored, .errors = &ignored};
  for (const auto& pool : lookup::list_entries(
           "egress_pool_maps", env.configuration.get("egress_pool_maps"), context)) {
    for (const std::string_view item : lookup::split_list(pool.value)) {
      if (const auto ip = lookup::IpAddress::parse(item.substr(0, item.find('=')))) add(*ip);
    }
  }
  if (addresses.empty()) {
    for (const lookup::IpAddress& own : env.configuration.own_addresses()) add(own);
  }
  return addresses;
}

void examine_names(const DoctorEnv& env) {
  const std::string helo = env.configuration.get("smtp_helo_name");
  const bool full = dns::is_host_name(helo) && helo.find('.') != std::string::npos;
  bool found = false;
  std::string silence;
  for (const RecordType type : {RecordType::kA, RecordType::kAaaa}) {
    if (!full || found) break;
    const dns::Answer answer = env.dns.query(helo, type);
    found = answer.status == dns::AnswerStatus::kOk;
    if (silence.empty()) silence = silence_of(answer);
  }
  env.add({.check = "helo",
           .subject = helo,
           .health = found ? Health::kOk : Health::kFailed,
           .text = !full             ? "it is no fully qualified host name"
                   : found           ? "DNS has an address of it"
                   : silence.empty() ? "DNS has no address of it"
                                     : silence,
           .advice = found ? std::string()
                     : silence.empty()
                         ? "set myhostname to the name that DNS and PTR have for this host"
                         : std::string(kSilenceAdvice)});
  const std::vector<lookup::IpAddress> addresses = sending_addresses(env);
  if (addresses.empty()) {
    env.add({.check = "ptr",
             .subject = {},
             .health = Health::kSkipped,
             .text = "this host has no public address of its own",
             .advice = "name the one that the world sees with --address"});
  }
  for (const lookup::IpAddress& address : addresses) examine_reverse(env, address);
}

void examine_domains(const DoctorEnv& env) {
  for (const auto& [domain, rules] : domains_of(env)) {
    examine_spf(env, domain);
    examine_dkim(env, domain, rules);
    examine_dmarc(env, domain, rules);
    examine_mail_hosts(env, domain);
  }
}

/// The way out: providers like to close port 25.
void examine_port(const DoctorEnv& env) {
  std::string host = env.options.probe;
  uint16_t port = 25;
  if (host.empty()) {
    const auto domains = domains_of(env);
    if (!domains.empty()) {
      const dns::Answer mx = env.dns.query(domains.begin()->first, RecordType::kMx);
      if (!mx.mx.empty()) host = mx.mx.front().host;
    }
  } else if (const size_t colon = host.rfind(':'); colon != std::string::npos) {
    port = dns::parse_port(host.substr(colon + 1)).value_or(25);
    host.resize(colon);
  }
  Finding finding{
      .check = "port", .subject = host, .health = Health::kSkipped, .text = {}, .advice = {}};
  std::string ip = lookup::IpAddress::parse(host) ? host : std::string();
  if (ip.empty() && !host.empty()) {
    const dns::Answer answer = env.dns.query(host, RecordType::kA);
    if (!answer.addresses.empty()) ip = answer.addresses.front().ip_text();
  }
  if (ip.empty()) {
    finding.text = "no mail host to connect to is known";
    finding.advice = "name one with --probe HOST[:PORT]";
  } else if (const std::string problem = try_connect(ip, port); !problem.empty()) {
    finding.health = Health::kFailed;
    finding.text = fmt::format("cannot connect to {}:{}: {}", ip, port, problem);
    finding.advice = "ask the provider to open outgoing port 25, or use a relayhost on 587";
  } else {
    finding.health = Health::kOk;
    finding.text = fmt::format("a connection to {}:{} opens", ip, port);
  }
  env.add(std::move(finding));
}

}  // namespace barid::tools
