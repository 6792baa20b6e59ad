// A submission that came in another API's words, on its way to ours: what it asks for, translated,
// and how its client wants to hear of it. Who speaks which API is in http/shims.
// Layer:  http, pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/time.h"
#include "http/message.h"
#include "http/submit/json.h"

namespace barid::http {

/// What is multiplied by the number of its emails may be so large together.
inline constexpr size_t kSharedBytesMax = size_t{64} * 1024 * 1024;

/// One of the emails that a request asks for.
struct ForeignEmail {
  JsonValue email{.kind = JsonValue::Kind::kObject};  ///< as POST /emails takes it
  /// Replaced in subject, text, html and values of headers, wherever they occur.
  std::vector<std::pair<std::string, std::string>> substitutions;
  std::string tags;  ///< JSON, of any text; empty = those of `email`
  std::string echo;  ///< JSON members for the answer
  std::optional<ApiError> problem;
  std::string id;  ///< once it is read
};

struct ForeignRequest {
  std::vector<ForeignEmail> emails;
  JsonValue shared{.kind = JsonValue::Kind::kObject};  ///< members that all of them have
  bool partial = false;      ///< what is wrong with one email does not concern the others
  bool only_checks = false;  ///< nothing is sent
};

/// How one call of another API is read and answered. Pure functions.
struct Dialect {
  /// `body` is used up. `emails_max`: of a batch.
  std::optional<ApiError> (*translate)(JsonValue& body, size_t emails_max, ForeignRequest* request);
  /// That API's name for the field `param` of ours, of the email `index`.
  std::string (*field_name)(std::string_view param, size_t index);
  /// What is kept with the Idempotency-Key, and given to response() now and then.
  std::string (*answer)(const ForeignRequest& request, WallTime now);
  Response (*response)(std::string answer);
};

/// The email `index` as POST /emails takes it, whole. Once for each.
[[nodiscard]] JsonValue take_email(ForeignRequest& request, size_t index);

/// `error` in that API's names.
void rename_field(ApiError& error, const Dialect& dialect, size_t index);

}  // namespace barid::http
