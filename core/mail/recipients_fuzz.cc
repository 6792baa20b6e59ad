// Property: addresses are no longer than the list they are from, and only quotes and literals keep
// a line end.
#include "core/base/assert.h"
#include "core/mail/address_list.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string> found = barid::list_addresses(text);
  BARID_ASSERT(found.size() <= size);
  for (const std::string& address : found) {
    BARID_ASSERT(address.size() <= size);
    BARID_ASSERT(address.find('\n') == std::string::npos ||
                 address.find('"') != std::string::npos || address.find('[') != std::string::npos);
  }
  return 0;
}
