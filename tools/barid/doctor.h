// barid doctor: what stands between this host and good delivery, one finding a check.
// Layer: tools. Blocks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
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

// doctor_judge.cc: pure
/// `limit`: UINT64_MAX = there is none.
[[nodiscard]] Finding judge_descriptors(uint64_t limit);
/// `refusal`: why the kernel does not grant io_uring, empty = it does; `configured`: io_backend.
[[nodiscard]] Finding judge_io(std::string_view refusal, std::string_view configured);
/// Without times a synced write failed, with `error_number`.
[[nodiscard]] Finding judge_syncs(std::string directory, std::span<const int64_t> sorted_micros,
                                  int error_number);
[[nodiscard]] Finding judge_space(std::string directory, uint64_t free_bytes,
                                  uint64_t wanted_bytes);
[[nodiscard]] Finding judge_clock(bool synchronised);
[[nodiscard]] Finding judge_certificate(std::string path, std::string_view pem, int64_t now);

// doctor_domain.cc
/// The public addresses that mail leaves from, as far as they are known.
[[nodiscard]] std::vector<lookup::IpAddress> sending_addresses(const DoctorEnv& env);
void examine_names(const DoctorEnv& env);
void examine_domains(const DoctorEnv& env);
void examine_port(const DoctorEnv& env);

/// A DMARC record's tag, e.g. "p"; empty = it has none. Pure.
[[nodiscard]] std::string dmarc_tag(std::string_view record, std::string_view name);
/// Whether a signature's d= vouches for a From domain (RFC 7489 3.1.1). `organisation`: where the
/// DMARC record is, the From domain or one above it. Pure.
[[nodiscard]] bool is_aligned(std::string_view from, std::string_view signer,
                              std::string_view organisation, bool strict) noexcept;
/// Whether an address is one that the world can reach. Pure.
[[nodiscard]] bool is_public(const lookup::IpAddress& address) noexcept;

}  // namespace barid::tools
