// Tables of any text: nothing breaks, each entry is found under its key, complaints name a line.
// The first byte picks the type.
#include <string>
#include <string_view>
#include <vector>

#include "core/base/assert.h"
#include "core/lookup/table.h"
#include "core/lookup/text_source.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace barid::lookup;
  if (size == 0) return 0;
  constexpr std::string_view kTypes[] = {"texthash", "aliases", "cidr", "inline"};
  const std::string_view type = kTypes[data[0] % std::size(kTypes)];
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::vector<std::string> warnings;
  const OpenContext context{
      .read_file = [&](const std::string&) -> barid::Result<std::string> { return text; },
      .warnings = &warnings};
  const std::string name = type == "inline" ? "{" + text + "}" : "/t";
  const auto table = open_table(std::string(type) + ":" + name, context);
  size_t count = 0;
  const bool listed = table->for_each_entry([&](std::string_view key, std::string_view value) {
    ++count;
    const LookupResult found = table->find(key);
    BARID_ASSERT(found.is_found() && found.value() == value);
  });
  BARID_ASSERT(listed || count == 0);
  (void)table->find("192.0.2.1");
  (void)table->find("2001:db8::1");
  (void)table->find(text);
  if (type != "texthash") return 0;
  size_t entries = 0;
  read_text_source(text, "/t", TextFormat::kTable, {},
                   [&](const std::string& key, std::string_view value, int32_t line) {
                     ++entries;
                     BARID_ASSERT(!key.empty() && !value.empty() && line > 0);
                   });
  BARID_ASSERT(count <= entries);
  return 0;
}
