// Property: any body is read without a crash, and read again as it was written; what is accepted
// becomes CR LF lines whose header has no field that the request did not ask for.
#include <cstdint>

#include "core/base/assert.h"
#include "http/submit/email_request.h"

using namespace barid;
using namespace barid::http;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto whole = parse_json({reinterpret_cast<const char*>(data), size});
  if (!whole) return 0;
  std::string written;
  append_json(written, *whole);
  const auto again = parse_json(written);
  BARID_ASSERT(again.has_value());
  std::string twice;
  append_json(twice, *again);
  BARID_ASSERT(written == twice);
  EmailRequest email;
  if (read_email(*whole, wall_from_micros(1'700'000'000'000'000), &email)) return 0;
  if (email.raw) {
    BARID_ASSERT(email.raw->find("\r\n\r\n") != std::string::npos);
    return 0;
  }
  email.composition.message_id = "id@example.org";
  email.composition.boundary = "b";
  ContentRef content = ContentRef::make();
  compose(email.composition, *content);
  std::string message;
  for (const std::string_view span : content->spans()) message += span;
  const std::string header = message.substr(0, message.find("\r\n\r\n"));
  BARID_ASSERT(header.find("\nBcc:") == std::string::npos);
  for (size_t at = message.find('\n'); at != std::string::npos; at = message.find('\n', at + 1)) {
    BARID_ASSERT(at > 0 && message[at - 1] == '\r');
  }
  return 0;
}
