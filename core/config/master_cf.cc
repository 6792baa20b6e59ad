#include "core/config/master_cf.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "core/base/assert.h"
#include "core/config/schema.h"
#include "core/config/values.h"
#include "core/lookup/logical_lines.h"
#include "core/lookup/split.h"

namespace barid::config {
namespace {

constexpr CommandInfo kCommands[] = {
    {"smtpd", CommandUse::kServed},
    {"httpd", CommandUse::kServed},
    {"smtp", CommandUse::kServed},
    {"lmtp", CommandUse::kServed},
    {"relay", CommandUse::kServed},
    {"local", CommandUse::kNotYet},
    {"virtual", CommandUse::kNotYet},
    {"pipe", CommandUse::kNotYet},
    {"error", CommandUse::kServed},
    {"retry", CommandUse::kServed},
    {"discard", CommandUse::kServed},
    {"pickup", CommandUse::kBuiltIn},
    {"cleanup", CommandUse::kBuiltIn},
    {"qmgr", CommandUse::kBuiltIn},
    {"tlsmgr", CommandUse::kBuiltIn},
    {"trivial-rewrite", CommandUse::kBuiltIn},
    {"bounce", CommandUse::kBuiltIn},
    {"defer", CommandUse::kBuiltIn},
    {"trace", CommandUse::kBuiltIn},
    {"verify", CommandUse::kBuiltIn},
    {"flush", CommandUse::kBuiltIn},
    {"proxymap", CommandUse::kBuiltIn},
    {"showq", CommandUse::kBuiltIn},
    {"anvil", CommandUse::kBuiltIn},
    {"scache", CommandUse::kBuiltIn},
    {"postlogd", CommandUse::kBuiltIn},
    {"tlsproxy", CommandUse::kBuiltIn},
    {"dnsblog", CommandUse::kBuiltIn},
    {"oqmgr", CommandUse::kBuiltIn},
    {"nqmgr", CommandUse::kBuiltIn},
    {"postscreen", CommandUse::kUnsupported},
    {"spawn", CommandUse::kUnsupported},
    {"qmqpd", CommandUse::kUnsupported},
    {"fsstone", CommandUse::kUnsupported},
    {"smtp_socks", CommandUse::kUnsupported},
};

constexpr std::string_view kDeliveryCommands[] = {"smtp", "lmtp",  "relay", "local",  "virtual",
                                                  "pipe", "error", "retry", "discard"};

struct TypeName {
  std::string_view name;
  ServiceType type;
};
constexpr TypeName kTypeNames[] = {{"inet", ServiceType::kInet},
                                   {"unix", ServiceType::kUnix},
                                   {"fifo", ServiceType::kFifo},
                                   {"pass", ServiceType::kPass},
                                   {"unix-dgram", ServiceType::kUnixDgram}};

/// Words separated by blanks; a {group} is one word and keeps its braces.
std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  size_t i = 0;
  while (i < text.size()) {
    if (lookup::is_blank(text[i])) {
      ++i;
      continue;
    }
    const size_t start = i;
    for (size_t depth = 0; i < text.size() && (depth > 0 || !lookup::is_blank(text[i])); ++i) {
      if (text[i] == '{') ++depth;
      if (text[i] == '}' && depth > 0) --depth;
    }
    words.push_back(text.substr(start, i - start));
  }
  return words;
}

/// A group that is never closed swallows all words to the end of the entry.
bool runs_on(std::string_view word) noexcept {
  size_t depth = 0;
  for (const char c : word) {
    if (c == '{') ++depth;
    if (c == '}' && depth > 0) --depth;
  }
  return depth > 0 && std::any_of(word.begin(), word.end(), lookup::is_blank);
}

/// Reads the columns of one line; the first problem is reported and ends it.
class EntryParser {
 public:
  EntryParser(ServiceEntry& entry, Diagnostics& diagnostics)
      : entry_(entry), diagnostics_(diagnostics) {}

  bool parse(std::string_view text) {
    words_ = split_words(text);
    return parse_name_and_type() && parse_flags() && parse_numbers() && parse_command() &&
           parse_arguments();
  }

 private:
  bool fail(std::string text) {
    diagnostics_.error(entry_.file, entry_.line, std::move(text));
    return false;
  }
  bool bad_value(std::string_view field, std::string_view value) {
    return fail(fmt::format("field \"{}\": bad value: \"{}\"", field, value));
  }

  bool take(std::string_view field, std::string& out) {
    if (next_ == words_.size()) return fail(fmt::format("missing \"{}\" field", field));
    out = words_[next_++];
    return true;
  }

  bool take_flag(std::string_view field, bool default_value, std::string& text, bool& value) {
    if (!take(field, text)) return false;
    if (text != "y" && text != "n" && text != "-") return bad_value(field, text);
    value = text == "-" ? default_value : text == "y";
    return true;
  }

  bool parse_name_and_type() {
    if (!take("service name", entry_.name) || !take("transport type", entry_.type)) return false;
    const auto* found =
        std::find_if(std::begin(kTypeNames), std::end(kTypeNames),
                     [&](const TypeName& type) { return type.name == entry_.type; });
    if (found == std::end(kTypeNames)) return bad_value("transport type", entry_.type);
    entry_.kind = found->type;
    if (!entry_.is_inet()) return true;
    const InetEndpoint endpoint = parse_inet_name(entry_.name);
    const std::optional<int64_t> number = parse_int(endpoint.port);
    const bool port_ok = number ? *number >= 1 && *number <= 65535 : !endpoint.port.empty();
    return port_ok || bad_value("service name", entry_.name);
  }

  bool parse_flags() {
    bool ignored = false;
    const bool default_private = !entry_.is_inet();
    if (!take_flag("private", default_private, entry_.is_private, entry_.private_service)) {
      return false;
    }
    if (entry_.is_inet() && entry_.private_service) {
      return fail("field \"private\": an inet service cannot be private");
    }
    return take_flag("unprivileged", true, entry_.unprivileged, ignored) &&
           take_flag("chroot", false, entry_.chroot, ignored);
  }

  bool parse_numbers() {
    if (!take("wakeup time", entry_.wakeup)) return false;
    if (entry_.wakeup != "-") {
      std::string_view digits = entry_.wakeup;
      if (digits.ends_with('?')) digits.remove_suffix(1);
      if (!parse_count(digits, entry_.wakeup_seconds))
        return bad_value("wakeup time", entry_.wakeup);
    }
    if (!take("process limit", entry_.process_limit)) return false;
    if (entry_.process_limit == "-") return true;
    return parse_count(entry_.process_limit, entry_.limit) ||
           bad_value("process limit", entry_.process_limit);
  }

  static bool parse_count(std::string_view text, int32_t& out) {
    const std::optional<int64_t> value = parse_int(text);
    if (!value || *value < 0 || *value > std::numeric_limits<int32_t>::max()) return false;
    out = static_cast<int32_t>(*value);
    return true;
  }

  bool parse_command() {
    if (!take("command name", entry_.command)) return false;
    const CommandInfo* command = find_command(entry_.command);
    if (command == nullptr) return fail(unknown_command());
    if (command->use == CommandUse::kUnsupported) {
      diagnostics_.warn(entry_.file, entry_.line,
                        fmt::format("service {}: command {} is not available in this version; the "
                                    "service is skipped",
                                    entry_.id(), entry_.command));
    }
    return true;
  }

  std::string unknown_command() const {
    std::string text =
        fmt::format("field \"command name\": unknown command: \"{}\"", entry_.command);
    std::vector<std::string_view> names;
    for (const CommandInfo& known : kCommands) names.push_back(known.name);
    const std::string_view near = nearest_of(lookup::lower(entry_.command), names);
    if (!near.empty()) text += fmt::format("; did you mean {}?", near);
    return text;
  }

  /// Options come first; `--` or the first other word ends them.
  bool parse_arguments() {
    const size_t first = next_;
    for (size_t i = first; i < words_.size(); ++i) entry_.arguments.emplace_back(words_[i]);
    while (next_ < words_.size() && words_[next_].size() > 1 && words_[next_].front() == '-') {
      const std::string_view word = words_[next_++];
      if (word == "--") break;
      if (!parse_option(word)) return false;
    }
    for (; next_ < words_.size(); ++next_) {
      entry_.command_arguments.emplace_back(lookup::strip_braces(words_[next_]));
    }
    return true;
  }

  /// `word` starts with `-`; letters may be clustered, and a value may follow at once or as next
  /// word.
  bool parse_option(std::string_view word) {
    for (size_t i = 1; i < word.size(); ++i) {
      switch (word[i]) {
        case 'v':
          ++entry_.verbosity;
          continue;
        case 'D':
        case 'S':
        case 'd':
        case 'l':
        case 'u':
        case 'z':
        case 'c':
          continue;  // debugger, stand-alone, and what master adds itself: no process here
        case 'o':
          return parse_override(word.substr(i + 1));
        default:
          return fail(fmt::format("service {}: unknown option: \"{}\"", entry_.id(), word));
      }
    }
    return true;
  }

  bool parse_override(std::string_view attached) {
    std::string_view text = attached;
    if (text.empty()) {
      if (next_ == words_.size()) {
        return fail(fmt::format("service {}: option -o needs name=value", entry_.id()));
      }
      text = words_[next_++];
    }
    const lookup::NameValue setting = lookup::split_name_value(lookup::strip_braces(text));
    if (setting.error != nullptr) {
      return fail(fmt::format("service {}: -o {}: {}", entry_.id(), text, setting.error));
    }
    if (runs_on(text) || (text.starts_with('{') && lookup::strip_braces(text) == text)) {
      return fail(fmt::format("service {}: -o {}: missing '}}'", entry_.id(), text));
    }
    if (!std::all_of(setting.name.begin(), setting.name.end(), lookup::is_name_char)) {
      return fail(fmt::format("service {}: -o {}: bad parameter name \"{}\"", entry_.id(), text,
                              setting.name));
    }
    entry_.overrides.push_back({std::string(setting.name), std::string(setting.value)});
    return true;
  }

  ServiceEntry& entry_;
  Diagnostics& diagnostics_;
  std::vector<std::string_view> words_;
  size_t next_ = 0;
};

}  // namespace

const CommandInfo* find_command(std::string_view name) noexcept {
  const auto* it =
      std::find_if(std::begin(kCommands), std::end(kCommands),
                   [name](const CommandInfo& command) { return command.name == name; });
  return it == std::end(kCommands) ? nullptr : it;
}

bool is_delivery_command(std::string_view command) noexcept {
  return std::find(std::begin(kDeliveryCommands), std::end(kDeliveryCommands), command) !=
         std::end(kDeliveryCommands);
}

InetEndpoint parse_inet_name(std::string_view name) {
  if (name.starts_with('[')) {
    const size_t close = name.find(']');
    if (close == std::string_view::npos || name.substr(close + 1, 1) != ":") return {};
    return {.host = std::string(name.substr(1, close - 1)),
            .port = std::string(name.substr(close + 2))};
  }
  const size_t colon = name.rfind(':');
  if (colon == std::string_view::npos) return {.host = {}, .port = std::string(name)};
  return {.host = std::string(name.substr(0, colon)), .port = std::string(name.substr(colon + 1))};
}

bool parse_service(std::string_view text, std::string_view file, int32_t line, ServiceEntry& entry,
                   Diagnostics& diagnostics) {
  entry.file = file;
  entry.line = line;
  if (text.find('\0') != std::string_view::npos) {
    diagnostics.error(entry.file, line, "null byte in text");
    return false;
  }
  return EntryParser(entry, diagnostics).parse(text);
}

std::vector<ServiceEntry> parse_master_cf(std::string_view contents, std::string_view file,
                                          Diagnostics& diagnostics) {
  std::vector<ServiceEntry> entries;
  lookup::LogicalLineReader reader(contents);
  lookup::LogicalLine line;
  while (reader.next(line)) {
    if (line.is_orphan()) {
      diagnostics.warn(std::string(file), 0, lookup::orphan_warning(line.text));
      continue;
    }
    ServiceEntry entry;
    if (!parse_service(line.text, file, line.line, entry, diagnostics)) continue;
    const auto same = std::find_if(entries.begin(), entries.end(), [&](const ServiceEntry& other) {
      return other.name == entry.name && other.type == entry.type;
    });
    if (same == entries.end()) {
      entries.push_back(std::move(entry));
      continue;
    }
    diagnostics.warn(entry.file, entry.line,
                     fmt::format("duplicate master.cf entry for service \"{}\" ({}) -- using the "
                                 "last entry",
                                 entry.name, same->line));
    *same = std::move(entry);
  }
  return entries;
}

std::string_view default_master_cf() noexcept {
  return "smtp      inet  n       -       n       -       -       smtpd\n"
         "127.0.0.1:8025 inet n  -       n       -       -       httpd\n";
}

std::span<const ServiceEntry> builtin_services() {
  static const std::vector<ServiceEntry> entries = [] {
    constexpr std::string_view kNames[] = {"smtp",    "relay", "lmtp",  "local",
                                           "virtual", "error", "retry", "discard"};
    std::vector<ServiceEntry> out;
    for (const std::string_view name : kNames) {
      Diagnostics diagnostics;
      ServiceEntry entry;
      const std::string text = fmt::format("{0} unix - - n - - {0}", name);
      const bool parsed = parse_service(text, "", 0, entry, diagnostics);
      BARID_ASSERT(parsed);
      out.push_back(std::move(entry));
    }
    return out;
  }();
  return entries;
}

}  // namespace barid::config
