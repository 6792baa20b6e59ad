// Property: a list that parses is written as it was read, and a bad one names a line of it.
#include <algorithm>

#include "core/base/assert.h"
#include "shard/schedule/suspensions.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using barid::schedule::Suspensions;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  size_t line = 0;
  const auto list = Suspensions::from_text(text, &line);
  if (!list.ok()) {
    BARID_ASSERT(list.error().text != nullptr);
    BARID_ASSERT(line >= 1 && line <= 1 + static_cast<size_t>(std::ranges::count(text, '\n')));
    return 0;
  }
  const auto again = Suspensions::from_text(list->to_text(), &line);
  BARID_ASSERT(again.ok() && *again == *list);
  return 0;
}
