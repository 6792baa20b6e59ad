// Property: any JSON is translated or refused by name, in each of the APIs; what comes out is read
// as POST /emails reads it, and its answer is JSON again.
#include <cstdint>

#include "core/base/assert.h"
#include "http/shims/postmark.h"
#include "http/shims/sendgrid.h"
#include "http/shims/ses.h"
#include "http/submit/email_request.h"

using namespace barid;
using namespace barid::http;

namespace {

void check(const Dialect& dialect, ErrorForm form, JsonValue body) {
  const WallTime now = wall_from_micros(1'700'000'000'000'000);
  ForeignRequest request;
  std::optional<ApiError> error = dialect.translate(body, 100, &request);
  for (size_t i = 0; i < request.emails.size() && !error; ++i) {
    ForeignEmail& one = request.emails[i];
    if (one.problem) continue;
    EmailRequest email;
    one.problem = read_email(take_email(request, i), now, &email);
    one.id = "id";
    if (!one.tags.empty()) BARID_ASSERT(parse_json(one.tags).has_value());
    if (!one.problem) continue;
    rename_field(*one.problem, dialect, i);
    BARID_ASSERT(parse_json(form(*one.problem, "r").body).has_value());
  }
  if (error) {
    BARID_ASSERT(parse_json(form(*error, "r").body).has_value());
    return;
  }
  const Response response = dialect.response(dialect.answer(request, now));
  BARID_ASSERT(response.body.empty() || parse_json(response.body).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto body = parse_json({reinterpret_cast<const char*>(data), size});
  if (!body) return 0;
  check(sendgrid_dialect(), sendgrid_error, *body);
  check(postmark_dialect(), postmark_error, *body);
  check(postmark_batch_dialect(), postmark_error, *body);
  check(ses_dialect(), ses_error, *body);
  check(ses_bulk_dialect(), ses_error, *body);
  return 0;
}
