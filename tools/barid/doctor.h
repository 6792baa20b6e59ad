// barid doctor: what stands between this host and good delivery, one finding a check.
// Layer: tools. Blocks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/config/configuration.h"
#include "core/lookup/ip_address.h"
#include "tools/barid/command_dns.h"

namespace barid::tools {

enum class Health : uint8_t { kOk, kWarning, kFailed, kSkipped };
/// "ok", "warning", "failed", "skipped".
[[nodiscard]] std::string_view health_name(Health health) noexcept;

struct Finding {
  std::string check;    ///< "spf", "disk", …
  std::string subject;  ///< the domain, address, file or directory; or empty
  Health health = Health::kOk;
  std::string text;    ///< what was found, a sentence
  std::string advice;  ///< what to change; empty = nothing
};

struct DoctorOptions {
  std::vector<std::string> domains;          ///< beside those of the configuration
  std::vector<lookup::IpAddress> addresses;  ///< instead of this host's public ones
  std::string probe;  ///< "host[:port]" to connect to; empty = the MX of the first domain
  int64_t now = 0;    ///< Unix time
};

struct DoctorEnv {
  const config::Configuration& configuration;
  const DoctorOptions& options;
  CommandDns& dns;
  std::vector<Finding>& findings;

  void add(Finding finding) const { findings.push_back(std::move(finding)); }
};

// doctor_host.cc
void examine_host(const DoctorEnv& env);
/// Connects by TCP; empty = it works, else why not.
[[nodiscard]] std::string try_connect(const std::string& ip, uint16_t port);

// doctor_domain.cc
/// The public addresses that mail leaves from, as far as they are known.
[[nodiscard]] std::vector<lookup::IpAddress> sending_addresses(const DoctorEnv& env);
void examine_names(const DoctorEnv& env);
void examine_domains(const DoctorEnv& env);
void examine_port(const DoctorEnv& env);

/// A DMARC record's tag, e.g. "p"; empty = it has none. Pure.
[[nodiscard]] std::string dmarc_tag(std::string_view record, std::string_view name);
/// Whether an address is one that the world can reach. Pure.
[[nodiscard]] bool is_public(const lookup::IpAddress& address) noexcept;

}  // namespace barid::tools
