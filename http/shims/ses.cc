#include "http/shims/ses.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/mail/header_find.h"
#include "core/text/base64.h"
#include "core/text/json.h"
#include "http/shims/ses_content.h"
#include "http/shims/ses_template.h"

namespace barid::http {
namespace {

constexpr std::array<std::string_view, 6> kFields = {"FromEmailAddress", "Destination",
                                                     "ReplyToAddresses", "Content",
                                                     "EmailTags",        "ConfigurationSetName"};
class Translator {
 public:
  Translator(JsonValue& theirs, ForeignEmail* one) : theirs_(theirs), one_(*one) {}

  std::optional<ApiError> translate() {
    if (!reader_.check_names(theirs_, "", kFields, kSesAbsent)) return reader_.take_problem();
    std::string from = reader_.text(theirs_, "", "FromEmailAddress");
    const bool addressed = content_.read_destination(theirs_, "", &one_.email);
    content_.read_addresses(theirs_, "", "ReplyToAddresses", "reply_to", &one_.email);
    one_.tags = tags_text(content_.read_tags(theirs_, "", "EmailTags"));
    // What a configuration set says of addresses is here said by a pool.
    const std::string set = reader_.text(theirs_, "", "ConfigurationSetName");
    if (!set.empty()) put(one_.email, "pool", json_of(set));
    read_content(addressed, &from);
    if (from.empty()) reader_.fail_missing("FromEmailAddress");
    put(one_.email, "from", json_of(std::move(from)));
    if (one_.email.find("to") == nullptr) reader_.fail_missing("Destination.ToAddresses");
    return reader_.take_problem();
  }

 private:
  void read_content(bool addressed, std::string* from) {
    JsonValue* content = reader_.find(theirs_, "Content");
    if (content == nullptr) return reader_.fail_missing("Content");
    constexpr std::array<std::string_view, 3> kKinds = {"Simple", "Raw", "Template"};
    if (!reader_.check_names(*content, "Content.", kKinds)) return;
    JsonValue* simple = reader_.find(*content, "Simple");
    JsonValue* raw = reader_.find(*content, "Raw");
    JsonValue* kept = reader_.find(*content, "Template");
    if ((simple != nullptr) + (raw != nullptr) + (kept != nullptr) != 1) {
      return reader_.fail("Content", "must have one of Simple, Raw, Template");
    }
    if (simple != nullptr) read_simple(*simple);
    if (raw != nullptr) read_raw(*raw, addressed, from);
    if (kept != nullptr) read_template(*kept);
  }

  void read_simple(JsonValue& simple) {
    constexpr std::array<std::string_view, 4> kNames = {"Subject", "Body", "Headers",
                                                        "Attachments"};
    constexpr std::string_view kPath = "Content.Simple.";
    if (!reader_.check_names(simple, kPath, kNames)) return;
    JsonValue subject = content_.read_text(simple, kPath, "Subject");
    if (subject.is_null()) return reader_.fail_missing("Content.Simple.Subject");
    put(one_.email, "subject", std::move(subject));
    JsonValue* body = reader_.find(simple, "Body");
    if (body == nullptr) return reader_.fail_missing("Content.Simple.Body");
    constexpr std::array<std::string_view, 2> kParts = {"Text", "Html"};
    if (!reader_.check_names(*body, "Content.Simple.Body.", kParts)) return;
    put_given("text", content_.read_text(*body, "Content.Simple.Body.", "Text"));
    put_given("html", content_.read_text(*body, "Content.Simple.Body.", "Html"));
    if (one_.email.find("text") == nullptr && one_.email.find("html") == nullptr) {
      reader_.fail("Content.Simple.Body", "needs Text or Html");
    }
    put_given("headers", content_.read_headers(simple, kPath, "Headers"));
    put_given("attachments", content_.read_files(simple, kPath));
  }

  /// Without a Destination it goes to whom its header names.
  void read_raw(JsonValue& raw, bool addressed, std::string* from) {
    constexpr std::array<std::string_view, 1> kNames = {"Data"};
    if (!reader_.check_names(raw, "Content.Raw.", kNames)) return;
    std::string data = reader_.text(raw, "Content.Raw.", "Data");
    if (data.empty()) return reader_.fail_missing("Content.Raw.Data");
    if (one_.email.find("reply_to") != nullptr) {
      return reader_.fail("ReplyToAddresses", "cannot be given beside Content.Raw");
    }
    if (!addressed || from->empty()) {
      const auto message = text::decode_base64(data);
      if (!message) return reader_.fail("Content.Raw.Data", "must be a message in base64");
      if (from->empty()) *from = find_header(*message, "From");
      JsonValue to{.kind = JsonValue::Kind::kArray};
      for (const std::string_view name : {"To", "Cc", "Bcc"}) {
        const std::string list = find_header(*message, name);
        for (const std::string_view item : split_addresses(list)) {
          to.items.push_back(json_of(std::string(item)));
        }
      }
      if (!addressed && !to.items.empty()) put(one_.email, "to", std::move(to));
    }
    if (addressed && one_.email.find("to") == nullptr) {
      // The header is the message's own: who is named where does not show.
      for (std::string& name : one_.email.names) {
        if (name != "cc" && name != "bcc") continue;
        name = "to";
        break;
      }
    }
    put(one_.email, "raw", json_of(std::move(data)));
  }

  void read_template(JsonValue& kept) {
    constexpr std::array<std::string_view, 4> kNames = {"TemplateContent", "TemplateData",
                                                        "Headers", "Attachments"};
    constexpr std::string_view kPath = "Content.Template.";
    if (!reader_.check_names(kept, kPath, kNames, kSesTemplateAbsent)) return;
    const SesTemplate source = SesTemplate::read(reader_, kept, kPath);
    const JsonValue data = read_template_data(reader_, kept, kPath, "TemplateData");
    if (reader_.failed()) return;
    size_t left = kSharedBytesMax;
    const std::string problem = source.render({&data}, &left, &one_.email);
    if (!problem.empty()) return reader_.fail("Content.Template.TemplateContent", problem);
    put_given("headers", content_.read_headers(kept, kPath, "Headers"));
    put_given("attachments", content_.read_files(kept, kPath));
  }

  void put_given(std::string_view name, JsonValue value) {
    if (!value.is_null()) put(one_.email, name, std::move(value));
  }

  JsonValue& theirs_;
  ForeignEmail& one_;
  ForeignReader reader_{false};
  SesContent content_{reader_};
};

std::optional<ApiError> translate(JsonValue& body, size_t, ForeignRequest* request) {
  ForeignEmail& one = request->emails.emplace_back();
  return Translator(body, &one).translate();
}

std::string field_name(std::string_view param, size_t) {
  return ses_field(param, "Content.Simple.", "");
}

std::string answer(const ForeignRequest& request, WallTime) {
  return fmt::format("{{\"MessageId\":{}}}\n", text::json_string(request.emails.front().id));
}

Response response(std::string answer) {
  return {.content_type = "application/json", .body = std::move(answer)};
}

struct Exception {
  uint16_t status;
  std::string_view name;
};

/// The classes that the SDKs know.
Exception exception_of(const ApiError& error) {
  if (error.name == "missing_api_key") return {403, "MissingAuthenticationTokenException"};
  if (error.name == "invalid_api_key") return {403, "UnrecognizedClientException"};
  if (error.name == "invalid_signature") return {403, "InvalidSignatureException"};
  if (error.name == "restricted_api_key") return {403, "AccessDeniedException"};
  if (error.status == 403) return {400, "MessageRejected"};  // a sender that is not this key's
  if (error.status == 422 && error.param == kSesConfigurationSet) return {404, "NotFoundException"};
  switch (error.status) {
    case 408:
      return {408, "RequestTimeoutException"};
    case 409:
      return {409, "ConflictException"};
    case 413:
      return {413, "RequestEntityTooLargeException"};
    case 429:
      return {429, "TooManyRequestsException"};
    case 500:
      return {500, "InternalServiceErrorException"};
    case 503:
      return {503, "ServiceUnavailableException"};
    default:
      return {400, "BadRequestException"};
  }
}

}  // namespace

const Dialect& ses_dialect() noexcept {
  static constexpr Dialect kDialect = {
      .translate = translate, .field_name = field_name, .answer = answer, .response = response};
  return kDialect;
}

Response ses_error(const ApiError& error, std::string_view request_id) {
  Response response = error_response(error, request_id);
  const Exception exception = exception_of(error);
  response.status = exception.status;
  response.content_type = "application/json";
  response.fields.push_back({.name = "x-amzn-errortype", .value = std::string(exception.name)});
  response.body = fmt::format("{{\"message\":{}}}\n", text::json_string(error.message));
  return response;
}

}  // namespace barid::http
