// master.cf: the services, one logical line each, eight columns and `-o` overrides.
// Layer: core/config, pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/diagnostic.h"

namespace barid::config {

enum class ServiceType : uint8_t { kInet, kUnix, kFifo, kPass, kUnixDgram };

/// What a command name means to this product.
enum class CommandUse : uint8_t {
  kServed,       ///< implemented as a service
  kNotYet,       ///< a delivery service that is checked, and nothing runs for it
  kBuiltIn,      ///< part of every shard: the entry may stand there and has no effect
  kUnsupported,  ///< known from Postfix, not available here: the entry is skipped with a warning
};

struct CommandInfo {
  std::string_view name;
  CommandUse use;
};

/// The command's entry, or null for a name nobody knows.
[[nodiscard]] const CommandInfo* find_command(std::string_view name) noexcept;

/// `-o name=value`, unexpanded.
struct ServiceOverride {
  std::string name;
  std::string value;

  bool operator==(const ServiceOverride&) const = default;
};

struct ServiceEntry {
  // The columns as written, for listings.
  std::string name;
  std::string type;
  std::string is_private;
  std::string unprivileged;
  std::string chroot;
  std::string wakeup;
  std::string process_limit;
  std::string command;
  std::vector<std::string> arguments;  ///< all words after the command; groups keep their braces

  // What they mean.
  ServiceType kind = ServiceType::kUnix;
  bool private_service = true;
  int32_t wakeup_seconds = 0;
  int32_t limit = -1;  ///< maxproc; 0 = no limit, -1 = `-`: $default_process_limit
  std::vector<ServiceOverride> overrides;
  std::vector<std::string> command_arguments;  ///< what is left: flags=…, user=…, argv=…
  int32_t verbosity = 0;                       ///< number of -v

  std::string file;  ///< empty for built-in services
  int32_t line = 0;

  [[nodiscard]] bool is_inet() const noexcept { return kind == ServiceType::kInet; }
  /// `name/type`, as errors and options write it.
  [[nodiscard]] std::string id() const { return name + "/" + type; }
};

/// `[host:]port` of an inet service. The host may be `[v6]`, a name, `*` or empty (all of
/// inet_interfaces); the port a number or a service name.
struct InetEndpoint {
  std::string host;
  std::string port;
};
[[nodiscard]] InetEndpoint parse_inet_name(std::string_view name);

/// Parses a whole file. Of entries with equal name and type the last wins, at the place of the
/// first. Errors carry file and line; entries with an error are left out.
[[nodiscard]] std::vector<ServiceEntry> parse_master_cf(std::string_view contents,
                                                        std::string_view file,
                                                        Diagnostics& diagnostics);

/// Parses one logical line; nullopt-like empty name after an error.
[[nodiscard]] bool parse_service(std::string_view text, std::string_view file, int32_t line,
                                 ServiceEntry& entry, Diagnostics& diagnostics);

/// The file that stands for a missing master.cf.
[[nodiscard]] std::string_view default_master_cf() noexcept;

/// Delivery services that exist even when master.cf does not list them: smtp, relay, lmtp, local,
/// virtual, error, retry, discard.
[[nodiscard]] std::span<const ServiceEntry> builtin_services();

/// True for a command that delivers mail, so that `<service>_destination_…` parameters exist.
[[nodiscard]] bool is_delivery_command(std::string_view command) noexcept;

}  // namespace barid::config
