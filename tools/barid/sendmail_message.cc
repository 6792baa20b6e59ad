#include "tools/barid/sendmail_message.h"

#include <algorithm>
#include <array>

#include "core/mail/address_list.h"
#include "core/text/ascii.h"

namespace barid::tools {
namespace {

/// The next line without its LF; `rest` goes on behind it.
std::string_view take_line(std::string_view& rest) {
  const size_t end = std::min(rest.find('\n'), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

/// Length of the field name that the line begins with; 0 if it is no field.
size_t field_name_bytes(std::string_view line) {
  size_t end = 0;
  while (end < line.size() && line[end] > ' ' && line[end] < 127 && line[end] != ':') ++end;
  const size_t name = end;
  while (end < line.size() && text::is_blank(line[end])) ++end;
  return end < line.size() && line[end] == ':' ? name : 0;
}

class Builder {
 public:
  explicit Builder(const MessageRules& rules) : rules_(rules) {}

  SendmailMessage build(std::string_view input) {
    strip_cr_ = rules_.line_endings == FixLineEndings::kAlways ||
                (rules_.line_endings == FixLineEndings::kStrict && begins_with_crlf(input));
    message_.content.reserve(input.size() + input.size() / 32 + 256);
    skip_from_line(input);
    bool in_header = true;
    while (!input.empty()) {
      const std::string line = fix(take_line(input));
      if (rules_.dot_ends && line == ".") break;
      if (in_header) {
        in_header = take_header_line(line);
        continue;
      }
      append_line(line);
    }
    if (in_header) end_header();
    message_.has_8bit = !text::is_ascii(message_.content);
    return std::move(message_);
  }

 private:
  static bool begins_with_crlf(std::string_view input) { return take_line(input).ends_with('\r'); }

  /// A mailbox's separator is not part of the message.
  static void skip_from_line(std::string_view& input) {
    std::string_view start = input.substr(0, std::min<size_t>(input.size(), 16));
    if (start.starts_with('>')) start.remove_prefix(1);
    if (start.starts_with("From ")) static_cast<void>(take_line(input));
  }

  std::string fix(std::string_view line) const {
    if (strip_cr_ && line.ends_with('\r')) line.remove_suffix(1);
    std::string fixed(line);
    if (rules_.replace_stray_cr) std::replace(fixed.begin(), fixed.end(), '\r', ' ');
    return fixed;
  }

  void append_line(std::string_view line) { message_.content.append(line).append("\r\n"); }

  /// False: the header is over.
  bool take_header_line(const std::string& line) {
    const bool folded = !line.empty() && text::is_blank(line.front()) && !field_.empty();
    if (folded) {
      field_.append("\r\n").append(line);
      return true;
    }
    if (field_name_bytes(line) > 0) {
      end_field();
      field_ = line;
      return true;
    }
    end_header();
    if (!line.empty()) append_line(line);  // no field: it is the body's
    return false;
  }

  void end_field() {
    if (field_.empty()) return;
    const std::string name = lower_name();
    static constexpr std::array<std::string_view, 4> kDropped = {"bcc", "resent-bcc", "return-path",
                                                                 "content-length"};
    collect(name);
    if (std::find(kDropped.begin(), kDropped.end(), name) == kDropped.end()) append_line(field_);
    if (!text::is_ascii(field_)) message_.header_is_8bit = true;
    seen_.push_back(name);
    field_.clear();
  }

  [[nodiscard]] std::string lower_name() const {
    std::string name;
    text::append_lower(name, std::string_view(field_).substr(0, field_name_bytes(field_)));
    return name;
  }

  void collect(const std::string& name) {
    static constexpr std::array<std::string_view, 3> kRecipients = {"to", "cc", "bcc"};
    const bool resent = name.starts_with("resent-");
    const std::string_view plain = std::string_view(name).substr(resent ? 7 : 0);
    if (resent) has_resent_ = true;
    if (std::find(kRecipients.begin(), kRecipients.end(), plain) == kRecipients.end()) return;
    const std::string_view body = std::string_view(field_).substr(field_.find(':') + 1);
    std::vector<std::string>& list = resent ? resent_recipients_ : recipients_;
    for (std::string& address : list_addresses(body)) {
      if (!address.empty()) list.push_back(std::move(address));
    }
  }

  void add_missing(std::string_view field, std::string_view body) {
    std::string name = has_resent_ ? "resent-" : "";
    text::append_lower(name, field);
    if (std::find(seen_.begin(), seen_.end(), name) != seen_.end() || body.empty()) return;
    if (has_resent_) message_.content.append("Resent-");
    message_.content.append(field).append(": ");
    append_line(body);
  }

  void end_header() {
    end_field();
    if (rules_.add_fields) {
      add_missing("Message-Id", rules_.message_id);
      add_missing("Date", rules_.date);
      add_missing("From", rules_.from);
      const auto has = [this](std::string_view name) {
        return std::find(seen_.begin(), seen_.end(), name) != seen_.end();
      };
      if (!has_resent_ && !has("to") && !has("cc") && !rules_.undisclosed.empty()) {
        append_line(rules_.undisclosed);
      }
    }
    message_.recipients = std::move(has_resent_ ? resent_recipients_ : recipients_);
    message_.content.append("\r\n");
  }

  const MessageRules& rules_;
  SendmailMessage message_;
  bool strip_cr_ = true;
  std::string field_;  ///< the one that may go on, folded by CRLF
  std::vector<std::string> seen_;
  bool has_resent_ = false;
  std::vector<std::string> recipients_;
  std::vector<std::string> resent_recipients_;
};

}  // namespace

SendmailMessage prepare_message(std::string_view input, const MessageRules& rules) {
  return Builder(rules).build(input);
}

std::string format_from(std::string_view name, std::string_view address) {
  if (name.empty()) return std::string(address);
  std::string out;
  if ((text::kAtext | text::kBlanks).has_all(name)) {
    out = name;
  } else {
    out = '"';
    for (const char c : name) {
      if (c == '"' || c == '\\') out += '\\';
      if (c != '\r' && c != '\n') out += c;
    }
    out += '"';
  }
  return out.append(" <").append(address).append(">");
}

}  // namespace barid::tools
