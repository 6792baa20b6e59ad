#include "tools/barid/mailbox_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <vector>

#include "core/text/ascii.h"
#include "core/text/base64.h"
#include "core/text/json.h"
#include "http/submit/mime_parts.h"

namespace barid::tools {
namespace {

constexpr std::string_view kSuffix = ".eml";
constexpr size_t kTextBytesMax = 1u << 20;    // shown of a text
constexpr size_t kInlineBytesMax = 4u << 20;  // of all pictures in a page, before base64
constexpr std::string_view kEndsOfContentId = "\"' \t\r\n)>;";

std::string path_of(const std::string& directory, std::string_view id) {
  return fmt::format("{}/{}{}", directory, id, kSuffix);
}

/// The ids of all messages, the newest first.
Result<std::vector<std::string>> ids_of(const std::string& directory) {
  std::vector<std::string> ids;
  std::error_code error;
  std::filesystem::directory_iterator files(directory, error);
  if (error) return error_from_errno(error.value());
  for (; files != std::filesystem::directory_iterator(); files.increment(error)) {
    if (error) return error_from_errno(error.value());
    std::string name = files->path().filename().string();
    if (!name.ends_with(kSuffix)) continue;
    name.resize(name.size() - kSuffix.size());
    if (is_mailbox_id(name)) ids.push_back(std::move(name));
  }
  std::sort(ids.begin(), ids.end(), std::greater<>());
  return ids;
}

struct CloseFile {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

/// The first bytes of a message and the size of all. kNotFound: it was removed meanwhile.
Result<std::string> load_head(const std::string& path, uint64_t* size) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rbe"));
  if (!file) return error_from_errno(errno);
  std::string head(kMailboxHeadBytesMax, '\0');
  head.resize(std::fread(head.data(), 1, head.size(), file.get()));
  if (std::ferror(file.get()) != 0) return error_from_errno(errno);
  std::error_code error;
  *size = std::filesystem::file_size(path, error);
  if (error) return error_from_errno(error.value());
  return head;
}

/// What a list says about a message.
struct Summary {
  std::string sender, from, to, subject;
  std::vector<std::string> recipients;
};

std::string without_brackets(std::string_view address) {
  if (address.starts_with('<') && address.ends_with('>')) {
    address = address.substr(1, address.size() - 2);
  }
  return std::string(address);
}

Summary summarize(const std::vector<http::MimeField>& fields) {
  Summary summary;
  for (const http::MimeField& field : fields) {
    if (text::equals_ignore_case(field.name, "X-Envelope-From")) {
      summary.sender = without_brackets(field.value);
    } else if (text::equals_ignore_case(field.name, "X-Envelope-To")) {
      summary.recipients.push_back(without_brackets(field.value));
    } else if (text::equals_ignore_case(field.name, "From")) {
      summary.from = field.value;
    } else if (text::equals_ignore_case(field.name, "To")) {
      summary.to = field.value;
    } else if (text::equals_ignore_case(field.name, "Subject")) {
      summary.subject = field.value;
    }
  }
  return summary;
}

bool contains(std::string_view where, std::string_view lower_what) {
  std::string lower;
  text::append_lower(lower, where);
  return lower.find(lower_what) != std::string::npos;
}

bool matches(const Summary& summary, std::string_view lower_text) {
  if (lower_text.empty()) return true;
  for (const std::string& recipient : summary.recipients) {
    if (contains(recipient, lower_text)) return true;
  }
  return contains(summary.sender, lower_text) || contains(summary.from, lower_text) ||
         contains(summary.to, lower_text) || contains(summary.subject, lower_text);
}

int64_t seconds_of(std::string_view id) noexcept {
  int64_t micros = 0;
  std::from_chars(id.data(), id.data() + id.find('-'), micros);
  return micros / 1'000'000;
}

void append_head(std::string& out, std::string_view id, uint64_t size, const Summary& summary) {
  out += fmt::format("\"id\":\"{}\",\"received_at\":{},\"size\":{}", id, seconds_of(id), size);
  const auto member = [&out](std::string_view name, std::string_view value) {
    out += fmt::format(",\"{}\":", name);
    text::append_json_string(out, value);
  };
  member("sender", summary.sender);
  member("from", summary.from);
  member("to", summary.to);
  member("subject", summary.subject);
  out += ",\"recipients\":[";
  for (size_t i = 0; i < summary.recipients.size(); ++i) {
    if (i > 0) out += ',';
    text::append_json_string(out, summary.recipients[i]);
  }
  out += ']';
}

/// Not cut within a character.
std::string_view cut(std::string_view text, size_t bytes) noexcept {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

const http::MimePart* find_part(const std::vector<http::MimePart>& parts, std::string_view type) {
  const auto found = std::find_if(parts.begin(), parts.end(), [type](const http::MimePart& part) {
    return !part.attached && part.type == type;
  });
  return found == parts.end() ? nullptr : &*found;
}

}  // namespace

bool is_mailbox_id(std::string_view id) noexcept {
  constexpr size_t kDigitsMax = 18;
  const size_t dash = id.find('-');
  return dash != std::string_view::npos && dash > 0 && dash <= kDigitsMax &&
         id.size() == dash + 5 && text::kDigits.has_all(id.substr(0, dash)) &&
         text::kDigits.has_all(id.substr(dash + 1));
}

Result<std::string> list_mailbox(const std::string& directory, const MailboxQuery& query) {
  BARID_TRY(const std::vector<std::string> ids, ids_of(directory));
  std::string lower_text;
  text::append_lower(lower_text, query.text);
  auto at = query.before.empty()
                ? ids.begin()
                : std::upper_bound(ids.begin(), ids.end(), query.before, std::greater<>());
  std::string items;
  std::string last;
  size_t listed = 0;
  size_t examined = 0;
  for (; at != ids.end() && listed < query.limit && examined < kMailboxExaminedMax; ++at) {
    ++examined;
    last = *at;
    uint64_t size = 0;
    const Result<std::string> head = load_head(path_of(directory, *at), &size);
    if (!head.ok() && head.error().code == Code::kNotFound) continue;
    if (!head.ok()) return head.error();
    const Summary summary = summarize(http::read_mime_fields(*head));
    if (!matches(summary, lower_text)) continue;
    items += listed++ == 0 ? "{" : ",{";
    append_head(items, *at, size, summary);
    items += '}';
  }
  const bool has_more = at != ids.end();
  return fmt::format(
      "{{\"object\":\"list\",\"total\":{},\"has_more\":{},\"next\":{},\"data\":[{}]}}\n",
      ids.size(), has_more, has_more ? text::json_string(last) : "null", items);
}

Result<std::string> load_mailbox_message(const std::string& directory, std::string_view id) {
  if (!is_mailbox_id(id)) return Error{.code = Code::kNotFound};
  const std::string path = path_of(directory, id);
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(path, error);
  if (error) return error_from_errno(error.value());
  if (size > kMailboxMessageBytesMax) return Error{.code = Code::kTooLong};
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rbe"));
  if (!file) return error_from_errno(errno);
  std::string message(size, '\0');
  message.resize(std::fread(message.data(), 1, message.size(), file.get()));
  if (std::ferror(file.get()) != 0) return error_from_errno(errno);
  return message;
}

std::string mailbox_message_json(std::string_view id, std::string_view message) {
  const std::vector<http::MimeField> fields = http::read_mime_fields(message);
  const std::vector<http::MimePart> parts = http::read_mime_parts(message);
  std::string out = "{\"object\":\"mailbox_message\",";
  append_head(out, id, message.size(), summarize(fields));
  out += ",\"headers\":[";
  for (const http::MimeField& field : fields) {
    out += out.back() == '[' ? "[" : ",[";
    text::append_json_string(out, field.name);
    out += ',';
    text::append_json_string(out, field.value);
    out += ']';
  }
  out += "],\"text\":";
  const http::MimePart* plain = find_part(parts, "text/plain");
  if (plain != nullptr) {
    text::append_json_string(out, cut(plain->content, kTextBytesMax));
  } else {
    out += "null";
  }
  out += ",\"html\":";
  const http::MimePart* html = find_part(parts, "text/html");
  if (html != nullptr) {
    text::append_json_string(out, cut(html->content, kTextBytesMax));
  } else {
    out += "null";
  }
  out += ",\"parts\":[";
  for (const http::MimePart& part : parts) {
    out += out.back() == '[' ? "{\"type\":" : ",{\"type\":";
    text::append_json_string(out, part.type);
    out += ",\"filename\":";
    text::append_json_string(out, part.filename);
    out += fmt::format(",\"size\":{},\"attached\":{}}}", part.content.size(), part.attached);
  }
  out += "]}\n";
  return out;
}

std::string mailbox_message_html(std::string_view message) {
  const std::vector<http::MimePart> parts = http::read_mime_parts(message);
  const http::MimePart* html = find_part(parts, "text/html");
  std::string out;
  if (html == nullptr) return out;
  constexpr std::string_view kCid = "cid:";
  std::string_view rest = html->content;
  size_t room = kInlineBytesMax;
  for (size_t at = rest.find(kCid); at != std::string_view::npos; at = rest.find(kCid)) {
    const size_t begin = at + kCid.size();
    const std::string_view id =
        rest.substr(begin, rest.find_first_of(kEndsOfContentId, begin) - begin);
    const auto part = std::find_if(parts.begin(), parts.end(), [id](const http::MimePart& one) {
      return !id.empty() && one.content_id == id && one.type.starts_with("image/");
    });
    if (part == parts.end() || part->content.size() > room) {
      out += rest.substr(0, begin);
      rest.remove_prefix(begin);
      continue;
    }
    room -= part->content.size();
    out += rest.substr(0, at);
    out += fmt::format("data:{};base64,", part->type);
    text::append_base64(out, part->content);
    rest.remove_prefix(begin + id.size());
  }
  out += rest;
  return out;
}

Status remove_mailbox_message(const std::string& directory, std::string_view id) {
  if (!is_mailbox_id(id)) return Error{.code = Code::kNotFound};
  if (::unlink(path_of(directory, id).c_str()) != 0) return error_from_errno(errno);
  return {};
}

Result<uint64_t> empty_mailbox(const std::string& directory) {
  BARID_TRY(const std::vector<std::string> ids, ids_of(directory));
  uint64_t removed = 0;
  for (const std::string& id : ids) {
    const Status status = remove_mailbox_message(directory, id);
    if (!status.ok() && status.error().code != Code::kNotFound) return status.error();
    removed += status.ok() ? 1 : 0;
  }
  return removed;
}

}  // namespace barid::tools
