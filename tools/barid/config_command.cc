#include "tools/barid/config_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "core/config/edit.h"
#include "core/config/listing.h"
#include "core/lookup/table.h"
#include "core/text/json.h"
#include "tools/barid/config_command_master.h"
#include "tools/barid/config_command_options.h"

namespace barid::tools {
namespace {

using namespace barid::config;
using namespace barid::tools::config_command;

/// One run of the command: main.cf, check and explain.
class ConfigCommand {
 public:
  ConfigCommand(const Context& context, CheckUse check_use)
      : context_(context), check_use_(check_use) {}

  int run() {
    const bool is_main = context_.options().target == Target::kMain;
    switch (context_.options().action) {
      case Action::kHelp:
        context_.print(help_text());
        return 0;
      case Action::kTables:
        return show_tables();
      case Action::kCheck:
        return check();
      case Action::kExplain:
        return explain();
      case Action::kSet:
      case Action::kRemove:
      case Action::kComment:
        return is_main ? edit_main() : edit_master(context_);
      case Action::kShow:
        return show();
    }
    return kExitUsage;
  }

 private:
  int load_failure(const LoadResult& result) {
    for (const Diagnostic& warning : result.diagnostics.warnings) context_.warn(warning.str());
    for (const Diagnostic& error : result.diagnostics.errors) (void)context_.fatal(0, error.str());
    return kExitConfig;
  }

  static bool is_about_names(const Diagnostic& diagnostic) {
    return diagnostic.text.find("unused parameter: ") != std::string::npos ||
           diagnostic.text.starts_with("undefined parameter: ");
  }

  /// What a listing complains about: unused names only in full ones, as postconf does.
  void print_warnings(const LoadResult& result) {
    for (const Diagnostic& warning : result.diagnostics.warnings) {
      const bool unused = warning.text.find("unused parameter: ") != std::string::npos;
      if (!unused && !warning.text.starts_with("undefined parameter: ")) {
        context_.warn(warning.str());
      } else if (!context_.options().quiet && (!unused || context_.options().words.empty())) {
        context_.warn(fmt::format("{}: {}", warning.file, warning.text));
      }
    }
  }

  int show_tables() {
    const bool json = context_.options().style.json;
    for (const std::string_view type : lookup::table_types()) {
      context_.print(json ? fmt::format("{{\"type\": \"{}\"}}\n", type)
                          : fmt::format("{}\n", type));
    }
    return 0;
  }

  int show() {
    const LoadResult result = context_.load(/*check_values=*/false);
    if (!result.ok()) return load_failure(result);
    if (context_.options().target != Target::kMain) {
      const int status = show_master(context_, *result.configuration);
      print_warnings(result);
      return status;
    }
    const Configuration& configuration = *result.configuration;
    const bool all = context_.options().words.empty();
    int status = 0;
    for (const std::string& name : all ? listed_names(configuration) : context_.options().words) {
      status = std::max(status, show_parameter(configuration, name));
    }
    print_warnings(result);
    return status;
  }

  std::vector<std::string> listed_names(const Configuration& configuration) const {
    std::set<std::string> names;
    if (context_.options().show_builtin) {
      for (const Parameter& parameter : all_parameters()) names.emplace(parameter.name);
    }
    if (context_.options().show_service) {
      for (std::string& name : configuration.transport_parameter_names()) {
        names.insert(std::move(name));
      }
    }
    if (context_.options().show_user && !context_.options().defaults) {
      for (const auto& [name, setting] : configuration.settings()) {
        if (is_user_defined(configuration, name)) names.insert(name);
      }
    }
    std::vector<std::string> listed(names.begin(), names.end());
    if (context_.options().only_set) {
      std::erase_if(listed, [&](const std::string& name) {
        return !configuration.settings().contains(name);
      });
    }
    return listed;
  }

  static bool is_user_defined(const Configuration& configuration, std::string_view name) {
    return configuration.parameter_of(name) == nullptr && configuration.is_referenced(name);
  }

  /// Lists of tables ($smtp_sasl_password_maps in proxy_read_maps) hold what those tables hold.
  static std::string hide_secrets(const Configuration& configuration, std::string text) {
    for (const auto& [name, setting] : configuration.settings()) {
      const std::string value = configuration.global().expand_parameter(name).text;
      const std::string shown = without_secrets(name, value);
      for (size_t at = 0; shown != value && (at = text.find(value, at)) != std::string::npos;) {
        text.replace(at, value.size(), shown);
        at += shown.size();
      }
    }
    return text;
  }

  int show_parameter(const Configuration& configuration, const std::string& name) {
    const Settings& settings = configuration.settings();
    const auto setting = settings.find(name);
    const bool is_set = setting != settings.end() && !context_.options().defaults;
    const bool known = configuration.parameter_of(name) != nullptr ||
                       (is_set && is_user_defined(configuration, name));
    if (!known) {
      context_.warn(fmt::format("{}: unknown parameter", name));
      return 0;
    }
    if (context_.options().only_set && !is_set) return 0;
    std::string value(is_set ? std::string_view(setting->second.value)
                             : configuration.default_of(name).value_or(""));
    const Parameter* rules = configuration.parameter_of(name);
    const bool expands = rules == nullptr || rules->type != ValueType::kRaw;
    if (context_.options().expand && expands) {
      const Configuration::Scope scope = configuration.global();
      Expansion expansion =
          context_.options().defaults ? scope.expand_text(value) : scope.expand_parameter(name);
      if (!expansion.ok()) return context_.fatal(kExitConfig, expansion.error);
      value = hide_secrets(configuration, std::move(expansion.text));
    }
    context_.print(format_setting(name, value, context_.options().style));
    return 0;
  }

  int edit_main() {
    const std::string path = context_.directory() + "/main.cf";
    std::vector<EditArgument> edits;
    for (const std::string& word : context_.options().words) {
      EditArgument edit = parse_edit_argument(context_.edit_kind(), word);
      if (!edit.error.empty()) return context_.fatal(kExitData, edit.error);
      std::erase_if(edits, [&](const EditArgument& other) {
        if (other.name != edit.name) return false;
        context_.warn(fmt::format("ignoring earlier request: '{} = {}'", other.name, other.value));
        return true;
      });
      edits.push_back(std::move(edit));
    }
    Result<std::string> content = lookup::read_whole_file(path);
    if (!content.ok() && content.error().error_number != ENOENT) {
      return context_.fatal(kExitUnavailable, lookup::open_failure(path, content.error()));
    }
    return context_.write(path,
                          edit_main_cf(content.ok() ? *content : "", context_.edit_kind(), edits));
  }

  void report(std::string_view severity, const Diagnostic& diagnostic) {
    if (!context_.options().style.json) {
      context_.complain(severity, diagnostic.str());
      return;
    }
    context_.print(fmt::format("{{\"severity\": {}, \"file\": {}, \"line\": {}, \"text\": {}}}\n",
                               text::json_string(severity), text::json_string(diagnostic.file),
                               diagnostic.line, text::json_string(diagnostic.text)));
  }

  int check() {
    const LoadResult result = context_.load(/*check_values=*/true);
    for (const Diagnostic& error : result.diagnostics.errors) report("error", error);
    for (const Diagnostic& warning : result.diagnostics.warnings) report("warning", warning);
    if (!result.ok()) return kExitConfig;
    const Configuration& configuration = *result.configuration;
    const UseProblems use = check_use_ == nullptr ? UseProblems{} : check_use_(configuration);
    for (const std::string& error : use.errors) report("error", {"", 0, error});
    for (const std::string& warning : use.warnings) report("warning", {"", 0, warning});
    for (const auto& [name, setting] : configuration.settings()) {
      note_effect(configuration, "", name, setting.file, setting.line);
    }
    for (const ServiceEntry& entry : configuration.services()) note_service(configuration, entry);
    return use.errors.empty() ? 0 : kExitConfig;
  }

  /// A setting that is accepted and does nothing.
  void note_effect(const Configuration& configuration, std::string_view prefix,
                   std::string_view name, const std::string& file, int32_t line) {
    const Parameter* rules = configuration.parameter_of(name);
    if (rules == nullptr || rules->effect != Effect::kNone) return;
    report("note",
           {file, line, fmt::format("{}{} has no effect: {}", prefix, name, rules->description)});
  }

  void note_service(const Configuration& configuration, const ServiceEntry& entry) {
    const CommandUse use = find_command(entry.command)->use;
    const bool built_in = use == CommandUse::kBuiltIn;
    if (built_in || use == CommandUse::kNotYet) {
      report("note", {entry.file, entry.line,
                      fmt::format("service {} has no effect: {} {}", entry.id(), entry.command,
                                  built_in ? "is part of every shard"
                                           : "deliveries are not made by this version")});
      return;
    }
    const std::string prefix = fmt::format("service {}: ", entry.id());
    for (const ServiceOverride& setting : entry.overrides) {
      note_effect(configuration, prefix, setting.name, entry.file, entry.line);
    }
  }

  int explain() {
    const LoadResult result = context_.load(/*check_values=*/false);
    int status = 0;
    for (const std::string& name : context_.options().words) {
      const Parameter* rules =
          result.ok() ? result.configuration->parameter_of(name) : find_parameter(name);
      if (rules == nullptr) {
        const std::string_view near = nearest_name(name);
        context_.warn(near.empty()
                          ? fmt::format("{}: unknown parameter", name)
                          : fmt::format("{}: unknown parameter (did you mean {}?)", name, near));
        status = kExitData;
        continue;
      }
      explain_parameter(result.configuration.get(), name, *rules);
    }
    return status;
  }

  void explain_parameter(const Configuration* configuration, const std::string& name,
                         const Parameter& rules) {
    std::string default_text(rules.default_value);
    if (configuration != nullptr) default_text = configuration->default_of(name).value_or("");
    const Setting* found = nullptr;
    if (!context_.options().defaults && configuration != nullptr) {
      const auto setting = configuration->settings().find(name);
      if (setting != configuration->settings().end()) found = &setting->second;
    }
    const std::string set_to = found == nullptr ? "" : without_secrets(name, found->value);
    if (context_.options().style.json) {
      std::string out = fmt::format("{{\"name\": {}", text::json_string(name));
      const auto member = [&out](std::string_view label, std::string_view value) {
        out += fmt::format(", \"{}\": {}", label, text::json_string(value));
      };
      member("meaning", rules.description);
      member("type", type_name(rules.type));
      member("default", default_text);
      member("limits", describe_check(rules));
      member("change", change_of(rules.effect));
      if (found != nullptr) {
        member("set_to", set_to);
        member("file", found->file);
        out += fmt::format(", \"line\": {}", found->line);
      }
      return context_.print(out + "}\n");
    }
    const auto line = [this](std::string_view label, std::string_view text) {
      if (!text.empty()) context_.print(fmt::format("    {:<9}{}\n", label, text));
    };
    context_.print(name + "\n");
    line("meaning", rules.description);
    line("type", type_name(rules.type));
    line("default", default_text.empty() ? "(empty)" : default_text);
    line("limits", describe_check(rules));
    line("change", fmt::format("{}: {}", change_of(rules.effect), change_text(rules.effect)));
    if (found == nullptr) return;
    const std::string place =
        found->line == 0 ? found->file : fmt::format("{}, line {}", found->file, found->line);
    line("set to", fmt::format("{} ({})", set_to, place));
  }

  static std::string_view change_of(Effect effect) {
    switch (effect) {
      case Effect::kLive:
        return "live";
      case Effect::kRestart:
        return "restart";
      case Effect::kNone:
        break;
    }
    return "none";
  }

  static std::string_view change_text(Effect effect) {
    switch (effect) {
      case Effect::kLive:
        return "a reload applies it";
      case Effect::kRestart:
        return "read when the server starts";
      case Effect::kNone:
        break;
    }
    return "accepted, without effect";
  }

  const Context& context_;
  CheckUse check_use_;
};

}  // namespace

int run_config_command(std::span<const char* const> args, std::string_view argv0, std::FILE* out,
                       std::FILE* err, CheckUse check_use) {
  Options options;
  std::string error;
  if (!parse_options(args, options, error)) {
    fmt::print(err, "{0}: fatal: {1}\nusage: {0} --help\n", argv0, error);
    return kExitUsage;
  }
  const Context context(std::move(options), argv0, out, err);
  return ConfigCommand(context, check_use).run();
}

}  // namespace barid::tools
