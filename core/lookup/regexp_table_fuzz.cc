// regexp and pcre tables: no file and no key breaks them, and each lookup ends. Input: the type
// (one byte), the file, NUL, the key.
#include <string>
#include <string_view>

#include "core/lookup/table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace barid;
  if (size == 0 || size > 8192) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t end = std::min(input.find('\0'), input.size());
  const std::string file(input.substr(0, end));
  const std::string_view key = input.substr(std::min(end + 1, input.size()));
  const lookup::OpenContext context{
      .read_file = [&file](const std::string&) -> Result<std::string> { return file; }};
  const auto table = lookup::open_table(data[0] % 2 == 0 ? "pcre:/x" : "regexp:/x", context);
  const lookup::LookupResult result = table->find(key);
  if (result.is_found()) static_cast<void>(result.value().size());
  return 0;
}
