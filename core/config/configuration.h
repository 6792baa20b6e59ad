// The configuration of one run: an immutable snapshot of main.cf, master.cf, environment and
// defaults. A snapshot that load() returns is valid as a whole, so its getters cannot fail. A
// reload builds a new one beside it; whoever holds the old one keeps it until done. Layer:
// core/config. load() reads files through the given reader; everything else is pure and may be
// called from any thread. Getters expand on each call: read values once when a component is set up,
// not per message.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/config/diagnostic.h"
#include "core/config/expand.h"
#include "core/config/host_facts.h"
#include "core/config/main_cf.h"
#include "core/config/master_cf.h"
#include "core/config/schema.h"
#include "core/lookup/files.h"

namespace barid::config {

using NameAndValue = std::pair<std::string, std::string>;

/// Turns a domain into its ASCII form. Without one, only ASCII domains have such a form.
using DomainToAscii = std::optional<std::string> (*)(std::string_view domain);

struct LoadOptions {
  std::string directory = "/etc/barid";
  HostFacts host;
  std::vector<NameAndValue> environment;  ///< all of it; only BARID_<NAME> is looked at
  std::vector<NameAndValue> overrides;    ///< `-o name=value` of the command line, strongest
  lookup::FileReader read_file = lookup::read_whole_file;
  DomainToAscii domain_to_ascii = nullptr;
  bool builtin_values = false;  ///< main.cf, environment and overrides are left out (-d)
  bool check_values = true;  ///< false: only syntax is checked and getters may abort (for listings)
};

struct LoadResult;

class Configuration {
 public:
  class Scope;

  /// Reads DIRECTORY/main.cf and DIRECTORY/master.cf; missing files mean the defaults.
  [[nodiscard]] static LoadResult load(const LoadOptions& options);

  /// Values outside any service.
  [[nodiscard]] Scope global() const noexcept;
  /// Values as `entry` sees them, with its -o overrides. The entry must outlive the scope.
  [[nodiscard]] Scope service(const ServiceEntry& entry) const noexcept;

  // The same getters as Scope, outside any service.
  [[nodiscard]] std::string get(std::string_view name) const;
  [[nodiscard]] int64_t get_int(std::string_view name) const;
  [[nodiscard]] bool get_bool(std::string_view name) const;
  [[nodiscard]] std::chrono::seconds get_time(std::string_view name) const;
  [[nodiscard]] std::vector<std::chrono::seconds> get_times(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> get_list(std::string_view name) const;

  /// The value of `<transport>_<suffix>`, for any transport name; `suffix` as in
  /// transport_parameters(), e.g. "_destination_concurrency_limit". Unset means the default_…
  /// value.
  [[nodiscard]] int64_t get_transport_int(std::string_view transport,
                                          std::string_view suffix) const;
  [[nodiscard]] std::string get_transport_str(std::string_view transport,
                                              std::string_view suffix) const;
  [[nodiscard]] std::chrono::seconds get_transport_time(std::string_view transport,
                                                        std::string_view suffix) const;

  /// True when `list_item` stands in parent_domain_matches_subdomains.
  [[nodiscard]] bool parent_matches_subdomains(std::string_view list_item) const;

  /// Addresses of this host that count as own: inet_interfaces, and literal proxy_interfaces.
  [[nodiscard]] std::vector<lookup::IpAddress> own_addresses() const;

  /// sole_address() of what inet_interfaces selects.
  [[nodiscard]] std::optional<lookup::IpAddress> sole_interface_address(bool v6) const;

  /// Entries of master.cf (or its default), in file order, without those that
  /// master_service_disable switches off.
  [[nodiscard]] const std::vector<ServiceEntry>& services() const noexcept { return services_; }
  /// The delivery service of that name: from master.cf, else built in, else null.
  [[nodiscard]] const ServiceEntry* find_transport(std::string_view name) const noexcept;

  // For listings.
  [[nodiscard]] const Settings& settings() const noexcept { return settings_; }
  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }
  [[nodiscard]] std::string main_cf_path() const { return directory_ + "/main.cf"; }
  [[nodiscard]] std::string master_cf_path() const { return directory_ + "/master.cf"; }
  /// The schema entry that rules `name` (for a per-transport name that of its fallback), or null.
  [[nodiscard]] const Parameter* parameter_of(std::string_view name) const;
  /// The unexpanded default; nullopt for an unknown name.
  [[nodiscard]] std::optional<std::string_view> default_of(std::string_view name) const;
  /// Per-transport names, sorted, without those that the schema has itself.
  [[nodiscard]] std::vector<std::string> transport_parameter_names() const;
  /// True for names that something refers to: `$name`, or a restriction class.
  [[nodiscard]] bool is_referenced(std::string_view name) const {
    return referenced_.contains(name);
  }

 private:
  friend class Loader;
  friend class Checker;

  struct TransportDefault {
    const Parameter* rules;
    std::string value;  ///< "$default_…"
  };

  std::string directory_;
  Settings settings_;
  std::vector<ServiceEntry> services_;
  std::vector<InterfaceAddress> interfaces_;
  std::map<std::string, std::string, std::less<>> computed_;     ///< defaults from facts
  std::map<std::string, std::string, std::less<>> substitutes_;  ///< myorigin = /file, read
  std::map<std::string, TransportDefault, std::less<>> transport_defaults_;
  std::set<std::string, std::less<>> referenced_;
  DomainToAscii domain_to_ascii_ = nullptr;
};

/// A view of the snapshot for one service. Cheap to make; borrows the snapshot and the entry.
class Configuration::Scope final : public NameSource {
 public:
  Scope(const Configuration& configuration, const ServiceEntry* entry) noexcept
      : configuration_(configuration), entry_(entry) {}

  /// The expanded value; empty for an undefined name. Text that is expanded per use comes as it is.
  [[nodiscard]] std::string get(std::string_view name) const;
  /// The name must be a parameter of that type; anything else is a bug and aborts.
  [[nodiscard]] int64_t get_int(std::string_view name) const;
  [[nodiscard]] bool get_bool(std::string_view name) const;
  [[nodiscard]] std::chrono::seconds get_time(std::string_view name) const;
  [[nodiscard]] std::vector<std::chrono::seconds> get_times(std::string_view name) const;
  /// Items of a string list, `{…}` groups without their braces.
  [[nodiscard]] std::vector<std::string> get_list(std::string_view name) const;

  /// Expands any text with the values of this scope.
  [[nodiscard]] Expansion expand_text(std::string_view text) const { return expand(text, *this); }
  /// Expands `$name`; text parameters that are expanded per use come as they are.
  [[nodiscard]] Expansion expand_parameter(std::string_view name) const;

  /// Where the value of `name` comes from, as the start of a complaint: "FILE, line 3: ", or empty
  /// for a default.
  [[nodiscard]] std::string place_of(std::string_view name) const;
  /// How a complaint about the value of `name` begins: "FILE, line 3: NAME: ". A default is the
  /// doing of the setting that it refers to: then that is named.
  [[nodiscard]] std::string start_of(std::string_view name) const;

  [[nodiscard]] std::optional<std::string_view> find_value(std::string_view name) const override;
  [[nodiscard]] std::optional<std::string> domain_to_ascii(std::string_view domain) const override;

 private:
  friend class Checker;
  /// Unit of a time without one: that of the default.
  [[nodiscard]] char time_unit(std::string_view name) const;
  [[nodiscard]] std::string typed_text(std::string_view name, ValueType type) const;

  const Configuration& configuration_;
  const ServiceEntry* entry_;
};

struct LoadResult {
  std::unique_ptr<const Configuration> configuration;  ///< null if there are errors
  Diagnostics diagnostics;
  [[nodiscard]] bool ok() const noexcept { return configuration != nullptr; }
};

}  // namespace barid::config
