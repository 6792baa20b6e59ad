// Properties: a path that parses has a canonical form that parses to itself, is free of control
// characters and splits into what was parsed; strict parsing takes nothing that loose refuses.
#include <cstdint>
#include <string>

#include "core/base/assert.h"
#include "core/text/ascii.h"
#include "core/text/utf8.h"
#include "smtp/proto/address.h"

using namespace barid;
using namespace barid::smtp;

namespace {

void check(std::string_view text, PathOptions options) {
  const Result<Path> path = parse_path(text, options);
  if (!path.ok()) return;
  std::string canonical;
  append_address(canonical, path->address);
  for (const char c : canonical) BARID_ASSERT(static_cast<unsigned char>(c) >= ' ' && c != '\x7f');
  BARID_ASSERT(text::is_valid_utf8(canonical));
  BARID_ASSERT(path->address.utf8 == !text::is_ascii(canonical));
  BARID_ASSERT(canonical.empty() == path->address.is_null());
  if (canonical.empty()) return;

  const Result<Path> loose = parse_path(text, {.strict = false, .utf8 = true, .allow_null = true});
  BARID_ASSERT(loose.ok());
  const AddressParts parts = split_address(canonical);
  BARID_ASSERT(parts.domain == path->address.domain);
  std::string unquoted_given;
  std::string unquoted_canonical;
  append_unquoted(unquoted_given, path->address.local);
  append_unquoted(unquoted_canonical, parts.local);
  BARID_ASSERT(unquoted_given == unquoted_canonical);

  // Quoting may add two bytes and backslashes to a path at the limit; all others parse again.
  if (canonical.size() > kPathBytesMax) return;
  const Result<Address> again = parse_mailbox(canonical, {.strict = false, .utf8 = true});
  BARID_ASSERT(again.ok());
  std::string twice;
  append_address(twice, *again);
  BARID_ASSERT(twice == canonical);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (int flags = 0; flags < 8; ++flags) {
    check(bytes,
          {.strict = (flags & 1) != 0, .utf8 = (flags & 2) != 0, .allow_null = (flags & 4) != 0});
  }
  return 0;
}
