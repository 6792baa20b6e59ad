// main.cf over any text: no crash, every expansion ends, and what was read survives being written
// back.
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "core/base/assert.h"
#include "core/config/expand.h"
#include "core/config/main_cf.h"

namespace {

using namespace barid::config;

class SettingsSource final : public NameSource {
 public:
  explicit SettingsSource(const Settings& settings) : settings_(settings) {}
  std::optional<std::string_view> find_value(std::string_view name) const override {
    const auto it = settings_.find(name);
    if (it == settings_.end()) return std::nullopt;
    return it->second.value;
  }
  std::optional<std::string> domain_to_ascii(std::string_view domain) const override {
    return std::string(domain);
  }

 private:
  const Settings& settings_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kInputBytesMax = 4096;  // keeps the sum over all names small
  const std::string_view bytes(reinterpret_cast<const char*>(data),
                               size < kInputBytesMax ? size : kInputBytesMax);
  Settings settings;
  Diagnostics diagnostics;
  parse_main_cf(bytes, "fuzz", settings, diagnostics);

  const SettingsSource source(settings);
  std::string written;
  for (const auto& [name, setting] : settings) {
    const Expansion expansion = expand_name(name, source);
    BARID_ASSERT(expansion.ok() || expansion.text.empty());
    (void)referenced_names(setting.value);
    written += fmt::format("{} = {}\n", name, setting.value);
  }
  Settings again;
  Diagnostics none;
  parse_main_cf(written, "fuzz", again, none);
  // A name that starts with '#' can only come from a continued line, and would read as a comment.
  for (const auto& [name, setting] : settings) {
    if (name.starts_with('#')) continue;
    const auto it = again.find(name);
    BARID_ASSERT(it != again.end());
    BARID_ASSERT(it->second.value == setting.value);
  }
  return 0;
}
