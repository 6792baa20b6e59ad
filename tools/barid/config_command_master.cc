#include "tools/barid/config_command_master.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <map>
#include <optional>

#include "core/lookup/split.h"
#include "core/lookup/table.h"

namespace barid::tools::config_command {
namespace {

using namespace barid::config;

/// A request SERVICE[/TYPE[/REST]]; missing parts and `*` match everything.
struct ServicePattern {
  std::string service = "*";
  std::string type = "*";
  std::string rest = "*";

  [[nodiscard]] bool matches(const ServiceEntry& entry) const {
    return (service == "*" || service == entry.name) && (type == "*" || type == entry.type);
  }
};

ServicePattern parse_pattern(std::string_view text) {
  ServicePattern pattern;
  for (std::string* part : {&pattern.service, &pattern.type, &pattern.rest}) {
    const size_t slash = part == &pattern.rest ? std::string_view::npos : text.find('/');
    *part = text.substr(0, slash);
    if (slash == std::string_view::npos) break;
    text.remove_prefix(slash + 1);
  }
  return pattern;
}

struct Field {
  std::string_view name;
  std::string ServiceEntry::*column;
};
constexpr Field kFields[] = {{"service", &ServiceEntry::name},
                             {"type", &ServiceEntry::type},
                             {"private", &ServiceEntry::is_private},
                             {"unprivileged", &ServiceEntry::unprivileged},
                             {"chroot", &ServiceEntry::chroot},
                             {"wakeup", &ServiceEntry::wakeup},
                             {"process_limit", &ServiceEntry::process_limit},
                             {"command", &ServiceEntry::command}};

/// Passwords among an entry's `-o name=value`.
void hide_secrets(ServiceEntry* entry) {
  for (ServiceOverride& setting : entry->overrides) {
    setting.value = without_secrets(setting.name, setting.value);
  }
  for (std::string& word : entry->arguments) {
    const lookup::NameValue setting = lookup::split_name_value(lookup::strip_braces(word));
    if (setting.error != nullptr || !lookup::holds_secrets(setting.name)) continue;
    const std::string shown = without_secrets(setting.name, setting.value);
    word = word.front() == '{' ? fmt::format("{{{} = {}}}", setting.name, shown)
                               : fmt::format("{}={}", setting.name, shown);
  }
}

class MasterCommand {
 public:
  explicit MasterCommand(const Context& context) : context_(context) {}

  int show(const Configuration& configuration) {
    std::string contents;
    const auto entries = read_services(contents);
    if (!entries) return kExitConfig;
    std::vector<std::string> words = context_.options().words;
    if (words.empty()) words.emplace_back("*");
    for (const std::string& word : words) {
      const ServicePattern pattern = parse_pattern(word);
      bool matched = false;
      for (const ServiceEntry& entry : *entries) {
        if (!pattern.matches(entry)) continue;
        matched |= show_service(configuration, entry, pattern);
      }
      if (!matched && !context_.options().words.empty())
        context_.warn(fmt::format("unmatched request: \"{}\"", word));
    }
    return 0;
  }

  int edit() {
    std::string contents;
    const auto entries = read_services(contents);
    if (!entries) return kExitConfig;
    std::vector<ServiceEntry> working = *entries;
    std::vector<ServiceEdit> edits;
    for (const std::string& word : context_.options().words) {
      const int status = context_.options().target == Target::kService
                             ? edit_service(word, edits)
                             : edit_service_part(word, working, edits);
      if (status != 0) return status;
    }
    return context_.write(context_.directory() + "/master.cf",
                          edit_master_cf(contents, edit_kind_of_lines(), edits));
  }

 private:
  /// Prints what `pattern` selects of an entry; false if that is nothing.
  bool show_service(const Configuration& configuration, ServiceEntry entry,
                    const ServicePattern& pattern) {
    hide_secrets(&entry);
    ExpandValue expand;
    if (context_.options().expand) {
      expand = [&](const std::string& value) {
        Expansion expansion = configuration.service(entry).expand_text(value);
        if (!expansion.ok()) context_.warn(fmt::format("{}: {}", entry.id(), expansion.error));
        return std::move(expansion.text);
      };
    }
    if (context_.options().target == Target::kService) {
      const Folding folding = context_.options().style.fold ? Folding::kFolded : Folding::kOneLine;
      const std::string line = format_service(entry, folding, expand);
      if (context_.options().style.json) {
        context_.print(format_setting(entry.id(), line, context_.options().style));
      } else {
        context_.print(line + "\n");
      }
      return true;
    }
    bool matched = false;
    const auto print = [&](std::string_view part, std::string_view value) {
      if (pattern.rest != "*" && pattern.rest != part) return;
      matched = true;
      const std::string name = fmt::format("{}/{}", entry.id(), part);
      context_.print(format_setting(name, value, context_.options().style));
    };
    if (context_.options().target == Target::kField) {
      for (const Field& field : kFields) {
        print(field.name, field.name == "command" ? format_command(entry, Folding::kOneLine, expand)
                                                  : entry.*field.column);
      }
    } else {
      std::map<std::string_view, std::string_view> settings;  // sorted; the last of a name counts
      for (const ServiceOverride& setting : entry.overrides) {
        settings.insert_or_assign(setting.name, setting.value);
      }
      for (const auto& [name, value] : settings) {
        print(name, expand ? expand(std::string(value)) : std::string(value));
      }
    }
    return matched;
  }

  /// All entries as the file has them, switched off or not, and its text; nullopt after a
  /// complaint.
  std::optional<std::vector<ServiceEntry>> read_services(std::string& contents) {
    const std::string path = context_.directory() + "/master.cf";
    const Result<std::string> content = lookup::read_whole_file(path);
    if (!content.ok() && content.error().error_number != ENOENT) {
      (void)context_.fatal(0, lookup::open_failure(path, content.error()));
      return std::nullopt;
    }
    contents = content.ok() ? *content : std::string(default_master_cf());
    Diagnostics diagnostics;
    std::vector<ServiceEntry> entries = parse_master_cf(contents, path, diagnostics);
    for (const Diagnostic& error : diagnostics.errors) (void)context_.fatal(0, error.str());
    if (!diagnostics.ok()) return std::nullopt;
    return entries;
  }

  /// Changes inside an entry rewrite its line, whatever they do to the part.
  EditKind edit_kind_of_lines() const {
    return context_.options().target == Target::kService ? context_.edit_kind() : EditKind::kSet;
  }

  /// Splits `left=right`; the right side is unused for -X and -#.
  struct Request {
    ServicePattern pattern;
    std::string value;
    std::string error;
  };
  Request parse_request(const std::string& word) const {
    Request request;
    const size_t equals = word.find('=');
    const bool sets = context_.edit_kind() == EditKind::kSet;
    if (word.find('\n') != std::string::npos) {
      request.error = "-e, -X, or -# accepts no multi-line input";
    } else if (sets && equals == std::string::npos) {
      request.error = fmt::format("missing '=' after attribute name: \"{}\"", word);
    } else if (!sets && equals != std::string::npos) {
      request.error = "-X or -# requires names without value";
    }
    request.pattern = parse_pattern(lookup::trim(std::string_view(word).substr(0, equals)));
    if (equals != std::string::npos) request.value = lookup::trim(word.substr(equals + 1));
    return request;
  }

  int edit_service(const std::string& word, std::vector<ServiceEdit>& edits) {
    const Request request = parse_request(word);
    if (!request.error.empty()) return context_.fatal(kExitData, request.error);
    const ServicePattern& pattern = request.pattern;
    if (pattern.service == "*" || pattern.type == "*" || pattern.rest != "*") {
      return context_.fatal(kExitData, fmt::format("need service-name/type: \"{}\"", word));
    }
    ServiceEdit edit{.name = pattern.service, .type = pattern.type, .line = {}};
    if (context_.edit_kind() == EditKind::kSet) {
      ServiceEntry entry;
      if (const int status = parse_entry(request.value, entry); status != 0) return status;
      if (entry.name != edit.name || entry.type != edit.type) {
        return context_.fatal(kExitData, fmt::format("the entry for {}/{} is named {}", edit.name,
                                                     edit.type, entry.id()));
      }
      edit.line = format_service(entry, Folding::kFolded);
    }
    edits.push_back(std::move(edit));
    return 0;
  }

  int parse_entry(std::string_view text, ServiceEntry& entry) {
    Diagnostics diagnostics;
    if (parse_service(text, "command line", 0, entry, diagnostics)) return 0;
    return context_.fatal(kExitData, diagnostics.errors.front().text);
  }

  int edit_service_part(const std::string& word, std::vector<ServiceEntry>& entries,
                        std::vector<ServiceEdit>& edits) {
    const Request request = parse_request(word);
    if (!request.error.empty()) return context_.fatal(kExitData, request.error);
    if (request.pattern.rest == "*") {
      return context_.fatal(kExitData, fmt::format("need service-name/type/name: \"{}\"", word));
    }
    bool matched = false;
    for (ServiceEntry& entry : entries) {
      if (!request.pattern.matches(entry)) continue;
      matched = true;
      const std::string old_name = entry.name;
      const std::string old_type = entry.type;
      if (const int status = change_part(request, entry); status != 0) return status;
      std::erase_if(edits, [&](const ServiceEdit& other) {
        return other.name == old_name && other.type == old_type;
      });
      edits.push_back({old_name, old_type, format_service(entry, Folding::kFolded)});
    }
    return matched ? 0 : context_.fatal(kExitData, fmt::format("unmatched request: \"{}\"", word));
  }

  int change_part(const Request& request, ServiceEntry& entry) {
    const std::string& part = request.pattern.rest;
    if (context_.options().target == Target::kOverride) {
      if (context_.edit_kind() == EditKind::kRemove) {
        (void)remove_override(entry, part);
      } else {
        set_override(entry, part, request.value);
      }
    } else {
      const auto* field = std::find_if(std::begin(kFields), std::end(kFields),
                                       [&](const Field& known) { return known.name == part; });
      if (field == std::end(kFields))
        return context_.fatal(kExitData, fmt::format("unknown field: {}", part));
      entry.*field->column = request.value;
      if (part == "command") entry.arguments.clear();  // the value holds the arguments too
    }
    ServiceEntry checked;
    if (const int status = parse_entry(format_service(entry, Folding::kOneLine), checked);
        status != 0) {
      return status;
    }
    entry = std::move(checked);
    return 0;
  }

  const Context& context_;
};

}  // namespace

int show_master(const Context& context, const Configuration& configuration) {
  return MasterCommand(context).show(configuration);
}

int edit_master(const Context& context) { return MasterCommand(context).edit(); }

}  // namespace barid::tools::config_command
