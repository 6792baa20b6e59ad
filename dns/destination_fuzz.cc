// Property: a text either parses or has an error, never both; every parsed item, written again from
// its parts, parses to the same destination; the list is its items.
#include "core/base/assert.h"
#include "dns/destination.h"
#include "dns/name.h"

namespace {

using namespace barid::dns;

void check(std::string_view text, const DestinationDefaults& defaults) {
  const ParsedDestinations parsed = parse_destinations(text, defaults);
  BARID_ASSERT(parsed.destinations.empty() == !parsed.error.empty());
  for (const Destination& one : parsed.destinations) {
    const ParsedDestinations alone = parse_destinations(one.text, defaults);
    BARID_ASSERT(alone.destinations.size() == 1);
    BARID_ASSERT(alone.destinations[0] == one);
    if (one.kind == DestinationKind::kUnix) continue;
    BARID_ASSERT(one.port != 0);
    BARID_ASSERT(one.literal.has_value() || is_host_name(one.name));
    const bool brackets = one.kind == DestinationKind::kHost;
    const std::string written =
        (brackets ? '[' + one.name + ']' : one.name) + ':' + std::to_string(one.port);
    ParsedDestinations again = parse_destinations(written, defaults);
    BARID_ASSERT(again.destinations.size() == 1);
    again.destinations[0].text = one.text;
    BARID_ASSERT(again.destinations[0] == one);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(text, {.syntax = DestinationSyntax::kSmtp, .port = 25});
  check(text, {.syntax = DestinationSyntax::kLmtp, .port = 24});
  return 0;
}
