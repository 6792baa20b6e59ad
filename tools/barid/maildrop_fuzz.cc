// Property: what is read as a message is written so that it reads the same, byte for byte.
#include "core/base/assert.h"
#include "tools/barid/maildrop_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto message = barid::tools::parse_maildrop(text);
  if (!message) return 0;
  BARID_ASSERT(message->commands.size() >= 2);
  BARID_ASSERT(barid::tools::format_maildrop(*message) == text);
  return 0;
}
