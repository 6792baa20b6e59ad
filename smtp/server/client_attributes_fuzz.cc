// Attributes of XCLIENT and XFORWARD: no input breaks the parser, a refusal is a 5xx and changes
// nothing, and what is taken is within bounds. The first byte picks the command.
#include <string_view>

#include "core/base/assert.h"
#include "smtp/server/client_attributes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace barid::smtp;
  if (size == 0) return 0;
  const Verb command = data[0] % 2 == 0 ? Verb::kXclient : Verb::kXforward;
  const std::string_view arguments(reinterpret_cast<const char*>(data) + 1, size - 1);
  ClientAttributes attributes;
  attributes.set(ClientAttribute::kName, "before.example");
  const std::string refusal = parse_client_attributes(command, arguments, &attributes);
  if (!refusal.empty()) {
    BARID_ASSERT(refusal.starts_with("501 5.5.4 "));
    BARID_ASSERT(attributes.find(ClientAttribute::kName) == "before.example");
  }
  for (size_t i = 0; i < kClientAttributeCount; ++i) {
    const auto& value = attributes.find(static_cast<ClientAttribute>(i));
    if (value) BARID_ASSERT(value->size() <= 255);
  }
  return 0;
}
