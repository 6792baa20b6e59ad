#include "http/shims/ses_content.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/text/ascii.h"

namespace barid::http {
namespace {

constexpr size_t kAddressesMax = 50;
constexpr size_t kHeadersMax = 100;
constexpr size_t kFilesMax = 100;
constexpr size_t kTagsMax = 50;
constexpr size_t kTagBytesMax = 256;
constexpr text::CharSet kTagChars = text::kAlnum | text::CharSet("_-.@");
constexpr std::array<std::string_view, 2> kPair = {"Name", "Value"};

}  // namespace

bool SesContent::read_destination(JsonValue& object, std::string_view path, JsonValue* email) {
  JsonValue* destination = reader_.find(object, "Destination");
  if (destination == nullptr) return false;
  constexpr std::array<std::string_view, 3> kNames = {"ToAddresses", "CcAddresses", "BccAddresses"};
  const std::string inside = fmt::format("{}Destination.", path);
  if (!reader_.check_names(*destination, inside, kNames)) return false;
  const size_t before = email->names.size();
  read_addresses(*destination, inside, "ToAddresses", "to", email);
  read_addresses(*destination, inside, "CcAddresses", "cc", email);
  read_addresses(*destination, inside, "BccAddresses", "bcc", email);
  return email->names.size() > before;
}

void SesContent::read_addresses(JsonValue& object, std::string_view path, std::string_view name,
                                std::string_view ours, JsonValue* email) {
  JsonValue* list = reader_.array(object, path, name, kAddressesMax);
  if (list == nullptr || list->items.empty()) return;
  for (size_t i = 0; i < list->items.size(); ++i) {
    if (list->items[i].is_string()) continue;
    return reader_.fail(fmt::format("{}{}.{}", path, name, i), "must be a string");
  }
  put(*email, ours, std::move(*list));
}

JsonValue SesContent::read_text(JsonValue& object, std::string_view path, std::string_view name) {
  JsonValue* content = reader_.find(object, name);
  if (content == nullptr) return {};
  constexpr std::array<std::string_view, 2> kNames = {"Data", "Charset"};
  const std::string inside = fmt::format("{}{}.", path, name);
  if (!reader_.check_names(*content, inside, kNames)) return {};
  if (reader_.find(*content, "Data") == nullptr) {
    reader_.fail_missing(inside + "Data");
    return {};
  }
  const std::string charset = reader_.text(*content, inside, "Charset");
  // ASCII is UTF-8 already; mail leaves in no other one.
  if (!charset.empty() && !text::equals_ignore_case(charset, "UTF-8") &&
      !text::equals_ignore_case(charset, "UTF8") &&
      !text::equals_ignore_case(charset, "US-ASCII")) {
    reader_.fail(inside + "Charset", "may be UTF-8: all mail leaves in it");
  }
  return json_of(reader_.text(*content, inside, "Data"));
}

JsonValue SesContent::read_headers(JsonValue& object, std::string_view path,
                                   std::string_view name) {
  JsonValue* list = reader_.array(object, path, name, kHeadersMax);
  if (list == nullptr) return {};
  JsonValue headers{.kind = JsonValue::Kind::kObject};
  for (size_t i = 0; i < list->items.size() && !reader_.failed(); ++i) {
    const std::string inside = fmt::format("{}{}.{}.", path, name, i);
    JsonValue& header = list->items[i];
    if (!reader_.check_names(header, inside, kPair)) break;
    std::string called = reader_.text(header, inside, "Name");
    if (called.empty()) reader_.fail_missing(inside + "Name");
    headers.names.push_back(std::move(called));
    headers.items.push_back(json_of(reader_.text(header, inside, "Value")));
  }
  return headers;
}

JsonValue SesContent::read_files(JsonValue& object, std::string_view path) {
  JsonValue* list = reader_.array(object, path, "Attachments", kFilesMax);
  if (list == nullptr) return {};
  JsonValue files{.kind = JsonValue::Kind::kArray};
  for (size_t i = 0; i < list->items.size() && !reader_.failed(); ++i) {
    files.items.push_back(read_file(list->items[i], fmt::format("{}Attachments.{}.", path, i)));
  }
  return files;
}

JsonValue SesContent::read_file(JsonValue& theirs, const std::string& path) {
  constexpr std::array<std::string_view, 6> kNames = {
      "RawContent", "FileName",    "ContentDisposition",
      "ContentId",  "ContentType", "ContentTransferEncoding"};
  constexpr std::array<ForeignReader::Absent, 1> kAbsent = {
      {{"ContentDescription", "is not supported"}}};
  JsonValue ours{.kind = JsonValue::Kind::kObject};
  if (!reader_.check_names(theirs, path, kNames, kAbsent)) return ours;
  for (const std::string_view needed : {"RawContent", "FileName"}) {
    if (reader_.find(theirs, needed) == nullptr) reader_.fail_missing(path + std::string(needed));
  }
  put(ours, "filename", json_of(reader_.text(theirs, path, "FileName")));
  put(ours, "content", json_of(reader_.text(theirs, path, "RawContent")));
  put(ours, "content_type", json_of(reader_.text(theirs, path, "ContentType")));
  const std::string encoding = reader_.text(theirs, path, "ContentTransferEncoding");
  if (!encoding.empty() && encoding != "BASE64") {
    reader_.fail(path + "ContentTransferEncoding", "may be BASE64: so all files travel");
  }
  const std::string disposition = reader_.text(theirs, path, "ContentDisposition");
  const std::string content_id = reader_.text(theirs, path, "ContentId");
  if (disposition == "INLINE") {
    if (content_id.empty()) reader_.fail_missing(path + "ContentId");
    put(ours, "content_id", json_of(content_id));
  } else if (!disposition.empty() && disposition != "ATTACHMENT") {
    reader_.fail(path + "ContentDisposition", "may be ATTACHMENT or INLINE");
  }  // ContentId has a meaning for inline files only
  return ours;
}

JsonValue SesContent::read_tags(JsonValue& object, std::string_view path, std::string_view name) {
  JsonValue* list = reader_.array(object, path, name, kTagsMax);
  if (list == nullptr) return {};
  JsonValue tags{.kind = JsonValue::Kind::kArray};
  for (size_t i = 0; i < list->items.size() && !reader_.failed(); ++i) {
    const std::string inside = fmt::format("{}{}.{}.", path, name, i);
    JsonValue& theirs = list->items[i];
    if (!reader_.check_names(theirs, inside, kPair)) break;
    JsonValue ours{.kind = JsonValue::Kind::kObject};
    constexpr std::array<std::string_view, 2> kOurs = {"name", "value"};
    for (size_t k = 0; k < kPair.size(); ++k) {
      std::string text = reader_.text(theirs, inside, kPair[k]);
      if (text.empty() || text.size() > kTagBytesMax || !kTagChars.has_all(text)) {
        reader_.fail(inside + std::string(kPair[k]), "must be 1 to 256 letters, digits, _ - . @");
      }
      put(ours, kOurs[k], json_of(std::move(text)));
    }
    tags.items.push_back(std::move(ours));
  }
  return tags;
}

std::string tags_text(const JsonValue& tags) {
  std::string text;
  if (!tags.items.empty()) append_json(text, tags);
  return text;
}

std::string ses_field(std::string_view param, std::string_view content, std::string_view entry) {
  const size_t dot = std::min(param.find('.'), param.size());
  const std::string_view first = param.substr(0, dot);
  std::string rest(param.substr(dot));
  struct Row {
    std::string_view ours;
    std::string_view place;
    std::string_view theirs;
  };
  const std::array<Row, 13> rows = {{
      {"from", "", "FromEmailAddress"},
      {"reply_to", "", "ReplyToAddresses"},
      {"tags", "", "EmailTags"},
      {"pool", "", kSesConfigurationSet},
      {"to", entry, "Destination.ToAddresses"},
      {"cc", entry, "Destination.CcAddresses"},
      {"bcc", entry, "Destination.BccAddresses"},
      {"raw", "", "Content.Raw.Data"},
      {"headers", content, "Headers"},
      {"attachments", content, "Attachments"},
      {"subject", content, "Subject"},
      {"text", content, "Body.Text"},
      {"html", content, "Body.Html"},
  }};
  if (first == "attachments") {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kOfFile = {
        {{".content_type", ".ContentType"},
         {".content_id", ".ContentId"},
         {".content", ".RawContent"},
         {".filename", ".FileName"}}};
    for (const auto& [ours, theirs] : kOfFile) {
      if (rest.ends_with(ours)) rest.replace(rest.size() - ours.size(), ours.size(), theirs);
    }
  }
  for (const Row& row : rows) {
    if (first == row.ours) return fmt::format("{}{}{}", row.place, row.theirs, rest);
  }
  return std::string(param);
}

}  // namespace barid::http
