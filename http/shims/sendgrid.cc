#include "http/shims/sendgrid.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/text/ascii.h"
#include "core/text/json.h"
#include "http/shims/foreign_reader.h"
#include "http/submit/views.h"

namespace barid::http {
namespace {

constexpr size_t kPersonalizationsMax = 1000;
constexpr size_t kAddressesMax = 1000;
constexpr size_t kFilesMax = 100;
constexpr size_t kCategoriesMax = 10;
constexpr size_t kCategoryBytesMax = 255;
constexpr size_t kSubstitutionsMax = 100;
constexpr size_t kSubstitutionBytesMax = 10'000;
constexpr int64_t kSecondsMax = 253'402'300'799;  // the end of the year 9999

using Absent = ForeignReader::Absent;

constexpr std::array<std::string_view, 15> kFields = {
    "personalizations", "from",          "reply_to",          "reply_to_list", "subject",
    "content",          "attachments",   "headers",           "categories",    "custom_args",
    "send_at",          "mail_settings", "tracking_settings", "ip_pool_name",  "batch_id"};
constexpr std::array<Absent, 3> kAbsent = {{
    {"template_id", "templates are not kept here: send subject and content"},
    {"sections", "are not supported: use substitutions"},
    {"asm", "unsubscribe groups are not kept here: send a List-Unsubscribe header"},
}};
constexpr std::array<std::string_view, 9> kPersonalFields = {
    "to", "cc", "bcc", "from", "subject", "headers", "substitutions", "custom_args", "send_at"};
constexpr std::array<Absent, 1> kPersonalAbsent = {{
    {"dynamic_template_data", "templates are not kept here: use substitutions"},
}};

/// What may be asked for only by saying that it is not wanted.
struct Setting {
  std::string_view name;
  std::string_view why;
};
constexpr std::array<Setting, 6> kMailSettings = {{
    {"bypass_list_management", "the suppression list holds for all mail"},
    {"bypass_spam_management", "the suppression list holds for all mail"},
    {"bypass_bounce_management", "the suppression list holds for all mail"},
    {"bypass_unsubscribe_management", "the suppression list holds for all mail"},
    {"footer", "is not supported: put it into the content"},
    {"spam_check", "is not supported"},
}};
constexpr std::array<Setting, 2> kTrackingSettings = {{
    {"subscription_tracking", "is not supported: send a List-Unsubscribe header"},
    {"ganalytics", "is not supported: put the parameters into your links"},
}};

class Translator {
 public:
  Translator(JsonValue& body, ForeignRequest* request) : body_(body), request_(*request) {}

  std::optional<ApiError> translate() {
    if (!reader_.check_names(body_, "", kFields, kAbsent)) return reader_.take_problem();
    read_senders();
    read_content();
    read_files();
    read_categories();
    read_mail_settings();
    read_tracking();
    read_whole();
    if (!reader_.failed()) read_personalizations();
    return reader_.take_problem();
  }

 private:
  /// {"email","name"} as one text.
  std::string address(JsonValue& value, const std::string& path) {
    constexpr std::array<std::string_view, 2> kNames = {"email", "name"};
    if (!reader_.check_names(value, path + '.', kNames)) return {};
    const std::string email = reader_.text(value, path + '.', "email");
    if (email.empty()) reader_.fail_missing(path + ".email");
    return mailbox_text(reader_.text(value, path + '.', "name"), email);
  }

  JsonValue addresses(JsonValue& list, const std::string& path) {
    JsonValue out{.kind = JsonValue::Kind::kArray};
    for (size_t i = 0; i < list.items.size() && !reader_.failed(); ++i) {
      out.items.push_back(json_of(address(list.items[i], fmt::format("{}.{}", path, i))));
    }
    return out;
  }

  void read_senders() {
    JsonValue* from = reader_.find(body_, "from");
    if (from != nullptr) from_ = address(*from, "from");
    JsonValue* one = reader_.find(body_, "reply_to");
    JsonValue* list = reader_.array(body_, "", "reply_to_list", kAddressesMax);
    if (one != nullptr && list != nullptr) {
      reader_.fail("reply_to_list", "cannot be given beside reply_to");
    }
    if (one != nullptr) put(request_.shared, "reply_to", json_of(address(*one, "reply_to")));
    if (list != nullptr) put(request_.shared, "reply_to", addresses(*list, "reply_to_list"));
  }

  /// Plain before html, each once.
  void read_content() {
    JsonValue* parts = reader_.array(body_, "", "content", 2);
    if (parts == nullptr || parts->items.empty()) return reader_.fail_missing("content");
    for (size_t i = 0; i < parts->items.size() && !reader_.failed(); ++i) {
      constexpr std::array<std::string_view, 2> kNames = {"type", "value"};
      const std::string path = fmt::format("content.{}.", i);
      JsonValue& part = parts->items[i];
      if (!reader_.check_names(part, path, kNames)) return;
      const std::string type = reader_.text(part, path, "type");
      std::string value = reader_.text(part, path, "value");
      const bool html = text::equals_ignore_case(type, "text/html");
      if (!html && !text::equals_ignore_case(type, "text/plain")) {
        return reader_.fail(path + "type",
                            "may be text/plain or text/html: send others as attachments");
      }
      if (value.empty()) return reader_.fail(path + "value", "must not be empty");
      if (i == 1 && (!html || reader_.find(request_.shared, "html") != nullptr)) {
        return reader_.fail(path + "type", "text/plain comes first, then text/html, each once");
      }
      put(request_.shared, html ? "html" : "text", json_of(std::move(value)));
    }
  }

  void read_files() {
    JsonValue* files = reader_.array(body_, "", "attachments", kFilesMax);
    if (files == nullptr) return;
    JsonValue ours{.kind = JsonValue::Kind::kArray};
    for (size_t i = 0; i < files->items.size() && !reader_.failed(); ++i) {
      ours.items.push_back(file(files->items[i], fmt::format("attachments.{}.", i)));
    }
    put(request_.shared, "attachments", std::move(ours));
  }

  JsonValue file(JsonValue& theirs, const std::string& path) {
    constexpr std::array<std::string_view, 6> kNames = {"content",     "type",       "filename",
                                                        "disposition", "content_id", "contentId"};
    JsonValue ours{.kind = JsonValue::Kind::kObject};
    if (!reader_.check_names(theirs, path, kNames)) return ours;
    if (reader_.find(theirs, "content") == nullptr) reader_.fail_missing(path + "content");
    put(ours, "content", json_of(reader_.text(theirs, path, "content")));
    const std::string name = reader_.text(theirs, path, "filename");
    if (name.empty()) reader_.fail_missing(path + "filename");
    put(ours, "filename", json_of(name));
    put(ours, "content_type", json_of(reader_.text(theirs, path, "type")));
    const std::string disposition = reader_.text(theirs, path, "disposition");
    std::string content_id = reader_.text(theirs, path, "content_id");
    // @sendgrid/mail leaves this name as its caller wrote it.
    if (content_id.empty()) content_id = reader_.text(theirs, path, "contentId");
    if (disposition == "inline") {
      if (content_id.empty()) reader_.fail_missing(path + "content_id");
      put(ours, "content_id", json_of(content_id));
    } else if (!disposition.empty() && disposition != "attachment") {
      reader_.fail(path + "disposition", "may be attachment or inline");
    }  // content_id has a meaning for inline files only
    return ours;
  }

  void read_categories() {
    JsonValue* list = reader_.array(body_, "", "categories", kCategoriesMax);
    if (list == nullptr || list->items.empty()) return;
    tags_ = "[";
    for (size_t i = 0; i < list->items.size(); ++i) {
      const JsonValue& one = list->items[i];
      if (!one.is_string() || one.text.size() > kCategoryBytesMax) {
        return reader_.fail(fmt::format("categories.{}", i), "must be a short string");
      }
      const std::string number = i == 0 ? "" : fmt::format("_{}", i + 1);
      tags_ += fmt::format("{}{{\"name\":\"category{}\",\"value\":{}}}", i == 0 ? "" : ",", number,
                           text::json_string(one.text));
    }
    tags_ += ']';
  }

  /// True if it is there and wanted. `known`: its members, if it is one that can be had.
  bool wanted(JsonValue& settings, const std::string& path, std::string_view name,
              std::span<const std::string_view> known = {}) {
    JsonValue* one = reader_.find(settings, name);
    if (one == nullptr) return false;
    const std::string mine = fmt::format("{}.{}", path, name);
    if (!one->is_object()) {
      reader_.fail(mine, "must be an object");
      return false;
    }
    return reader_.flag(*one, mine + '.', "enable") &&
           (known.empty() || reader_.check_names(*one, mine + '.', known));
  }

  template <size_t kCount>
  JsonValue* settings(std::string_view name, const std::array<Setting, kCount>& refused,
                      std::span<const std::string_view> own) {
    JsonValue* all = reader_.find(body_, name);
    if (all == nullptr) return nullptr;
    const std::string path(name);
    std::vector<std::string_view> known(own.begin(), own.end());
    for (const Setting& setting : refused) known.push_back(setting.name);
    if (!reader_.check_names(*all, path + '.', known)) return nullptr;
    for (const Setting& setting : refused) {
      if (wanted(*all, path, setting.name)) {
        reader_.fail(fmt::format("{}.{}", path, setting.name), setting.why);
      }
    }
    return all;
  }

  void read_mail_settings() {
    constexpr std::array<std::string_view, 1> kOwn = {"sandbox_mode"};
    JsonValue* all = settings("mail_settings", kMailSettings, kOwn);
    constexpr std::array<std::string_view, 1> kMembers = {"enable"};
    if (all == nullptr) return;
    request_.only_checks = wanted(*all, "mail_settings", "sandbox_mode", kMembers);
  }

  void read_tracking() {
    constexpr std::array<std::string_view, 2> kOwn = {"click_tracking", "open_tracking"};
    JsonValue* all = settings("tracking_settings", kTrackingSettings, kOwn);
    if (all == nullptr) return;
    constexpr std::array<std::string_view, 2> kClicks = {"enable", "enable_text"};
    constexpr std::array<std::string_view, 2> kOpens = {"enable", "substitution_tag"};
    const bool clicks = wanted(*all, "tracking_settings", "click_tracking", kClicks);
    const bool opens = wanted(*all, "tracking_settings", "open_tracking", kOpens);
    if (clicks && reader_.flag(*reader_.find(*all, "click_tracking"),
                               "tracking_settings.click_tracking.", "enable_text")) {
      reader_.fail("tracking_settings.click_tracking.enable_text", "text parts are left alone");
    }
    if (opens && !reader_
                      .text(*reader_.find(*all, "open_tracking"),
                            "tracking_settings.open_tracking.", "substitution_tag")
                      .empty()) {
      reader_.fail("tracking_settings.open_tracking.substitution_tag", "is not supported");
    }
    if (!clicks && !opens) return;
    const auto truth = [](bool value) {
      return JsonValue{.kind = JsonValue::Kind::kBool, .boolean = value};
    };
    JsonValue track{.kind = JsonValue::Kind::kObject};
    put(track, "clicks", truth(clicks));
    put(track, "opens", truth(opens));
    put(request_.shared, "track", std::move(track));
  }

  void read_whole() {
    subject_ = reader_.text(body_, "", "subject");
    if (const JsonValue* headers = reader_.texts(body_, "", "headers")) headers_ = *headers;
    if (const JsonValue* args = reader_.texts(body_, "", "custom_args")) custom_args_ = *args;
    send_at_ = read_send_at(body_, "");
    const std::string pool = reader_.text(body_, "", "ip_pool_name");
    if (!pool.empty()) put(request_.shared, "pool", json_of(pool));
    if (reader_.find(body_, "batch_id") != nullptr) {
      reader_.fail("batch_id", "is not supported: cancel emails by their ids");
    }
  }

  /// ISO 8601, or empty.
  std::string read_send_at(JsonValue& object, std::string_view path) {
    const JsonValue* at = reader_.find(object, "send_at");
    if (at == nullptr) return {};
    const bool whole = at->kind == JsonValue::Kind::kNumber && text::kDigits.has_all(at->text);
    const auto seconds = at->number<int64_t>();
    if (!whole || seconds > kSecondsMax) {
      reader_.fail(fmt::format("{}send_at", path), "must be seconds since 1970");
      return {};
    }
    if (seconds == 0) return {};
    return iso_time(wall_from_micros(seconds * 1'000'000));
  }

  void read_personalizations() {
    JsonValue* list = reader_.array(body_, "", "personalizations", kPersonalizationsMax);
    if (list == nullptr || list->items.empty()) return reader_.fail_missing("personalizations");
    size_t shared_bytes = 0;
    for (const JsonValue& value : request_.shared.items) {
      shared_bytes += value.text.size();
      for (const JsonValue& item : value.items) {
        if (const JsonValue* content = item.find("content")) shared_bytes += content->text.size();
      }
    }
    if (list->items.size() > 1 && shared_bytes * list->items.size() > kSharedBytesMax) {
      return reader_.fail("personalizations",
                          fmt::format("content and attachments come to more than {} bytes for all "
                                      "of them: send fewer in one request",
                                      kSharedBytesMax));
    }
    for (size_t i = 0; i < list->items.size() && !reader_.failed(); ++i) {
      read_personalization(list->items[i], fmt::format("personalizations.{}.", i));
    }
  }

  void read_personalization(JsonValue& theirs, const std::string& path) {
    if (!reader_.check_names(theirs, path, kPersonalFields, kPersonalAbsent)) return;
    ForeignEmail one{.tags = tags_};
    JsonValue* from = reader_.find(theirs, "from");
    const std::string sender = from == nullptr ? from_ : address(*from, path + "from");
    if (sender.empty()) return reader_.fail_missing("from");
    put(one.email, "from", json_of(sender));
    for (const std::string_view name : {"to", "cc", "bcc"}) {
      JsonValue* list = reader_.array(theirs, path, name, kAddressesMax);
      if (list != nullptr) put(one.email, name, addresses(*list, path + std::string(name)));
    }
    if (reader_.find(theirs, "to") == nullptr) return reader_.fail_missing(path + "to");
    std::string subject = reader_.text(theirs, path, "subject");
    if (subject.empty()) subject = subject_;
    if (subject.empty()) return reader_.fail_missing("subject");
    put(one.email, "subject", json_of(std::move(subject)));
    put(one.email, "headers", overridden(headers_, reader_.texts(theirs, path, "headers"), true));
    put(one.email, "metadata",
        overridden(custom_args_, reader_.texts(theirs, path, "custom_args"), false));
    std::string at = read_send_at(theirs, path);
    if (at.empty()) at = send_at_;
    if (!at.empty()) put(one.email, "scheduled_at", json_of(std::move(at)));
    read_substitutions(theirs, path, &one);
    request_.emails.push_back(std::move(one));
  }

  /// `all` with those of one personalization in their place.
  static JsonValue overridden(const JsonValue& all, const JsonValue* own, bool ignore_case) {
    if (own == nullptr) return all;
    JsonValue out{.kind = JsonValue::Kind::kObject};
    for (size_t i = 0; i < all.names.size(); ++i) {
      const auto same = [&](const std::string& name) {
        return ignore_case ? text::equals_ignore_case(name, all.names[i]) : name == all.names[i];
      };
      if (std::any_of(own->names.begin(), own->names.end(), same)) continue;
      out.names.push_back(all.names[i]);
      out.items.push_back(all.items[i]);
    }
    out.names.insert(out.names.end(), own->names.begin(), own->names.end());
    out.items.insert(out.items.end(), own->items.begin(), own->items.end());
    return out;
  }

  void read_substitutions(JsonValue& theirs, const std::string& path, ForeignEmail* one) {
    JsonValue* list = reader_.texts(theirs, path, "substitutions");
    if (list == nullptr) return;
    size_t bytes = 0;
    for (size_t i = 0; i < list->names.size(); ++i) {
      bytes += list->names[i].size() + list->items[i].text.size();
      if (list->names[i].empty()) reader_.fail(path + "substitutions", "a name is empty");
      one->substitutions.emplace_back(list->names[i], list->items[i].text);
    }
    if (list->names.size() > kSubstitutionsMax || bytes > kSubstitutionBytesMax) {
      reader_.fail(path + "substitutions", fmt::format("at most {} of {} bytes together",
                                                       kSubstitutionsMax, kSubstitutionBytesMax));
    }
  }

  JsonValue& body_;
  ForeignRequest& request_;
  ForeignReader reader_{false};
  std::string from_, subject_, send_at_, tags_;
  JsonValue headers_{.kind = JsonValue::Kind::kObject};
  JsonValue custom_args_{.kind = JsonValue::Kind::kObject};
};

std::optional<ApiError> translate(JsonValue& body, size_t, ForeignRequest* request) {
  return Translator(body, request).translate();
}

std::string field_name(std::string_view param, size_t index) {
  const size_t dot = std::min(param.find('.'), param.size());
  const std::string_view first = param.substr(0, dot);
  const std::string_view rest = param.substr(dot);
  for (const std::string_view name : {"to", "cc", "bcc"}) {
    if (first == name) return fmt::format("personalizations.{}.{}", index, param);
  }
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kNames = {{
      {"text", "content"},
      {"html", "content"},
      {"scheduled_at", "send_at"},
      {"metadata", "custom_args"},
      {"tags", "categories"},
      {"pool", "ip_pool_name"},
      {"track", "tracking_settings"},
  }};
  for (const auto& [ours, theirs] : kNames) {
    if (first == ours) return std::string(theirs);
  }
  if (first == "attachments" && rest.ends_with(".content_type")) {
    return std::string(param.substr(0, param.size() - std::string_view("content_type").size())) +
           "type";
  }
  return std::string(param);
}

/// The ids, each on a line; empty: nothing was sent.
std::string answer(const ForeignRequest& request, WallTime) {
  std::string ids;
  if (request.only_checks) return ids;
  for (const ForeignEmail& one : request.emails) ids += one.id + '\n';
  return ids;
}

Response response(std::string ids) {
  if (ids.empty()) return {.status = 200, .content_type = ""};
  Response response{.status = 202, .content_type = ""};
  const size_t first = ids.find('\n');
  response.fields.push_back({.name = "x-message-id", .value = ids.substr(0, first)});
  if (first + 1 == ids.size()) return response;
  response.content_type = "application/json; charset=utf-8";
  response.body = "{\"message_ids\":[";
  for (std::string_view rest = ids; !rest.empty();) {
    const size_t end = rest.find('\n');
    if (!response.body.ends_with('[')) response.body += ',';
    response.body.append("\"").append(rest.substr(0, end)) += '"';
    rest.remove_prefix(end + 1);
  }
  response.body += "]}\n";
  return response;
}

}  // namespace

const Dialect& sendgrid_dialect() noexcept {
  static constexpr Dialect kDialect = {
      .translate = translate, .field_name = field_name, .answer = answer, .response = response};
  return kDialect;
}

Response sendgrid_error(const ApiError& error, std::string_view request_id) {
  Response response = error_response(error, request_id);
  if (error.status == 422) response.status = 400;
  if (error.name == "invalid_api_key") response.status = 401;
  if (error.name == "restricted_api_key") response.status = 403;
  response.body = fmt::format(R"({{"errors":[{{"message":{},"field":{},"help":null}}],"id":{}}})",
                              text::json_string(error.message),
                              error.param.empty() ? "null" : text::json_string(error.param),
                              text::json_string(request_id));
  response.body += '\n';
  return response;
}

}  // namespace barid::http
