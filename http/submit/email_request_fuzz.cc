// Property: any body is read without a crash and the same in any pieces; what is accepted becomes
// CR LF lines whose header has no field that the request did not ask for.
#include <cstdint>

#include "core/base/assert.h"
#include "http/submit/email_request.h"

using namespace barid;
using namespace barid::http;

namespace {

bool read(std::string_view text, size_t piece, JsonValue* value) {
  JsonReader reader;
  while (!text.empty()) {
    if (!reader.add(text.substr(0, piece))) return false;
    text.remove_prefix(std::min(piece, text.size()));
  }
  if (!reader.finish()) return false;
  *value = reader.take();
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  JsonValue whole;
  JsonValue single;
  const bool good = read(text, size + 1, &whole);
  BARID_ASSERT(good == read(text, 1, &single));
  if (!good) return 0;
  std::string a;
  std::string b;
  append_json(a, whole);
  append_json(b, single);
  BARID_ASSERT(a == b);
  EmailRequest email;
  if (read_email(whole, wall_from_micros(1'700'000'000'000'000), &email)) return 0;
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
