// SendBulkEmail: one template, rendered for each entry.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/text/ascii.h"
#include "core/text/json.h"
#include "http/shims/ses.h"
#include "http/shims/ses_content.h"
#include "http/shims/ses_template.h"

namespace barid::http {
namespace {

constexpr size_t kEntriesMax = 50;
constexpr std::string_view kTemplatePath = "DefaultContent.Template.";
constexpr std::array<std::string_view, 6> kFields = {"FromEmailAddress", "ReplyToAddresses",
                                                     "DefaultEmailTags", "DefaultContent",
                                                     "BulkEmailEntries", kSesConfigurationSet};
constexpr std::array<std::string_view, 4> kEntryFields = {
    "Destination", "ReplacementTags", "ReplacementEmailContent", "ReplacementHeaders"};

/// Those of `own` in the place of those that are called the same.
JsonValue overridden_headers(const JsonValue& all, JsonValue own) {
  JsonValue out{.kind = JsonValue::Kind::kObject};
  for (size_t i = 0; i < all.names.size(); ++i) {
    const auto is_same = [&](const std::string& name) {
      return text::equals_ignore_case(name, all.names[i]);
    };
    if (std::any_of(own.names.begin(), own.names.end(), is_same)) continue;
    out.names.push_back(all.names[i]);
    out.items.push_back(all.items[i]);
  }
  out.names.insert(out.names.end(), own.names.begin(), own.names.end());
  out.items.insert(out.items.end(), own.items.begin(), own.items.end());
  return out;
}

JsonValue overridden_tags(const JsonValue& all, JsonValue own) {
  JsonValue out{.kind = JsonValue::Kind::kArray};
  for (const JsonValue& tag : all.items) {
    const auto is_same = [&](const JsonValue& other) {
      return json_text(other, "name") == json_text(tag, "name");
    };
    if (std::none_of(own.items.begin(), own.items.end(), is_same)) out.items.push_back(tag);
  }
  out.items.insert(out.items.end(), own.items.begin(), own.items.end());
  return out;
}

class Translator {
 public:
  Translator(JsonValue& body, ForeignRequest* request) : body_(body), request_(*request) {}

  std::optional<ApiError> translate() {
    if (!reader_.check_names(body_, "", kFields, kSesAbsent)) return reader_.take_problem();
    const std::string from = reader_.text(body_, "", "FromEmailAddress");
    if (from.empty()) reader_.fail_missing("FromEmailAddress");
    put(request_.shared, "from", json_of(from));
    content_.read_addresses(body_, "", "ReplyToAddresses", "reply_to", &request_.shared);
    const std::string set = reader_.text(body_, "", kSesConfigurationSet);
    if (!set.empty()) put(request_.shared, "pool", json_of(set));
    tags_ = content_.read_tags(body_, "", "DefaultEmailTags");
    read_template();
    JsonValue* entries = reader_.array(body_, "", "BulkEmailEntries", kEntriesMax);
    if (entries == nullptr || entries->items.empty()) reader_.fail_missing("BulkEmailEntries");
    if (reader_.failed()) return reader_.take_problem();
    if (file_bytes_ * entries->items.size() > kSharedBytesMax) {
      reader_.fail("DefaultContent.Template.Attachments",
                   fmt::format("come to more than {} bytes for all entries", kSharedBytesMax));
      return reader_.take_problem();
    }
    for (size_t i = 0; i < entries->items.size(); ++i) {
      ForeignEmail one;
      ForeignReader reader(false);
      read_entry(entries->items[i], fmt::format("BulkEmailEntries.{}.", i), reader, &one);
      one.problem = reader.take_problem();
      request_.emails.push_back(std::move(one));
    }
    return std::nullopt;
  }

 private:
  void read_template() {
    JsonValue* content = reader_.find(body_, "DefaultContent");
    if (content == nullptr) return reader_.fail_missing("DefaultContent");
    constexpr std::array<std::string_view, 1> kNames = {"Template"};
    if (!reader_.check_names(*content, "DefaultContent.", kNames)) return;
    JsonValue* kept = reader_.find(*content, "Template");
    if (kept == nullptr) return reader_.fail_missing("DefaultContent.Template");
    constexpr std::array<std::string_view, 4> kMembers = {"TemplateContent", "TemplateData",
                                                          "Headers", "Attachments"};
    if (!reader_.check_names(*kept, kTemplatePath, kMembers, kSesTemplateAbsent)) return;
    template_ = SesTemplate::read(reader_, *kept, kTemplatePath);
    data_ = read_template_data(reader_, *kept, kTemplatePath, "TemplateData");
    headers_ = content_.read_headers(*kept, kTemplatePath, "Headers");
    JsonValue files = content_.read_files(*kept, kTemplatePath);
    for (const JsonValue& file : files.items) file_bytes_ += json_text(file, "content").size();
    if (!files.is_null()) put(request_.shared, "attachments", std::move(files));
  }

  void read_entry(JsonValue& entry, const std::string& path, ForeignReader& reader,
                  ForeignEmail* one) {
    if (!reader.check_names(entry, path, kEntryFields)) return;
    SesContent content(reader);
    content.read_destination(entry, path, &one->email);
    if (one->email.find("to") == nullptr) reader.fail_missing(path + "Destination.ToAddresses");
    one->tags =
        tags_text(overridden_tags(tags_, content.read_tags(entry, path, "ReplacementTags")));
    put(one->email, "headers",
        overridden_headers(headers_, content.read_headers(entry, path, "ReplacementHeaders")));
    const JsonValue data = read_replacement(entry, path, reader);
    if (reader.failed()) return;
    const std::string problem = template_.render({&data, &data_}, &bytes_left_, &one->email);
    if (!problem.empty()) reader.fail(path + "ReplacementEmailContent", problem);
  }

  /// {"ReplacementTemplate":{"ReplacementTemplateData"}}
  static JsonValue read_replacement(JsonValue& entry, const std::string& path,
                                    ForeignReader& reader) {
    JsonValue none{.kind = JsonValue::Kind::kObject};
    JsonValue* content = reader.find(entry, "ReplacementEmailContent");
    if (content == nullptr) return none;
    constexpr std::array<std::string_view, 1> kNames = {"ReplacementTemplate"};
    constexpr std::array<std::string_view, 1> kMembers = {"ReplacementTemplateData"};
    std::string inside = path + "ReplacementEmailContent.";
    if (!reader.check_names(*content, inside, kNames)) return none;
    JsonValue* kept = reader.find(*content, kNames[0]);
    inside += "ReplacementTemplate.";
    if (kept == nullptr || !reader.check_names(*kept, inside, kMembers)) return none;
    return read_template_data(reader, *kept, inside, kMembers[0]);
  }

  JsonValue& body_;
  ForeignRequest& request_;
  ForeignReader reader_{false};
  SesContent content_{reader_};
  SesTemplate template_;
  JsonValue data_{.kind = JsonValue::Kind::kObject};
  JsonValue headers_{.kind = JsonValue::Kind::kObject};
  JsonValue tags_;
  size_t file_bytes_ = 0;
  size_t bytes_left_ = kSharedBytesMax;
};

std::optional<ApiError> translate(JsonValue& body, size_t, ForeignRequest* request) {
  request->partial = true;
  return Translator(body, request).translate();
}

std::string field_name(std::string_view param, size_t index) {
  return ses_field(param, kTemplatePath, fmt::format("BulkEmailEntries.{}.", index));
}

std::string_view status_of(const ApiError& error) {
  if (error.status == 422 && error.param == kSesConfigurationSet) {
    return "CONFIGURATION_SET_NOT_FOUND";
  }
  if (error.status == 403 || error.status == 413) return "MESSAGE_REJECTED";
  return error.status < 500 ? "INVALID_PARAMETER" : "TRANSIENT_FAILURE";
}

std::string answer(const ForeignRequest& request, WallTime) {
  std::string out = "{\"BulkEmailEntryResults\":[";
  for (const ForeignEmail& one : request.emails) {
    if (!out.ends_with('[')) out += ',';
    if (one.problem) {
      out += fmt::format(R"({{"Status":"{}","Error":{}}})", status_of(*one.problem),
                         text::json_string(one.problem->message));
    } else {
      out += fmt::format(R"({{"Status":"SUCCESS","MessageId":{}}})", text::json_string(one.id));
    }
  }
  return out + "]}\n";
}

Response response(std::string answer) {
  return {.content_type = "application/json", .body = std::move(answer)};
}

}  // namespace

const Dialect& ses_bulk_dialect() noexcept {
  static constexpr Dialect kDialect = {
      .translate = translate, .field_name = field_name, .answer = answer, .response = response};
  return kDialect;
}

}  // namespace barid::http
