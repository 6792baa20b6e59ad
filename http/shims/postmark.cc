#include "http/shims/postmark.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/text/ascii.h"
#include "core/text/json.h"
#include "http/shims/foreign_reader.h"
#include "http/submit/views.h"

namespace barid::http {
namespace {

constexpr size_t kHeadersMax = 100;
constexpr size_t kFilesMax = 100;
constexpr size_t kTagBytesMax = 1000;
constexpr size_t kAddressBytesMax = 64 * 1024;
constexpr std::string_view kTooMany = "too_many_messages";

using Absent = ForeignReader::Absent;
constexpr std::array<std::string_view, 15> kFields = {
    "From",       "To",         "Cc",       "Bcc",         "Subject",
    "Tag",        "HtmlBody",   "TextBody", "ReplyTo",     "Headers",
    "TrackOpens", "TrackLinks", "Metadata", "Attachments", "MessageStream"};
constexpr std::array<Absent, 4> kAbsent = {{
    {"TemplateId", "templates are not kept here: send Subject and bodies"},
    {"TemplateAlias", "templates are not kept here: send Subject and bodies"},
    {"TemplateModel", "templates are not kept here: send Subject and bodies"},
    {"InlineCss", "templates are not kept here: send Subject and bodies"},
}};

class Translator {
 public:
  Translator(JsonValue& theirs, ForeignEmail* one) : theirs_(theirs), one_(*one) {}

  std::optional<ApiError> translate() {
    if (!reader_.check_names(theirs_, "", kFields, kAbsent)) return reader_.take_problem();
    read_addresses();
    read_content();
    read_headers();
    read_files();
    read_handling();
    return reader_.take_problem();
  }

 private:
  void read_addresses() {
    const std::string from = reader_.text(theirs_, "", "From");
    if (from.empty()) return reader_.fail_missing("From");
    put(one_.email, "from", json_of(from));
    constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kLists = {
        {{"To", "to"}, {"Cc", "cc"}, {"Bcc", "bcc"}, {"ReplyTo", "reply_to"}}};
    for (const auto& [theirs, ours] : kLists) {
      const std::string list = reader_.text(theirs_, "", theirs);
      if (list.size() > kAddressBytesMax) return reader_.fail(std::string(theirs), "is too long");
      JsonValue items{.kind = JsonValue::Kind::kArray};
      for (const std::string_view item : split_addresses(list)) {
        items.items.push_back(json_of(std::string(item)));
      }
      if (items.items.empty()) continue;
      put(one_.email, ours, std::move(items));
      if (theirs == "ReplyTo") continue;
      one_.echo += fmt::format("\"{}\":{},", theirs, text::json_string(list));
    }
    if (reader_.find(one_.email, "to") == nullptr) reader_.fail_missing("To");
  }

  void read_content() {
    put(one_.email, "subject", json_of(reader_.text(theirs_, "", "Subject")));
    const bool plain = reader_.find(theirs_, "TextBody") != nullptr;
    const bool html = reader_.find(theirs_, "HtmlBody") != nullptr;
    if (!plain && !html) return reader_.fail("", "Provide TextBody or HtmlBody or both.");
    if (plain) put(one_.email, "text", json_of(reader_.text(theirs_, "", "TextBody")));
    if (html) put(one_.email, "html", json_of(reader_.text(theirs_, "", "HtmlBody")));
  }

  void read_headers() {
    JsonValue* list = reader_.array(theirs_, "", "Headers", kHeadersMax);
    if (list == nullptr) return;
    JsonValue headers{.kind = JsonValue::Kind::kObject};
    for (size_t i = 0; i < list->items.size() && !reader_.failed(); ++i) {
      constexpr std::array<std::string_view, 2> kNames = {"Name", "Value"};
      const std::string path = fmt::format("Headers.{}.", i);
      JsonValue& header = list->items[i];
      if (!reader_.check_names(header, path, kNames)) return;
      const std::string name = reader_.text(header, path, "Name");
      if (name.empty()) return reader_.fail_missing(path + "Name");
      headers.names.push_back(name);
      headers.items.push_back(json_of(reader_.text(header, path, "Value")));
    }
    put(one_.email, "headers", std::move(headers));
  }

  void read_files() {
    JsonValue* list = reader_.array(theirs_, "", "Attachments", kFilesMax);
    if (list == nullptr) return;
    JsonValue files{.kind = JsonValue::Kind::kArray};
    for (size_t i = 0; i < list->items.size() && !reader_.failed(); ++i) {
      constexpr std::array<std::string_view, 5> kNames = {"Name", "Content", "ContentType",
                                                          "ContentID", "ContentLength"};
      const std::string path = fmt::format("Attachments.{}.", i);
      JsonValue& theirs = list->items[i];
      if (!reader_.check_names(theirs, path, kNames)) return;
      for (const std::string_view needed : {"Name", "Content", "ContentType"}) {
        if (reader_.find(theirs, needed) == nullptr)
          reader_.fail_missing(path + std::string(needed));
      }
      JsonValue ours{.kind = JsonValue::Kind::kObject};
      put(ours, "filename", json_of(reader_.text(theirs, path, "Name")));
      put(ours, "content", json_of(reader_.text(theirs, path, "Content")));
      put(ours, "content_type", json_of(reader_.text(theirs, path, "ContentType")));
      std::string content_id = reader_.text(theirs, path, "ContentID");
      if (text::starts_with_ignore_case(content_id, "cid:")) content_id.erase(0, 4);
      if (!content_id.empty()) put(ours, "content_id", json_of(content_id));
      files.items.push_back(std::move(ours));
    }
    put(one_.email, "attachments", std::move(files));
  }

  void read_handling() {
    const std::string tag = reader_.text(theirs_, "", "Tag");
    if (tag.size() > kTagBytesMax) reader_.fail("Tag", "is too long");
    if (!tag.empty()) {
      one_.tags = fmt::format(R"([{{"name":"tag","value":{}}}])", text::json_string(tag));
    }
    if (JsonValue* metadata = reader_.texts(theirs_, "", "Metadata")) {
      put(one_.email, "metadata", std::move(*metadata));
    }
    const std::string stream = reader_.text(theirs_, "", "MessageStream");
    const bool bulk = stream == "broadcast" || stream == "bulk";
    if (!bulk && !stream.empty() && stream != "outbound" && stream != "transactional") {
      reader_.fail("MessageStream", "may be outbound or broadcast");
    }
    if (bulk) put(one_.email, "stream", json_of("bulk"));
    const bool opens = reader_.flag(theirs_, "", "TrackOpens");
    const std::string links = reader_.text(theirs_, "", "TrackLinks");
    const bool clicks = links == "HtmlOnly";
    if (!clicks && !links.empty() && links != "None") {
      reader_.fail("TrackLinks", "may be None or HtmlOnly: text parts are left alone");
    }
    if (!opens && !clicks) return;
    JsonValue track{.kind = JsonValue::Kind::kObject};
    put(track, "opens", {.kind = JsonValue::Kind::kBool, .boolean = opens});
    put(track, "clicks", {.kind = JsonValue::Kind::kBool, .boolean = clicks});
    put(one_.email, "track", std::move(track));
  }

  JsonValue& theirs_;
  ForeignEmail& one_;
  ForeignReader reader_{true};
};

std::optional<ApiError> translate_one(JsonValue& body, size_t, ForeignRequest* request) {
  ForeignEmail& one = request->emails.emplace_back();
  return Translator(body, &one).translate();
}

std::optional<ApiError> translate_batch(JsonValue& body, size_t emails_max,
                                        ForeignRequest* request) {
  request->partial = true;
  if (body.kind != JsonValue::Kind::kArray || body.items.empty()) {
    return ApiError{.status = 422,
                    .name = "validation_error",
                    .message = "The body must be an array of messages."};
  }
  if (body.items.size() > emails_max) {
    return ApiError{.status = 422,
                    .name = kTooMany,
                    .message = fmt::format("A batch may hold up to {} messages.", emails_max)};
  }
  for (JsonValue& item : body.items) {
    ForeignEmail& one = request->emails.emplace_back();
    one.problem = Translator(item, &one).translate();
  }
  return std::nullopt;
}

std::string field_name(std::string_view param, size_t) {
  const size_t dot = std::min(param.find('.'), param.size());
  constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kNames = {{
      {"from", "From"},
      {"to", "To"},
      {"cc", "Cc"},
      {"bcc", "Bcc"},
      {"reply_to", "ReplyTo"},
      {"subject", "Subject"},
      {"text", "TextBody"},
      {"html", "HtmlBody"},
      {"headers", "Headers"},
      {"attachments", "Attachments"},
      {"metadata", "Metadata"},
      {"tags", "Tag"},
      {"stream", "MessageStream"},
      {"track", "TrackOpens"},
  }};
  for (const auto& [ours, theirs] : kNames) {
    if (param.substr(0, dot) == ours) return std::string(theirs).append(param.substr(dot));
  }
  return std::string(param);
}

/// As that API numbers them.
int error_code(const ApiError& error) {
  if (error.status == 401 || error.name == "invalid_api_key") return 10;
  if (error.status == 403) return 400;  // the sender is not this key's
  if (error.status == 400) return 402;  // no JSON
  if (error.status == 415) return 409;
  if (error.status == 429) return 429;
  if (error.status == 503) return 100;
  return error.name == kTooMany ? 410 : 300;
}

std::string told(const ForeignEmail& one, WallTime now) {
  if (one.problem) {
    return fmt::format(R"({{"ErrorCode":{},"Message":{}}})", error_code(*one.problem),
                       text::json_string(one.problem->message));
  }
  return fmt::format(R"({{{}"SubmittedAt":"{}","MessageID":"{}","ErrorCode":0,"Message":"OK"}})",
                     one.echo, iso_time(now), one.id);
}

std::string answer_one(const ForeignRequest& request, WallTime now) {
  return told(request.emails.front(), now) + '\n';
}

std::string answer_batch(const ForeignRequest& request, WallTime now) {
  std::string out = "[";
  for (const ForeignEmail& one : request.emails) {
    if (out.size() > 1) out += ',';
    out += told(one, now);
  }
  return out + "]\n";
}

Response response(std::string answer) { return {.body = std::move(answer)}; }

}  // namespace

const Dialect& postmark_dialect() noexcept {
  static constexpr Dialect kDialect = {.translate = translate_one,
                                       .field_name = field_name,
                                       .answer = answer_one,
                                       .response = response};
  return kDialect;
}

const Dialect& postmark_batch_dialect() noexcept {
  static constexpr Dialect kDialect = {.translate = translate_batch,
                                       .field_name = field_name,
                                       .answer = answer_batch,
                                       .response = response};
  return kDialect;
}

Response postmark_error(const ApiError& error, std::string_view request_id) {
  Response response = error_response(error, request_id);
  if (error.name == "invalid_api_key") response.status = 401;
  if (response.status == 400 || response.status == 403) response.status = 422;
  std::string message = error.message;
  if (error.name == "missing_api_key") message = "The header X-Postmark-Server-Token is missing.";
  response.body = fmt::format("{{\"ErrorCode\":{},\"Message\":{}}}\n", error_code(error),
                              text::json_string(message));
  return response;
}

}  // namespace barid::http
