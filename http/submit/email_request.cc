#include "http/submit/email_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/text/ascii.h"
#include "core/text/base64.h"
#include "core/text/utf8.h"
#include "dns/name.h"
#include "http/submit/moment.h"
#include "http/submit/raw_message.h"

namespace barid::http {
namespace {

constexpr size_t kFieldsMax = 100;
constexpr size_t kFilesMax = 100;
constexpr size_t kTagsMax = 50;
constexpr size_t kSmallJsonBytesMax = 16 * 1024;
// In the unit of WallTime: nanoseconds of far dates do not fit.
constexpr std::chrono::microseconds kScheduleMax = std::chrono::hours(24 * 30);

ApiError invalid(std::string param, std::string_view what) {
  return {.status = 422,
          .name = "validation_error",
          .message = fmt::format("Invalid `{}`: {}", param, what),
          .param = std::move(param)};
}
ApiError missing(std::string_view param) {
  return {.status = 422,
          .name = "missing_required_field",
          .message = fmt::format("Missing `{}` field.", param),
          .param = std::string(param)};
}

/// Reads members of one object; after the first error nothing more is read.
class Reader {
 public:
  Reader(JsonValue value, WallTime now, EmailRequest* email)
      : value_(std::move(value)), now_(now), email_(*email) {}

  std::optional<ApiError> read() {
    if (!value_.is_object()) return invalid("body", "must be a JSON object");
    read_addresses();
    read_content();
    read_fields();
    read_files();
    read_handling();
    read_recipients();
    if (!error_) check_whole();
    return std::move(error_);
  }

 private:
  /// The member, or null if it is absent or JSON null.
  const JsonValue* find(std::string_view name) const noexcept {
    const JsonValue* member = value_.find(name);
    return member == nullptr || member->is_null() ? nullptr : member;
  }
  /// SDKs write some names in camel case.
  const JsonValue* find(std::string_view name, std::string_view other) const noexcept {
    const JsonValue* member = find(name);
    return member != nullptr ? member : find(other);
  }
  void fail(ApiError error) {
    if (!error_) error_ = std::move(error);
  }
  std::string text(std::string_view name, const JsonValue* member) {
    if (member == nullptr) return {};
    if (!member->is_string()) fail(invalid(std::string(name), "must be a string"));
    return member->text;
  }
  /// The same for a member of something nested, where JSON null is as good as absent.
  std::string optional_text(std::string_view param, const JsonValue* member) {
    return member == nullptr || member->is_null() ? std::string() : text(param, member);
  }
  /// May be large, so it is moved out of the request.
  std::optional<std::string> take_text(std::string_view name) {
    JsonValue* member = value_.find(name);
    if (member == nullptr || member->is_null()) return std::nullopt;
    if (!member->is_string()) fail(invalid(std::string(name), "must be a string"));
    return std::move(member->text);
  }

  Mailbox mailbox(std::string_view param, const JsonValue& value) {
    std::optional<Mailbox> parsed;
    if (value.is_string()) parsed = parse_mailbox(value.text);
    if (!parsed) {
      fail(
          invalid(std::string(param), "must be `email@example.com` or `Name <email@example.com>`"));
      return {};
    }
    // An ASCII local part needs no SMTPUTF8 if its domain is written in A-labels.
    if (text::is_ascii(parsed->local) && !text::is_ascii(parsed->domain)) {
      const auto ascii = dns::name_to_ascii(parsed->domain);
      if (!ascii) fail(invalid(std::string(param), "the domain is no valid name"));
      parsed->domain = ascii.value_or("");
    }
    return *std::move(parsed);
  }

  std::vector<Mailbox> mailboxes(std::string_view name, const JsonValue* member) {
    std::vector<Mailbox> list;
    if (member == nullptr) return list;
    if (member->kind != JsonValue::Kind::kArray) {
      list.push_back(mailbox(name, *member));
      return list;
    }
    if (member->items.size() > kRecipientsMax) {
      fail(invalid(std::string(name), fmt::format("at most {} addresses", kRecipientsMax)));
      return list;
    }
    for (size_t i = 0; i < member->items.size() && !error_; ++i) {
      list.push_back(mailbox(name, member->items[i]));
      if (error_ && member->items.size() > 1) {
        error_->message += fmt::format(" (address {} of {})", i + 1, member->items.size());
      }
    }
    return list;
  }

  void read_addresses() {
    const JsonValue* from = find("from");
    if (from == nullptr) return fail(missing("from"));
    Composition& composition = email_.composition;
    composition.from = mailbox("from", *from);
    composition.to = mailboxes("to", find("to"));
    composition.cc = mailboxes("cc", find("cc"));
    composition.reply_to = mailboxes("reply_to", find("reply_to", "replyTo"));
    email_.bcc = mailboxes("bcc", find("bcc"));
    if (composition.to.empty() && find("recipients") == nullptr) fail(missing("to"));
    if (const JsonValue* path = find("return_path"); path != nullptr) {
      const Mailbox parsed = mailbox("return_path", *path);
      email_.return_path = parsed.address();
    }
  }

  /// What a whole message has in it already.
  void refuse_beside_raw() {
    for (const std::string_view name : {"html", "text", "attachments", "headers", "reply_to",
                                        "replyTo", "unsubscribe", "track"}) {
      if (find(name) != nullptr) fail(invalid(std::string(name), "cannot be given beside `raw`"));
    }
  }

  void read_content() {
    Composition& composition = email_.composition;
    if (find("template") != nullptr) {  // without it the mail would say something else
      return fail(invalid("template", "there are no templates here: send `html` or `text`"));
    }
    if (find("raw") != nullptr) {
      refuse_beside_raw();
      JsonValue* raw = value_.find("raw");
      if (!raw->is_string() || !text::decode_base64_in_place(raw->text)) {
        return fail(invalid("raw", "must be a message in base64"));
      }
      RawMessage message = prepare_raw(std::exchange(raw->text, {}));
      if (!message.problem.empty()) return fail(invalid("raw", message.problem));
      email_.raw = std::move(message.text);
      email_.raw_from_domain = std::move(message.from_domain);
      composition.subject = std::move(message.subject);
      composition.message_id = std::move(message.message_id);
      return;
    }
    const JsonValue* subject = find("subject");
    if (subject == nullptr) return fail(missing("subject"));
    composition.subject = text("subject", subject);
    composition.text = take_text("text");
    composition.html = take_text("html");
  }

  void read_fields() {
    const JsonValue* headers = find("headers");
    if (headers == nullptr) return;
    if (!headers->is_object()) return fail(invalid("headers", "must be an object"));
    if (headers->names.size() > kFieldsMax) return fail(invalid("headers", "too many"));
    for (size_t i = 0; i < headers->names.size(); ++i) {
      const std::string& name = headers->names[i];
      const JsonValue& value = headers->items[i];
      if (value.kind != JsonValue::Kind::kString && value.kind != JsonValue::Kind::kNumber) {
        return fail(invalid("headers." + name.substr(0, 76), "must be a string"));
      }
      email_.composition.fields.push_back({.name = name, .value = value.text});
    }
  }

  void read_files() {
    if (find("attachments") == nullptr) return;
    JsonValue* files = value_.find("attachments");
    if (files->kind != JsonValue::Kind::kArray) {
      return fail(invalid("attachments", "must be an array"));
    }
    if (files->items.size() > kFilesMax) return fail(invalid("attachments", "too many"));
    for (size_t i = 0; i < files->items.size() && !error_; ++i) {
      read_file(files->items[i], fmt::format("attachments.{}", i));
    }
  }

  void read_file(JsonValue& value, const std::string& param) {
    const auto member = [&value](std::string_view snake, std::string_view camel) {
      const JsonValue* found = value.find(snake);
      return found != nullptr ? found : value.find(camel);
    };
    if (!value.is_object()) return fail(invalid(param, "must be an object"));
    const auto string_of = [&](std::string_view snake, std::string_view camel) {
      return optional_text(fmt::format("{}.{}", param, snake), member(snake, camel));
    };
    AttachedFile file;
    file.filename = string_of("filename", "filename");
    file.content_type = string_of("content_type", "contentType");
    file.content_id = string_of("content_id", "contentId");
    if (file.content_id.empty()) {
      file.content_id = string_of("inline_content_id", "inlineContentId");
    }
    JsonValue* content = value.find("content");
    if (content == nullptr || content->is_null()) {
      const JsonValue* path = value.find("path");
      return fail(invalid(param, path != nullptr && !path->is_null()
                                     ? "files are not fetched from URLs: send `content`"
                                     : "needs `content`"));
    }
    if (!read_bytes(*content, &file.bytes)) {
      return fail(invalid(param + ".content", "must be base64, or a serialised Buffer"));
    }
    email_.composition.files.push_back(std::move(file));
  }

  /// Base64, or what JSON.stringify() makes of a Buffer. It may be large, so it is used up.
  static bool read_bytes(JsonValue& value, std::string* bytes) {
    if (value.is_string()) {
      const bool good = text::decode_base64_in_place(value.text);
      *bytes = std::move(value.text);
      return good;
    }
    const JsonValue* type = value.find("type");
    JsonValue* data = value.find("data");
    if (type == nullptr || type->text != "Buffer" || data == nullptr) return false;
    if (data->kind == JsonValue::Kind::kBytes) {
      *bytes = std::move(data->text);
      return true;
    }
    return data->kind == JsonValue::Kind::kArray && data->items.empty();
  }

  void read_handling() {
    if (const JsonValue* stream = find("stream"); stream != nullptr) {
      if (stream->text != "transactional" && stream->text != "bulk") {
        return fail(invalid("stream", "must be transactional or bulk"));
      }
      email_.stream = stream->text == "bulk" ? Stream::kBulk : Stream::kTransactional;
    }
    if (const JsonValue* priority = find("priority"); priority != nullptr) {
      int number = 0;
      const char* end = priority->text.data() + priority->text.size();
      const auto parsed = std::from_chars(priority->text.data(), end, number);
      if (priority->kind != JsonValue::Kind::kNumber || parsed.ec != std::errc() ||
          parsed.ptr != end || number < kPriorityMin || number > kPriorityMax) {
        return fail(invalid("priority", "must be a whole number from -9 to 9"));
      }
      email_.priority = static_cast<int8_t>(number);
    }
    if (const JsonValue* at = find("scheduled_at", "scheduledAt"); at != nullptr) {
      email_.scheduled_at = at->is_string() ? parse_moment(at->text, now_) : std::nullopt;
      if (!email_.scheduled_at) {
        return fail(invalid("scheduled_at", "must be an ISO 8601 date or words like `in 1 min`"));
      }
      if (*email_.scheduled_at > now_ + kScheduleMax) {
        return fail(invalid("scheduled_at", "must be within 30 days"));
      }
    }
    if (const JsonValue* at = find("expires_at"); at != nullptr) {
      const auto moment = at->is_string() ? parse_moment(at->text, now_) : std::nullopt;
      if (!moment || *moment <= now_) {
        return fail(invalid("expires_at", "must be an ISO 8601 date in the future"));
      }
      if (email_.scheduled_at && *moment <= *email_.scheduled_at) {
        return fail(invalid("expires_at", "must be after `scheduled_at`"));
      }
      email_.expires_at = *moment;
    }
    email_.pool = text("pool", find("pool"));
    if (email_.pool.size() > 64) return fail(invalid("pool", "is too long"));
    read_tags();
    read_unsubscribe();
    read_track();
    if (const JsonValue* metadata = find("metadata"); metadata != nullptr) {
      if (!metadata->is_object()) return fail(invalid("metadata", "must be an object"));
      email_.metadata.clear();
      append_json(email_.metadata, *metadata);
      if (email_.metadata.size() > kSmallJsonBytesMax) fail(invalid("metadata", "is too large"));
    }
  }

  void read_tags() {
    const JsonValue* tags = find("tags");
    if (tags == nullptr) return;
    if (tags->kind != JsonValue::Kind::kArray || tags->items.size() > kTagsMax) {
      return fail(invalid("tags", "must be a short array"));
    }
    constexpr text::CharSet kTagChars = text::kAlnum | text::CharSet("_-");
    for (size_t i = 0; i < tags->items.size(); ++i) {
      const JsonValue& tag = tags->items[i];
      const JsonValue* name = tag.find("name");
      const JsonValue* value = tag.find("value");
      const bool good = name != nullptr && value != nullptr && name->is_string() &&
                        value->is_string() && !name->text.empty() && name->text.size() <= 256 &&
                        value->text.size() <= 256 && kTagChars.has_all(name->text) &&
                        kTagChars.has_all(value->text);
      if (!good) {
        return fail(
            invalid("tags", fmt::format("each needs a name and a value of ASCII letters, digits, _ "
                                        "and - (tag {} of {})",
                                        i + 1, tags->items.size())));
      }
    }
    email_.tags.clear();
    append_json(email_.tags, *tags);
  }

  void read_unsubscribe() {
    const JsonValue* unsubscribe = find("unsubscribe");
    if (unsubscribe == nullptr) return;
    if (!unsubscribe->is_object()) return fail(invalid("unsubscribe", "must be an object"));
    Composition& composition = email_.composition;
    composition.unsubscribe_url = optional_text("unsubscribe.url", unsubscribe->find("url"));
    composition.unsubscribe_mailto =
        optional_text("unsubscribe.mailto", unsubscribe->find("mailto"));
    composition.unsubscribe_one_click = composition.unsubscribe_url.starts_with("https://");
    read_wish(*unsubscribe, "unsubscribe", "one_click", &composition.unsubscribe_one_click);
  }

  void read_track() {
    const JsonValue* track = find("track");
    if (track == nullptr) return;
    if (!track->is_object()) return fail(invalid("track", "must be an object"));
    read_wish(*track, "track", "opens", &email_.track.opens);
    read_wish(*track, "track", "clicks", &email_.track.clicks);
  }

  /// `wanted` stays as it is when the member is not there.
  void read_wish(const JsonValue& object, std::string_view param, std::string_view name,
                 bool* wanted) {
    const JsonValue* member = object.find(name);
    if (member == nullptr || member->is_null()) return;
    if (member->kind != JsonValue::Kind::kBool) {
      return fail(invalid(fmt::format("{}.{}", param, name), "must be true or false"));
    }
    *wanted = member->boolean;
  }

  void read_recipients() {
    const JsonValue* recipients = find("recipients");
    if (recipients == nullptr || error_) return;
    if (recipients->kind != JsonValue::Kind::kArray || recipients->items.empty() ||
        recipients->items.size() > kMergeRecipientsMax) {
      return fail(
          invalid("recipients", fmt::format("must be an array of 1 to {}", kMergeRecipientsMax)));
    }
    if (!email_.composition.to.empty() || !email_.composition.cc.empty() || !email_.bcc.empty()) {
      return fail(invalid("recipients", "cannot be given together with to, cc or bcc"));
    }
    if (email_.raw) return fail(invalid("recipients", "cannot be given together with raw"));
    for (size_t i = 0; i < recipients->items.size() && !error_; ++i) {
      read_recipient(recipients->items[i], fmt::format("recipients.{}", i));
    }
  }

  void read_recipient(const JsonValue& value, const std::string& param) {
    if (!value.is_object()) return fail(invalid(param, "must be an object"));
    const JsonValue* address = value.find("email");
    if (address == nullptr) return fail(missing(param + ".email"));
    MergeRecipient recipient{.mailbox = mailbox(param + ".email", *address)};
    std::string name = optional_text(param + ".name", value.find("name"));
    if (!name.empty()) recipient.mailbox.name = std::move(name);
    const JsonValue* variables = value.find("variables");
    if (variables != nullptr && !variables->is_null()) {
      if (!variables->is_object()) return fail(invalid(param + ".variables", "must be an object"));
      for (size_t i = 0; i < variables->names.size(); ++i) {
        const JsonValue& variable = variables->items[i];
        if (variable.is_null()) continue;  // a tag that asks for it has no value
        std::string written = variable.text;
        if (!variable.is_string()) {
          written.clear();
          append_json(written, variable);
        }
        recipient.variables.emplace_back(variables->names[i], std::move(written));
      }
    }
    const JsonValue* metadata = value.find("metadata");
    if (metadata != nullptr && !metadata->is_null()) {
      if (!metadata->is_object()) return fail(invalid(param + ".metadata", "must be an object"));
      append_json(recipient.metadata, *metadata);
      if (recipient.metadata.size() > kSmallJsonBytesMax) {
        return fail(invalid(param + ".metadata", "is too large"));
      }
    }
    email_.recipients.push_back(std::move(recipient));
  }

  void check_whole() {
    if (auto problem = find_problem(email_.composition)) {
      return fail(invalid(problem->param, problem->message));
    }
    const auto& fields = email_.composition.fields;
    const bool own_id = std::any_of(fields.begin(), fields.end(), [](const ComposedField& field) {
      return text::equals_ignore_case(field.name, kMessageIdField);
    });
    if (own_id && !email_.recipients.empty()) {
      return fail(invalid("headers.Message-ID", "each of the `recipients` gets one of its own"));
    }
    for (const Mailbox& bcc : email_.bcc) {
      if (!text::is_valid_utf8(bcc.local)) return fail(invalid("bcc", "is no address"));
    }
  }

  JsonValue value_;
  const WallTime now_;
  EmailRequest& email_;
  std::optional<ApiError> error_;
};

}  // namespace

std::optional<ApiError> read_email(JsonValue value, WallTime now, EmailRequest* email) {
  return Reader(std::move(value), now, email).read();
}

}  // namespace barid::http
