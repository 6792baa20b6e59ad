// Property: any Authorization field is read or refused with a sentence; what is read has a
// signature of its own, and another secret or another body has another one.
#include <cstdint>

#include "core/base/assert.h"
#include "http/submit/signature_v4.h"

using namespace barid;
using namespace barid::http;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view field = text.substr(0, text.find('\n'));
  const std::string_view rest = text.substr(std::min(text.size(), field.size() + 1));
  std::string problem;
  const auto claim = parse_signature_v4(field, &problem);
  BARID_ASSERT(claim.has_value() == problem.empty());
  if (!claim) return 0;
  Request request{.method_text = "POST", .target_text = "/v2/email/outbound-emails"};
  request.fields = {{.name = "host", .value = "h"},
                    {.name = "x-amz-date", .value = std::string(rest.substr(0, 16))}};
  request.body = ContentRef::make();
  request.body->append(rest);
  const std::string digest = signature_v4_digest(request);
  static_cast<void>(signature_v4_problem(*claim, request, digest, wall_from_micros(0)));
  const std::string signature = sign_v4(*claim, request, digest, "secret");
  BARID_ASSERT(signature.size() == claim->signature.size());
  BARID_ASSERT(signature != sign_v4(*claim, request, digest, "another"));
  request.body->append("x");
  BARID_ASSERT(signature != sign_v4(*claim, request, signature_v4_digest(request), "secret"));
  return 0;
}
