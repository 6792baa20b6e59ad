#include "core/mail/compose.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/assert.h"
#include "core/mail/encoded_word.h"
#include "core/mail/transfer_encoding.h"
#include "core/text/ascii.h"
#include "core/text/date.h"

namespace barid {
namespace {

constexpr size_t kLineColumns = 76;

struct Extension {
  std::string_view suffix, type;
};
constexpr std::array<Extension, 22> kExtensions = {{
    {".pdf", "application/pdf"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".gif", "image/gif"},
    {".webp", "image/webp"},
    {".svg", "image/svg+xml"},
    {".txt", "text/plain"},
    {".csv", "text/csv"},
    {".html", "text/html"},
    {".htm", "text/html"},
    {".ics", "text/calendar"},
    {".json", "application/json"},
    {".xml", "application/xml"},
    {".zip", "application/zip"},
    {".gz", "application/gzip"},
    {".doc", "application/msword"},
    {".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {".xls", "application/vnd.ms-excel"},
    {".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {".mp3", "audio/mpeg"},
    {".mp4", "video/mp4"},
}};
constexpr std::string_view kAnyType = "application/octet-stream";

/// message and multipart may not be base64 (RFC 2046 5): such files travel as plain bytes.
std::string_view type_of(const AttachedFile& file) noexcept {
  if (!file.content_type.empty()) {
    const bool structured = text::starts_with_ignore_case(file.content_type, "message/") ||
                            text::starts_with_ignore_case(file.content_type, "multipart/");
    return structured ? kAnyType : std::string_view(file.content_type);
  }
  for (const Extension& extension : kExtensions) {
    const size_t bytes = extension.suffix.size();
    if (file.filename.size() > bytes &&
        text::equals_ignore_case(
            std::string_view(file.filename).substr(file.filename.size() - bytes),
            extension.suffix)) {
      return extension.type;
    }
  }
  return kAnyType;
}

void append_mailboxes(std::string& out, std::string_view name,
                      const std::vector<Mailbox>& mailboxes) {
  if (mailboxes.empty()) return;
  out += name;
  out += ": ";
  size_t column = name.size() + 2;
  bool first = true;
  for (const Mailbox& mailbox : mailboxes) {
    if (!first) {
      const bool fits =
          column + 2 + mailbox.name.size() + mailbox.local.size() + mailbox.domain.size() + 4 <=
          kLineColumns;
      out += fits ? ", " : ",\r\n ";
      column = fits ? column + 2 : 1;
    }
    first = false;
    const size_t address_bytes = mailbox.local.size() + mailbox.domain.size() + 1;
    if (mailbox.name.empty()) {
      out += mailbox.address();
      column += address_bytes;
      continue;
    }
    append_phrase(out, mailbox.name, &column);
    const bool fits = column + address_bytes + 3 <= kLineColumns;
    out += fits ? " <" : "\r\n <";
    column = (fits ? column : 0) + address_bytes + 3;
    out += mailbox.address();
    out += '>';
  }
  out += "\r\n";
}

bool has_field(const Composition& composition, std::string_view name) noexcept {
  return std::any_of(
      composition.fields.begin(), composition.fields.end(),
      [name](const ComposedField& field) { return text::equals_ignore_case(field.name, name); });
}

void append_unsubscribe(std::string& out, const Composition& composition) {
  const std::string& url = composition.unsubscribe_url;
  const std::string& mailto = composition.unsubscribe_mailto;
  if (url.empty() && mailto.empty()) return;
  out += "List-Unsubscribe:";
  if (!url.empty()) out += "\r\n <" + url + '>';
  if (!mailto.empty()) {
    if (!url.empty()) out += ',';
    out += text::starts_with_ignore_case(mailto, "mailto:") ? "\r\n <" : "\r\n <mailto:";
    out += mailto + '>';
  }
  out += "\r\n";
  if (composition.unsubscribe_one_click) {
    out += "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";
  }
}

class Writer {
 public:
  Writer(const Composition& composition, Content& out) : composition_(composition), out_(out) {
    for (const AttachedFile& file : composition.files) {
      const bool shown = !file.content_id.empty() && composition.html.has_value();
      (shown ? inline_ : attached_).push_back(&file);
    }
  }

  void write() {
    write_header();
    write_mixed();
  }

 private:
  void write_header() {
    std::string header;
    append_mailboxes(header, "From", {composition_.from});
    append_mailboxes(header, "To", composition_.to);
    append_mailboxes(header, "Cc", composition_.cc);
    append_mailboxes(header, "Reply-To", composition_.reply_to);
    append_text_field(header, "Subject", composition_.subject);
    if (!has_field(composition_, "Date")) {
      header += "Date: ";
      text::append_date(header, composition_.unix_seconds);
      header += "\r\n";
    }
    if (!has_field(composition_, "Message-ID")) {
      header += "Message-ID: <" + composition_.message_id + ">\r\n";
    }
    append_unsubscribe(header, composition_);
    for (const ComposedField& field : composition_.fields) {
      append_text_field(header, field.name, field.value);
    }
    header += "MIME-Version: 1.0\r\n";
    out_.append(header);
  }

  void write_mixed() {
    if (attached_.empty()) {
      write_related(true);
      return;
    }
    open_multipart("mixed", 0);
    if (composition_.text || composition_.html) {
      delimit(0);
      write_related(false);
    }
    for (const AttachedFile* file : attached_) {
      delimit(0);
      write_file(*file);
    }
    close(0);
  }

  void write_related(bool top) {
    if (inline_.empty()) {
      write_alternative(top);
      return;
    }
    open_multipart(composition_.text ? "related; type=\"multipart/alternative\""
                                     : "related; type=\"text/html\"",
                   1);
    delimit(1);
    write_alternative(false);
    for (const AttachedFile* file : inline_) {
      delimit(1);
      write_file(*file);
    }
    close(1);
  }

  void write_alternative(bool top) {
    if (!composition_.text || !composition_.html) {
      const bool is_html = composition_.html.has_value();
      if (is_html || composition_.text) {
        write_text(is_html ? "html" : "plain", is_html ? *composition_.html : *composition_.text,
                   top);
      } else {
        write_text("plain", {}, top);
      }
      return;
    }
    open_multipart("alternative", 2);
    delimit(2);
    write_text("plain", *composition_.text, false);
    delimit(2);
    write_text("html", *composition_.html, false);
    close(2);
  }

  /// `top`: it is the whole body, which ends with a line end whatever the text does.
  void write_text(std::string_view subtype, std::string_view text, bool top) {
    const TransferEncoding encoding = choose_text_encoding(text);
    out_.append(fmt::format(
        "Content-Type: text/{}; charset={}\r\nContent-Transfer-Encoding: {}\r\n\r\n", subtype,
        encoding == TransferEncoding::k7Bit && text.find('\x1b') == std::string_view::npos
            ? "us-ascii"
            : "utf-8",
        transfer_encoding_name(encoding)));
    append_text_body(out_, text, encoding);
    if (top && !text.ends_with('\n') && encoding != TransferEncoding::kBase64) out_.append("\r\n");
  }

  void write_file(const AttachedFile& file) {
    std::string header = fmt::format("Content-Type: {}", type_of(file));
    if (!file.filename.empty() && file.content_type.find(';') == std::string::npos) {
      append_parameter(header, "name", file.filename);
    }
    header += "\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: ";
    header += file.content_id.empty() ? "attachment" : "inline";
    if (!file.filename.empty()) append_parameter(header, "filename", file.filename);
    header += "\r\n";
    if (!file.content_id.empty()) header += "Content-ID: <" + file.content_id + ">\r\n";
    header += "\r\n";
    out_.append(header);
    append_base64_body(out_, file.bytes);
  }

  // "=_" stands in no quoted-printable or base64 line, and no 7bit line starts with "--".
  void open_multipart(std::string_view subtype, int level) {
    out_.append(fmt::format("Content-Type: multipart/{};\r\n boundary=\"=_{}_{}\"\r\n\r\n", subtype,
                            composition_.boundary, level));
  }
  void delimit(int level) {
    // The line end before a delimiter belongs to it (RFC 2046 5.1.1).
    out_.append(fmt::format("\r\n--=_{}_{}\r\n", composition_.boundary, level));
  }
  void close(int level) {
    out_.append(fmt::format("\r\n--=_{}_{}--\r\n", composition_.boundary, level));
  }

  const Composition& composition_;
  Content& out_;
  std::vector<const AttachedFile*> inline_;
  std::vector<const AttachedFile*> attached_;
};

}  // namespace

void compose(const Composition& composition, Content& out) { Writer(composition, out).write(); }

}  // namespace barid
