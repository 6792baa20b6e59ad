// master.cf over any text: no crash, and an entry that is formatted and read again is the same
// entry.
#include <cstdint>
#include <string_view>

#include "core/base/assert.h"
#include "core/config/edit.h"
#include "core/config/master_cf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace barid::config;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Diagnostics diagnostics;
  const auto entries = parse_master_cf(bytes, "fuzz", diagnostics);
  for (const ServiceEntry& entry : entries) {
    for (const Folding folding : {Folding::kOneLine, Folding::kFolded}) {
      Diagnostics again_diagnostics;
      const auto again = parse_master_cf(format_service(entry, folding), "fuzz", again_diagnostics);
      BARID_ASSERT(again_diagnostics.ok());
      BARID_ASSERT(again.size() == 1);
      BARID_ASSERT(again[0].id() == entry.id());
      BARID_ASSERT(format_service(again[0], folding) == format_service(entry, folding));
      BARID_ASSERT(again[0].overrides == entry.overrides);
      BARID_ASSERT(again[0].command_arguments == entry.command_arguments);
    }
  }
  return 0;
}
