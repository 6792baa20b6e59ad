#include "core/lookup/table.h"

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "core/lookup/index_file.h"
#include "core/lookup/logical_lines.h"
#include "core/lookup/split.h"
#include "core/lookup/table_internal.h"
#include "core/lookup/text_source.h"

namespace barid::lookup {
namespace {

struct ViewHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>{}(text);
  }
};
using StringMap = absl::flat_hash_map<std::string, std::string, ViewHash, std::equal_to<>>;

/// Every lookup fails for now, with a text fixed at open time.
class FailingTable final : public Table {
 public:
  FailingTable(std::string name, std::string reason)
      : Table(std::move(name), KeyStyle::kPattern), reason_(std::move(reason)) {}
  LookupResult find(std::string_view) const override { return LookupResult::temporary(reason_); }

 private:
  std::string reason_;
};

class StaticTable final : public Table {
 public:
  StaticTable(std::string name, std::string value)
      : Table(std::move(name), KeyStyle::kFixed), value_(std::move(value)) {}
  LookupResult find(std::string_view) const override { return LookupResult::found(value_); }

 private:
  std::string value_;
};

class MapTable final : public Table {
 public:
  MapTable(std::string name, StringMap map)
      : Table(std::move(name), KeyStyle::kFixed), map_(std::move(map)) {}

  LookupResult find(std::string_view key) const override {
    const FoldedKey folded(key);
    const auto it = map_.find(folded.view());
    return it == map_.end() ? LookupResult::not_found() : LookupResult::found(it->second);
  }
  bool for_each_entry(Visitor visit) const override {
    std::vector<const StringMap::value_type*> entries;  // in the order of their keys
    for (const auto& entry : map_) entries.push_back(&entry);
    std::sort(entries.begin(), entries.end(),
              [](const auto* a, const auto* b) { return a->first < b->first; });
    for (const auto* entry : entries) visit(entry->first, entry->second);
    return true;
  }

 private:
  StringMap map_;
};

/// All hits of its members, joined with commas. One member that cannot tell makes the answer
/// unknown.
class UnionTable final : public Table {
 public:
  UnionTable(std::string name, std::vector<std::unique_ptr<Table>> members)
      : Table(std::move(name), style_of(members)), members_(std::move(members)) {}

  LookupResult find(std::string_view key) const override {
    std::string joined;
    bool hit = false;
    for (const auto& member : members_) {
      LookupResult result = member->find(key);
      if (result.is_temporary()) return result;
      if (!result.is_found()) continue;
      if (hit) joined += ',';
      joined += result.value();
      hit = true;
    }
    return hit ? LookupResult::found_copy(std::move(joined)) : LookupResult::not_found();
  }

 private:
  static KeyStyle style_of(const std::vector<std::unique_ptr<Table>>& members) {
    const bool any_pattern = std::any_of(members.begin(), members.end(), [](const auto& member) {
      return member->key_style() == KeyStyle::kPattern;
    });
    return any_pattern ? KeyStyle::kPattern : KeyStyle::kFixed;
  }

  std::vector<std::unique_ptr<Table>> members_;
};

/// The text inside `{ … }`, or nullopt when `name` is not one closed group.
std::optional<std::string_view> group_content(std::string_view name) {
  name = trim(name);
  if (name.empty() || name.front() != '{') return std::nullopt;
  if (find_closing_brace(name, 0) != name.size() - 1) return std::nullopt;
  return trim(name.substr(1, name.size() - 2));
}

std::unique_ptr<Table> open_inline(std::string_view spec, std::string_view name,
                                   const OpenContext& context) {
  const auto content = group_content(name);
  if (!content) {
    const auto reason = fmt::format("bad syntax: \"{}\"; need \"inline:{{name=value...}}\"", spec);
    return unavailable_table(spec, reason, context);
  }
  StringMap map;
  for (const std::string_view item : split_list(*content)) {
    const NameValue entry = split_name_value(item);
    if (entry.error != nullptr) {
      const std::string shown = context.secret_values ? "" : fmt::format(": \"{}\"", item);
      return unavailable_table(spec, entry.error + shown, context);
    }
    map.insert_or_assign(lower(entry.name), std::string(entry.value));
  }
  if (map.empty()) return unavailable_table(spec, "empty inline table", context);
  return std::make_unique<MapTable>(std::string(spec), std::move(map));
}

std::unique_ptr<Table> open_text(std::string_view spec, std::string_view name, TextFormat format,
                                 const OpenContext& context) {
  const std::string path(name);
  const Result<std::string> content = context.read_file(path);
  if (!content.ok()) return unavailable_table(spec, open_failure(path, content.error()), context);
  StringMap map;
  read_text_source(
      *content, path, format, context, [&](std::string key, std::string_view value, int32_t line) {
        const auto [it, inserted] = map.try_emplace(lower(key), value);
        if (inserted) return;
        context.warn(fmt::format("{}, line {}: duplicate entry: \"{}\"", path, line, it->first));
      });
  return std::make_unique<MapTable>(std::string(spec), std::move(map));
}

std::unique_ptr<Table> open_texthash(std::string_view spec, std::string_view name,
                                     const OpenContext& context) {
  return open_text(spec, name, TextFormat::kTable, context);
}

std::unique_ptr<Table> open_aliases(std::string_view spec, std::string_view name,
                                    const OpenContext& context) {
  return open_text(spec, name, TextFormat::kAliases, context);
}

/// Users and groups of this machine, from the files themselves: asking the name service could
/// block. Key: the name; value: the line.
std::unique_ptr<Table> open_unix(std::string_view spec, std::string_view name,
                                 const OpenContext& context) {
  const bool users = name == "passwd.byname";
  if (!users && name != "group.byname") {
    return unavailable_table(spec, "need \"unix:passwd.byname\" or \"unix:group.byname\"", context);
  }
  const std::string path = users ? "/etc/passwd" : "/etc/group";
  const Result<std::string> content = context.read_file(path);
  if (!content.ok()) return unavailable_table(spec, open_failure(path, content.error()), context);
  StringMap map;
  std::string_view rest = *content;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) continue;
    map.try_emplace(lower(line.substr(0, colon)), line);
  }
  return std::make_unique<MapTable>(std::string(spec), std::move(map));
}

std::unique_ptr<Table> open_static(std::string_view spec, std::string_view name,
                                   const OpenContext&) {
  return std::make_unique<StaticTable>(std::string(spec), std::string(strip_braces(trim(name))));
}

std::unique_ptr<Table> open_fail(std::string_view spec, std::string_view, const OpenContext&) {
  return std::make_unique<FailingTable>(std::string(spec), fmt::format("{} lookup error", spec));
}

constexpr int32_t kGroupDepthMax = 32;

/// Deepest nesting of braces: bounds the recursion of tables made of tables.
int32_t group_depth(std::string_view text) noexcept {
  int32_t depth = 0;
  int32_t deepest = 0;
  for (const char c : text) {
    if (c == '{') deepest = std::max(deepest, ++depth);
    if (c == '}' && depth > 0) --depth;
  }
  return deepest;
}

std::unique_ptr<Table> open_union(std::string_view spec, std::string_view name,
                                  const OpenContext& context) {
  const auto content = group_content(name);
  const auto items = content ? split_list(*content) : std::vector<std::string_view>{};
  if (items.empty() || group_depth(spec) > kGroupDepthMax) {
    const auto reason = fmt::format("bad syntax: \"{}\"; need \"unionmap:{{type:name...}}\"", spec);
    return unavailable_table(spec, reason, context);
  }
  std::vector<std::unique_ptr<Table>> members;
  for (const std::string_view item : items) members.push_back(open_table(item, context));
  return std::make_unique<UnionTable>(std::string(spec), std::move(members));
}

struct TypeEntry {
  std::string_view type;
  std::unique_ptr<Table> (*open)(std::string_view spec, std::string_view name,
                                 const OpenContext& context);
};
constexpr TypeEntry kTypes[] = {
    {"aliases", open_aliases},     {"btree", open_index_table}, {"cdb", open_index_table},
    {"cidr", open_cidr_table},     {"fail", open_fail},         {"hash", open_index_table},
    {"inline", open_inline},       {"lmdb", open_index_table},  {"pcre", open_pcre_table},
    {"regexp", open_regexp_table}, {"static", open_static},     {"texthash", open_texthash},
    {"unionmap", open_union},      {"unix", open_unix},
};

/// Rules with secrets between braces: a complaint would quote them.
std::unique_ptr<Table> open_secret_rules(const TypeEntry& entry, std::string_view shown,
                                         std::string_view name, const OpenContext& context) {
  std::vector<std::string> complaints;
  OpenContext own = context;
  own.warnings = own.errors = &complaints;
  std::unique_ptr<Table> table = entry.open(shown, name, own);
  if (!complaints.empty()) context.warn(fmt::format("{}: a rule cannot be used", shown));
  return table;
}

}  // namespace

bool holds_secrets(std::string_view parameter) noexcept {
  return parameter.ends_with("sasl_password_maps") || parameter.ends_with("sasl_passwd_maps") ||
         parameter == "http_access_key_maps";
}

std::string without_values(std::string_view spec) {
  constexpr std::string_view kFiles[] = {"aliases", "btree", "cdb",    "cidr",     "fail", "hash",
                                         "lmdb",    "pcre",  "regexp", "texthash", "unix"};
  const size_t colon = std::min(spec.find(':'), spec.size());
  const std::string_view type = spec.substr(0, colon);
  if (type == "proxy")
    return "proxy:" + without_values(spec.substr(std::min(colon + 1, spec.size())));
  const bool is_name = std::find(std::begin(kFiles), std::end(kFiles), type) != std::end(kFiles) &&
                       !trim(spec.substr(colon)).starts_with(":{");
  if (is_name || colon == spec.size()) return std::string(spec);
  return fmt::format("{}:(hidden)", type);
}

std::unique_ptr<Table> unavailable_table(std::string_view spec, std::string_view reason,
                                         const OpenContext& context) {
  std::string text = fmt::format("{} is unavailable. {}", spec, reason);
  context.warn(text);
  return std::make_unique<FailingTable>(std::string(spec), std::move(text));
}

std::unique_ptr<Table> open_table(std::string_view spec, const OpenContext& context) {
  const std::string_view whole = spec;
  constexpr std::string_view kProxy = "proxy:";  // one process here: the table itself
  while (spec.starts_with(kProxy)) spec.remove_prefix(kProxy.size());
  const size_t colon = spec.find(':');
  if (colon == std::string_view::npos) {
    return unavailable_table(whole, "need \"type:name\"", context);
  }
  const std::string_view type = spec.substr(0, colon);
  const std::string_view name = spec.substr(colon + 1);
  const std::string shown = context.secret_values ? without_values(spec) : std::string(spec);
  for (const TypeEntry& entry : kTypes) {
    if (entry.type != type) continue;
    const bool rules = entry.open == open_cidr_table || entry.open == open_pcre_table ||
                       entry.open == open_regexp_table;
    if (rules && shown != spec) return open_secret_rules(entry, shown, name, context);
    return entry.open(shown, name, context);
  }
  const std::string reason = fmt::format("unsupported dictionary type: {}", type);
  std::unique_ptr<Table> table = unavailable_table(shown, reason, {});
  context.warn(fmt::format("{} is unavailable. {} (there are {})", shown, reason,
                           fmt::join(table_types(), ", ")));
  return table;
}

const std::vector<std::string_view>& table_types() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> out;
    for (const TypeEntry& entry : kTypes) out.push_back(entry.type);
    return out;
  }();
  return names;
}

std::string read_rules(std::string_view name, std::string_view example, const OpenContext& context,
                       absl::FunctionRef<void(std::string_view, int32_t)> add) {
  if (name.starts_with('{')) {
    if (find_closing_brace(name, 0) != name.size() - 1) {
      return fmt::format("bad syntax: need {}", example);
    }
    int32_t number = 0;
    for (const std::string_view rule : split_list(trim(name.substr(1, name.size() - 2)))) {
      add(rule, ++number);
    }
    return {};
  }
  const std::string path(name);
  const Result<std::string> content = context.read_file(path);
  if (!content.ok()) return open_failure(path, content.error());
  LogicalLineReader reader(*content);
  LogicalLine line;
  while (reader.next(line)) {
    if (line.is_orphan()) {
      context.warn(fmt::format("{}: {}", path, orphan_warning(line.text)));
      continue;
    }
    add(line.text, line.line);
  }
  return {};
}

}  // namespace barid::lookup
