// What the admin API tells of configuration and keys: read when settings are built, so that asking
// touches no file.
// Layer: tools, pure but for the tables.
#pragma once

#include <string>
#include <vector>

#include "core/config/configuration.h"
#include "core/lookup/table_list.h"
#include "http/message.h"

namespace barid::tools {

struct SettingFacts {
  std::string name;
  std::string value;  ///< as it may be shown: passwords are left out
  bool is_default = true;
  std::string place;  ///< of its line in a file, as the start of a complaint; empty = none
};

struct KeyFacts {
  std::string table;   ///< type:name
  std::string digest;  ///< as in the table
  std::string entry;   ///< as in the table
};

struct AdminFacts {
  std::string directory;
  std::vector<SettingFacts> settings;  ///< sorted by name
  std::vector<KeyFacts> keys;
  bool keys_listed = true;  ///< false: some table can only be asked, not listed
};

[[nodiscard]] AdminFacts admin_facts(const config::Configuration& configuration,
                                     const lookup::OpenContext& context);

/// `{"object":"configuration","directory":…,"data":[{"name","value","default"}]}`; of those that
/// differ from their defaults only, unless `all`.
[[nodiscard]] std::string settings_json(const AdminFacts& facts, bool all);
/// One of them with what the schema says about it; empty if there is none of that name.
[[nodiscard]] std::string setting_json(const AdminFacts& facts, std::string_view name);
/// `{"object":"list","complete":…,"data":[{"digest","tenant","scopes",…}]}`
[[nodiscard]] std::string keys_json(const AdminFacts& facts);

}  // namespace barid::tools
