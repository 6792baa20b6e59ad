#include "core/config/configuration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "core/base/assert.h"
#include "core/config/check.h"
#include "core/config/values.h"
#include "core/lookup/split.h"

namespace barid::config {
namespace {

/// Splits `<transport>_<suffix>`; null when no suffix fits.
const TransportParameter* find_transport_suffix(std::string_view suffix) noexcept {
  const auto all = transport_parameters();
  const auto it = std::find_if(all.begin(), all.end(), [suffix](const TransportParameter& entry) {
    return entry.suffix == suffix;
  });
  return it == all.end() ? nullptr : &*it;
}

bool takes_time_limit(std::string_view command) noexcept {
  return command == "pipe" || command == "spawn" || command == "local";
}

std::string first_line(std::string_view content) {
  return std::string(lookup::trim(content.substr(0, content.find('\n'))));
}

/// Variables that Kubernetes sets for a Service called "barid".
bool is_service_link(std::string_view name) noexcept {
  return name == "PORT" || name.starts_with("PORT_") || name.starts_with("SERVICE_");
}

}  // namespace

/// Builds one snapshot, step by step.
class Loader {
 public:
  explicit Loader(const LoadOptions& options) : options_(options) {}

  LoadResult run() {
    snapshot_->directory_ = options_.directory;
    snapshot_->domain_to_ascii_ = options_.domain_to_ascii;
    snapshot_->interfaces_ = options_.host.interfaces;
    if (!options_.builtin_values) read_main_cf();
    read_master_cf();
    name_transport_parameters();
    if (!options_.builtin_values) take_stronger_settings();
    LoadResult result;
    if (diagnostics_.ok()) finish_values();
    if (diagnostics_.ok()) result.configuration = std::move(snapshot_);
    result.diagnostics = std::move(diagnostics_);
    return result;
  }

 private:
  /// The content of a file, empty optional when it does not exist or cannot be read (an error
  /// then).
  std::optional<std::string> read_optional(const std::string& path) {
    Result<std::string> content = options_.read_file(path);
    if (content.ok()) return *std::move(content);
    if (content.error().error_number != ENOENT) {
      diagnostics_.error(path, 0, lookup::open_failure(path, content.error()));
    }
    return std::nullopt;
  }

  void read_main_cf() {
    const std::string path = snapshot_->main_cf_path();
    const std::optional<std::string> content = read_optional(path);
    if (content) parse_main_cf(*content, path, snapshot_->settings_, diagnostics_);
  }

  void read_master_cf() {
    const std::string path = snapshot_->master_cf_path();
    const std::optional<std::string> content = read_optional(path);
    snapshot_->services_ = content ? parse_master_cf(*content, path, diagnostics_)
                                   : parse_master_cf(default_master_cf(), "", diagnostics_);
  }

  void name_transport_parameters() {
    const auto add = [this](const ServiceEntry& entry) {
      if (!is_delivery_command(entry.command) || entry.is_inet()) return;
      for (const TransportParameter& parameter : transport_parameters()) {
        if (parameter.suffix == "_time_limit" && !takes_time_limit(entry.command)) continue;
        const Parameter* rules = find_parameter(parameter.fallback);
        BARID_ASSERT(rules != nullptr);
        snapshot_->transport_defaults_.insert_or_assign(
            fmt::format("{}{}", entry.name, parameter.suffix),
            Configuration::TransportDefault{rules, fmt::format("${}", parameter.fallback)});
      }
    };
    for (const ServiceEntry& entry : builtin_services()) add(entry);
    for (const ServiceEntry& entry : snapshot_->services_) add(entry);
  }

  /// The parameter whose name in capitals is `upper`, or empty.
  std::string find_by_capitals(std::string_view upper) const {
    for (const Parameter& parameter : all_parameters()) {
      if (lookup::equals_ignore_case(parameter.name, upper)) return std::string(parameter.name);
    }
    for (const auto& [name, setting] : snapshot_->settings_) {
      if (lookup::equals_ignore_case(name, upper)) return name;
    }
    for (const auto& [name, value] : snapshot_->transport_defaults_) {
      if (lookup::equals_ignore_case(name, upper)) return name;
    }
    return {};
  }

  void take_stronger_settings() {
    take_environment();
    for (const auto& [name, value] : options_.overrides) {
      snapshot_->settings_.insert_or_assign(name, Setting{value, "command line", 0});
    }
  }

  void take_environment() {
    constexpr std::string_view kPrefix = "BARID_";
    for (const auto& [variable, value] : options_.environment) {
      if (!variable.starts_with(kPrefix)) continue;
      const std::string_view upper = std::string_view(variable).substr(kPrefix.size());
      if (is_service_link(upper)) continue;
      const std::string place = fmt::format("environment variable {}", variable);
      const std::string name = find_by_capitals(upper);
      if (name.empty()) {
        const std::string_view near = nearest_name(lookup::lower(upper));
        diagnostics_.warn(place, 0,
                          near.empty() ? "unknown parameter"
                                       : fmt::format("unknown parameter (did you mean {}?)", near));
        continue;
      }
      snapshot_->settings_.insert_or_assign(name,
                                            Setting{std::string(lookup::trim(value)), place, 0});
    }
  }

  void finish_values() {
    compute_names();
    if (options_.check_values && options_.host.resolve != nullptr) {
      resolve_interfaces("inet_interfaces");
      resolve_interfaces("proxy_interfaces");
    }
    compute_networks();
    collect_references();
    Checker checker(*snapshot_, diagnostics_);
    checker.check_names();
    if (options_.check_values) checker.check_values();
    if (!diagnostics_.ok()) return;
    substitute_origin();
    drop_disabled_services();
  }

  /// An explicit setting, expanded; empty when unset or not expandable (the checker reports that).
  std::string explicit_value(std::string_view name) const {
    if (!snapshot_->settings_.contains(name)) return {};
    return snapshot_->global().expand_parameter(name).text;
  }

  void compute_names() {
    auto& computed = snapshot_->computed_;
    computed["config_directory"] = options_.directory;
    computed["mail_version"] = BARID_VERSION;
    computed["mail_release_date"] = "";
    computed["process_name"] = "";
    computed["process_id"] = "0";
    computed["service_name"] = "";
    computed["myhostname"] =
        default_myhostname(options_.host.host_name, explicit_value("mydomain"));
    computed["mydomain"] =
        default_mydomain(snapshot_->global().expand_parameter("myhostname").text);
  }

  /// Host names in the list become their addresses.
  void resolve_interfaces(const std::string& name) {
    const Expansion value = snapshot_->global().expand_parameter(name);
    std::string addresses;
    for (const std::string_view item : lookup::split_list(value.text)) {
      if (!is_interface_name(item)) {
        addresses.append(item).append(" ");
        continue;
      }
      const auto found = options_.host.resolve(std::string(item));
      if (found.empty()) {
        const auto set = snapshot_->settings_.find(name);
        const Setting place = set == snapshot_->settings_.end() ? Setting{} : set->second;
        diagnostics_.error(place.file, place.line,
                           fmt::format("{}: \"{}\" is neither all, loopback-only, an address nor "
                                       "the name of a host",
                                       name, item));
      }
      for (const lookup::IpAddress& address : found) addresses.append(address.text()).append(" ");
    }
    if (!addresses.empty()) addresses.pop_back();  // readers ask whether it is just "all"
    snapshot_->substitutes_.insert_or_assign(name, std::move(addresses));
  }

  void compute_networks() {
    auto& computed = snapshot_->computed_;
    const Configuration::Scope scope = snapshot_->global();
    const auto own =
        select_interfaces(snapshot_->interfaces_, scope.expand_parameter("inet_interfaces").text,
                          scope.expand_parameter("inet_protocols").text);
    computed["mynetworks"] =
        default_mynetworks(own, scope.expand_parameter("mynetworks_style").text);
  }

  void collect_references() {
    auto& referenced = snapshot_->referenced_;
    const auto add = [&](std::string_view value) {
      for (const std::string_view name : referenced_names(value)) referenced.emplace(name);
    };
    for (const Parameter& parameter : all_parameters()) add(parameter.default_value);
    for (const auto& [name, setting] : snapshot_->settings_) add(setting.value);
    for (const ServiceEntry& entry : snapshot_->services_) {
      for (const ServiceOverride& setting : entry.overrides) add(setting.value);
    }
    for (std::string& name : snapshot_->get_list("smtpd_restriction_classes")) {
      referenced.insert(std::move(name));
    }
  }

  /// myorigin = /etc/mailname means the first line of that file.
  void substitute_origin() {
    const std::string value = snapshot_->global().expand_parameter("myorigin").text;
    if (!value.starts_with('/')) return;
    const auto it = snapshot_->settings_.find("myorigin");
    const Setting place = it == snapshot_->settings_.end() ? Setting{} : it->second;
    const Result<std::string> content = options_.read_file(value);
    std::string domain = content.ok() ? first_line(*content) : std::string();
    if (!content.ok()) {
      diagnostics_.error(place.file, place.line,
                         fmt::format("myorigin: {}", lookup::open_failure(value, content.error())));
    } else if (domain.empty()) {
      diagnostics_.error(place.file, place.line,
                         fmt::format("myorigin: the first line of {} is empty", value));
    }
    snapshot_->substitutes_["myorigin"] = std::move(domain);
  }

  void drop_disabled_services() {
    const std::vector<std::string> disabled = snapshot_->get_list("master_service_disable");
    std::erase_if(snapshot_->services_, [&](const ServiceEntry& entry) {
      return std::any_of(disabled.begin(), disabled.end(), [&](const std::string& item) {
        return item == entry.id() || item == entry.type;
      });
    });
  }

  const LoadOptions& options_;
  Diagnostics diagnostics_;
  std::unique_ptr<Configuration> snapshot_ = std::make_unique<Configuration>();
};

LoadResult Configuration::load(const LoadOptions& options) { return Loader(options).run(); }

Configuration::Scope Configuration::global() const noexcept { return Scope(*this, nullptr); }

Configuration::Scope Configuration::service(const ServiceEntry& entry) const noexcept {
  return Scope(*this, &entry);
}

std::string Configuration::get(std::string_view name) const { return global().get(name); }
int64_t Configuration::get_int(std::string_view name) const { return global().get_int(name); }
bool Configuration::get_bool(std::string_view name) const { return global().get_bool(name); }
std::chrono::seconds Configuration::get_time(std::string_view name) const {
  return global().get_time(name);
}
std::vector<std::chrono::seconds> Configuration::get_times(std::string_view name) const {
  return global().get_times(name);
}
std::vector<std::string> Configuration::get_list(std::string_view name) const {
  return global().get_list(name);
}

int64_t Configuration::get_transport_int(std::string_view transport,
                                         std::string_view suffix) const {
  const std::string name = fmt::format("{}{}", transport, suffix);
  if (parameter_of(name) != nullptr) return get_int(name);
  const TransportParameter* parameter = find_transport_suffix(suffix);
  BARID_ASSERT(parameter != nullptr);
  return get_int(parameter->fallback);
}

std::string Configuration::get_transport_str(std::string_view transport,
                                             std::string_view suffix) const {
  std::string name = fmt::format("{}{}", transport, suffix);
  if (parameter_of(name) != nullptr) return get(name);
  const TransportParameter* parameter = find_transport_suffix(suffix);
  BARID_ASSERT(parameter != nullptr);
  return get(parameter->fallback);
}

std::chrono::seconds Configuration::get_transport_time(std::string_view transport,
                                                       std::string_view suffix) const {
  const std::string name = fmt::format("{}{}", transport, suffix);
  if (parameter_of(name) != nullptr) return get_time(name);
  const TransportParameter* parameter = find_transport_suffix(suffix);
  BARID_ASSERT(parameter != nullptr);
  return get_time(parameter->fallback);
}

bool Configuration::parent_matches_subdomains(std::string_view list_item) const {
  const std::vector<std::string> items = get_list("parent_domain_matches_subdomains");
  return std::find(items.begin(), items.end(), list_item) != items.end();
}

std::vector<lookup::IpAddress> Configuration::own_addresses() const {
  std::vector<lookup::IpAddress> addresses;
  for (const InterfaceAddress& own :
       select_interfaces(interfaces_, get("inet_interfaces"), get("inet_protocols"))) {
    addresses.push_back(own.address);
  }
  for (std::string_view item : get_list("proxy_interfaces")) {
    if (item.size() > 2 && item.front() == '[' && item.back() == ']') {
      item = item.substr(1, item.size() - 2);
    }
    if (const auto address = lookup::IpAddress::parse(item)) addresses.push_back(*address);
  }
  return addresses;
}

std::optional<lookup::IpAddress> Configuration::sole_interface_address(bool v6) const {
  return sole_address(select_interfaces(interfaces_, get("inet_interfaces"), get("inet_protocols")),
                      v6);
}

const ServiceEntry* Configuration::find_transport(std::string_view name) const noexcept {
  const auto matches = [name](const ServiceEntry& entry) {
    return entry.name == name && !entry.is_inet() && is_delivery_command(entry.command);
  };
  const auto it = std::find_if(services_.begin(), services_.end(), matches);
  if (it != services_.end()) return &*it;
  const auto builtin = builtin_services();
  const auto found = std::find_if(builtin.begin(), builtin.end(), matches);
  return found == builtin.end() ? nullptr : &*found;
}

const Parameter* Configuration::parameter_of(std::string_view name) const {
  if (const Parameter* parameter = find_parameter(name)) return parameter;
  const auto it = transport_defaults_.find(name);
  return it == transport_defaults_.end() ? nullptr : it->second.rules;
}

std::optional<std::string_view> Configuration::default_of(std::string_view name) const {
  if (const auto it = computed_.find(name); it != computed_.end()) return it->second;
  if (const Parameter* parameter = find_parameter(name)) return parameter->default_value;
  const auto it = transport_defaults_.find(name);
  if (it == transport_defaults_.end()) return std::nullopt;
  return it->second.value;
}

std::vector<std::string> Configuration::transport_parameter_names() const {
  std::vector<std::string> names;
  for (const auto& [name, value] : transport_defaults_) {
    if (find_parameter(name) == nullptr) names.push_back(name);
  }
  return names;
}

std::optional<std::string_view> Configuration::Scope::find_value(std::string_view name) const {
  if (entry_ != nullptr) {
    for (auto it = entry_->overrides.rbegin(); it != entry_->overrides.rend(); ++it) {
      if (it->name == name) return it->value;
    }
    if (name == "service_name") return entry_->name;
    if (name == "process_name") return entry_->command;
  }
  const Configuration& all = configuration_;
  if (const auto it = all.substitutes_.find(name); it != all.substitutes_.end()) return it->second;
  if (const auto it = all.settings_.find(name); it != all.settings_.end()) return it->second.value;
  return all.default_of(name);
}

std::string Configuration::Scope::place_of(std::string_view name) const {
  Diagnostic place;
  const auto is_named = [name](const ServiceOverride& setting) { return setting.name == name; };
  if (entry_ != nullptr &&
      std::any_of(entry_->overrides.begin(), entry_->overrides.end(), is_named)) {
    place = {entry_->file, entry_->line, {}};
  } else if (const auto it = configuration_.settings_.find(name);
             it != configuration_.settings_.end()) {
    place = {it->second.file, it->second.line, {}};
  }
  return place.file.empty() ? std::string() : place.str();
}

std::string Configuration::Scope::start_of(std::string_view name) const {
  if (const std::string place = place_of(name); !place.empty()) {
    return fmt::format("{}{}: ", place, name);
  }
  for (const std::string& cause : expand_parameter(name).names) {
    const std::string place = place_of(cause);
    if (!place.empty()) return fmt::format("{}{}: ", place, cause);
  }
  return fmt::format("{}: ", name);
}

std::optional<std::string> Configuration::Scope::domain_to_ascii(std::string_view domain) const {
  if (configuration_.domain_to_ascii_ != nullptr) return configuration_.domain_to_ascii_(domain);
  const bool ascii = std::all_of(domain.begin(), domain.end(),
                                 [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (!ascii) return std::nullopt;
  return std::string(domain);
}

Expansion Configuration::Scope::expand_parameter(std::string_view name) const {
  const Parameter* parameter = configuration_.parameter_of(name);
  if (parameter == nullptr || parameter->type != ValueType::kRaw) return expand_name(name, *this);
  return {.text = std::string(find_value(name).value_or("")), .error = {}, .names = {}};
}

std::string Configuration::Scope::get(std::string_view name) const {
  return expand_parameter(name).text;
}

std::string Configuration::Scope::typed_text(std::string_view name, ValueType type) const {
  const Parameter* parameter = configuration_.parameter_of(name);
  BARID_ASSERT(parameter != nullptr);
  BARID_ASSERT(parameter->type == type);
  return get(name);
}

char Configuration::Scope::time_unit(std::string_view name) const {
  const Parameter* parameter = configuration_.parameter_of(name);
  return parameter == nullptr ? 's' : time_unit_of(expand_text(parameter->default_value).text);
}

int64_t Configuration::Scope::get_int(std::string_view name) const {
  const std::optional<int64_t> value = parse_int(typed_text(name, ValueType::kInt));
  BARID_ASSERT(value.has_value());  // load() has checked it
  return *value;
}

bool Configuration::Scope::get_bool(std::string_view name) const {
  const std::optional<bool> value = parse_bool(typed_text(name, ValueType::kBool));
  BARID_ASSERT(value.has_value());
  return *value;
}

std::chrono::seconds Configuration::Scope::get_time(std::string_view name) const {
  const auto value = parse_time(typed_text(name, ValueType::kTime), time_unit(name));
  BARID_ASSERT(value.has_value());
  return *value;
}

std::vector<std::chrono::seconds> Configuration::Scope::get_times(std::string_view name) const {
  const std::string text = typed_text(name, ValueType::kTimeList);
  std::vector<std::chrono::seconds> times;
  for (const std::string_view item : lookup::split_list(text)) {
    const auto value = parse_time(item, 's');
    BARID_ASSERT(value.has_value());
    times.push_back(*value);
  }
  return times;
}

std::vector<std::string> Configuration::Scope::get_list(std::string_view name) const {
  const std::string text = get(name);
  const std::vector<std::string_view> items = lookup::split_list(text);
  return {items.begin(), items.end()};
}

}  // namespace barid::config
