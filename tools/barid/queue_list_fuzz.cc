// Property: what parses is written so that it parses to the same; the text of mailq keeps one line
// per fact.
#include <algorithm>

#include "core/base/assert.h"
#include "tools/barid/queue_list.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace barid;
  using namespace barid::tools;
  const auto entry = parse_json_line({reinterpret_cast<const char*>(data), size});
  if (!entry.ok()) {
    BARID_ASSERT(entry.error().text != nullptr);
    return 0;
  }
  std::string line;
  write_json_line(line, *entry);
  BARID_ASSERT(std::count(line.begin(), line.end(), '\n') == 1 && line.back() == '\n');
  const auto again = parse_json_line(line);
  BARID_ASSERT(again.ok() && *again == *entry);
  std::string text;
  MailqText mailq(ListZone::kUtc);
  mailq.add(text, *entry);
  const auto lines = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  BARID_ASSERT(lines >= 2 + entry->recipients.size() && lines <= 2 + 2 * entry->recipients.size());
  return 0;
}
