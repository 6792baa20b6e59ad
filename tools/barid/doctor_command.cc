// barid doctor: what stands between this host and good delivery.
#include <fmt/format.h>
#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <ctime>

#include "core/config/listing.h"
#include "core/text/json.h"
#include "tools/barid/command_line.h"
#include "tools/barid/commands.h"
#include "tools/barid/control_client.h"
#include "tools/barid/doctor.h"
#include "tools/barid/settings_parts.h"

namespace barid::tools {
namespace {

constexpr const char* kFooter =
    R"(checks: limits, io_uring, disk, space, clock, certificate; helo, ptr; for each domain that is signed
(and --domain): spf, dkim, dmarc, mx, mta-sts, mta-sts-policy; port
examples:
  barid doctor
  barid doctor --json --address 192.0.2.25 --domain example.com --probe mx.example.net
exit status: 0 nothing failed (there may be warnings); 64 bad usage; 69 something failed;
  78 configuration)";

void print(const Finding& finding, bool json) {
  if (json) {
    using text::json_string;
    fmt::print(
        "{{\"check\": {}, \"subject\": {}, \"status\": \"{}\", \"text\": {}, \"advice\": {}}}\n",
        json_string(finding.check), json_string(finding.subject), health_name(finding.health),
        json_string(finding.text), json_string(finding.advice));
    return;
  }
  fmt::print("{:<8} {:<11} {}{}{}\n", health_name(finding.health), finding.check, finding.subject,
             finding.subject.empty() ? "" : ": ", finding.text);
  if (!finding.advice.empty()) fmt::print("{:<20} {}\n", "", finding.advice);
}

}  // namespace

std::string_view health_name(Health health) noexcept {
  constexpr std::string_view kNames[] = {"ok", "warning", "failed", "skipped"};
  return kNames[static_cast<size_t>(health)];
}

int run_doctor_command(std::span<const char* const> arguments, std::string_view name) {
  CLI::App app("Checks this host and each domain that it signs for; says what to change.",
               std::string(name));
  std::string directory;
  std::vector<std::string> addresses;
  DoctorOptions options;
  bool json = false;
  app.add_option("-c,--config", directory, "directory of main.cf ($MAIL_CONFIG, /etc/barid)");
  app.add_option("--domain", options.domains, "a further From domain (may be repeated)");
  app.add_option("--address", addresses,
                 "the address that the world sees mail come from (may be repeated)");
  app.add_option("--probe", options.probe, "HOST[:PORT] to connect to, instead of a domain's MX");
  app.add_flag("--json", json, "one object a finding");
  app.footer(kFooter);
  if (const std::optional<int> ended = read_command_line(app, arguments)) return *ended;
  for (const std::string& text : addresses) {
    const auto address = lookup::IpAddress::parse(text);
    if (!address) {
      fmt::print(stderr, "{}: fatal: --address: \"{}\" is not an address\n", name, text);
      return EX_USAGE;
    }
    options.addresses.push_back(*address);
  }
  const config::LoadResult loaded = load_client_configuration(directory, true);
  for (const config::Diagnostic& error : loaded.diagnostics.errors) {
    fmt::print(stderr, "{}: fatal: {}\n", name, error.str());
  }
  if (!loaded.ok()) return EX_CONFIG;
  Problems problems;
  CommandDns dns(dns_options(*loaded.configuration, &problems));
  if (!dns.problem().empty()) problems.errors.push_back(dns.problem());
  for (const std::string& error : problems.errors) {
    fmt::print(stderr, "{}: fatal: {}\n", name, error);
  }
  if (!problems.errors.empty()) return EX_CONFIG;
  options.now = static_cast<int64_t>(std::time(nullptr));
  std::vector<Finding> findings;
  const DoctorEnv env{
      .configuration = *loaded.configuration, .options = options, .dns = dns, .findings = findings};
  size_t shown = 0;
  int status = 0;
  for (const auto examine : {examine_host, examine_names, examine_domains, examine_port}) {
    examine(env);
    for (; shown < findings.size(); ++shown) {
      print(findings[shown], json);
      if (findings[shown].health == Health::kFailed) status = EX_UNAVAILABLE;
    }
  }
  return status;
}

}  // namespace barid::tools
