// Property: any body is read without a crash, and read again as it was written, as a whole and in
// parts; what is accepted becomes CR LF lines whose header has no field that the request did not
// ask for.
#include <cstdint>

#include "core/base/assert.h"
#include "http/submit/email_request.h"
#include "http/submit/json_items.h"

using namespace barid;
using namespace barid::http;

namespace {

/// What an array's items are does not depend on how they are read.
void check_items(std::string_view text, const std::optional<JsonValue>& whole) {
  const auto items = array_items(std::string(text));
  const std::vector<JsonValue> expected = whole ? whole->list() : std::vector<JsonValue>();
  JsonItems::Step step{};
  JsonValue item;
  for (size_t i = 0; (step = items->next(&item)) == JsonItems::Step::kItem; ++i) {
    if (!whole) continue;
    std::string one, other;
    append_json(one, item);
    append_json(other, expected.at(i));
    BARID_ASSERT(one == other);
  }
  const bool is_array =
      whole && (whole->kind == JsonValue::Kind::kArray || whole->kind == JsonValue::Kind::kBytes);
  if (is_array) BARID_ASSERT(step == JsonItems::Step::kEnd);
  if (whole && !is_array) BARID_ASSERT(step == JsonItems::Step::kNotArray);
  if (!whole) BARID_ASSERT(step == JsonItems::Step::kProblem);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto whole = parse_json(text);
  check_items(text, whole);
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
