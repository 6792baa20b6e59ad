#include "deliver/notice_template.h"

#include <algorithm>
#include <array>
#include <map>

#include "core/text/ascii.h"

namespace barid {
namespace {

using config::Diagnostics;

constexpr size_t kFileBytesMax = 256 * 1024;
constexpr size_t kLineBytesMax = 998;  // RFC 5322 2.1.1

constexpr std::string_view kBuiltin = R"TEMPLATES(# The words of Barid's notices.
failure_template = <<EOF
Charset: us-ascii
From: Mail Delivery System <MAILER-DAEMON>
Subject: Undelivered Mail Returned to Sender
Postmaster-Subject: Postmaster Copy: Undelivered Mail

This is the mail server $myhostname.

Your message did not reach everyone it was addressed to. The addresses
below have failed, each with its reason, and no further attempt will be
made for them. Please check the address, or ask the recipient's side.

Technical details and your message, or its headers, are attached. If you
need help, send this whole notice to postmaster@$myorigin.
EOF

delay_template = <<EOF
Charset: us-ascii
From: Mail Delivery System <MAILER-DAEMON>
Subject: Delayed Mail (still being retried)
Postmaster-Subject: Postmaster Warning: Delayed Mail

This is the mail server $myhostname.

Your message is late: for more than ${delay_warning_time_hours} hour(s) it could not be delivered
to the addresses below. The last attempt ended with the reason given for each.

You need not do anything, and need not send it again: it will be tried until
it is ${maximal_queue_lifetime_days} day(s) old. If that does not help either, you will be told.
EOF

success_template = <<EOF
Charset: us-ascii
From: Mail Delivery System <MAILER-DAEMON>
Subject: Successful Mail Delivery Report

This is the mail server $myhostname.

Your message has reached the addresses below. "Delivered" means that it is in
the mailbox; "relayed" that the next server took it, which will not report
any further success.
EOF

verify_template = <<EOF
Charset: us-ascii
From: Mail Delivery System <MAILER-DAEMON>
Subject: Mail Delivery Status Report

This is the mail server $myhostname.

This is the report that you asked for: what was done, or would be done, with
mail to the addresses below.
EOF
)TEMPLATES";

/// main.cf's names, and the two lifetimes by unit.
class TemplateNames final : public config::NameSource {
 public:
  TemplateNames(const config::NameSource& base, const TemplateTimes& times) : base_(base) {
    add_times("delay_warning_time", times.delay_warning);
    add_times("maximal_queue_lifetime", times.queue_lifetime);
  }
  std::optional<std::string_view> find_value(std::string_view name) const override {
    const auto found = computed_.find(name);
    if (found != computed_.end()) return found->second;
    return base_.find_value(name);
  }
  std::optional<std::string> domain_to_ascii(std::string_view domain) const override {
    return base_.domain_to_ascii(domain);
  }

 private:
  void add_times(const std::string& name, Duration time) {
    const int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(time).count();
    computed_[name + "_seconds"] = std::to_string(seconds);
    computed_[name + "_minutes"] = std::to_string(seconds / 60);
    computed_[name + "_hours"] = std::to_string(seconds / 3600);
    computed_[name + "_days"] = std::to_string(seconds / 86'400);
    computed_[name + "_weeks"] = std::to_string(seconds / 604'800);
  }

  const config::NameSource& base_;
  std::map<std::string, std::string, std::less<>> computed_;
};

bool is_token(std::string_view value) noexcept {
  return !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
    return text::kAlnum.has(c) || c == '-' || c == '_' || c == '.';
  });
}

class Parser {
 public:
  Parser(std::string_view content, std::string_view file, const TemplateNames& names,
         Diagnostics* diagnostics)
      : rest_(content), file_(file), names_(names), diagnostics_(*diagnostics) {}

  /// False if anything was wrong; `out` is then half made.
  bool parse(NoticeTemplates* out);

 private:
  struct Kind {
    std::string_view name;
    NoticeTemplate NoticeTemplates::*member;
    bool has_postmaster_copy;
  };
  static constexpr std::array kKinds = {Kind{"failure_template", &NoticeTemplates::failure, true},
                                        Kind{"delay_template", &NoticeTemplates::delay, true},
                                        Kind{"success_template", &NoticeTemplates::success, false},
                                        Kind{"verify_template", &NoticeTemplates::verify, false}};

  bool next_line(std::string_view* line);
  void error(int32_t line, std::string text) {
    diagnostics_.error(std::string(file_), line, std::move(text));
    ok_ = false;
  }
  void read_template(std::string_view line, NoticeTemplates* out);
  void read_body(const Kind& kind, std::string_view end_marker, NoticeTemplate* out);
  void read_header(const Kind& kind, int32_t line, std::string_view field, NoticeTemplate* out);
  void read_text_line(std::string_view line, NoticeTemplate* out);
  void check(const Kind& kind, int32_t line, const NoticeTemplate& made);

  std::string_view rest_;
  std::string_view file_;
  const TemplateNames& names_;
  Diagnostics& diagnostics_;
  int32_t line_number_ = 0;
  bool ok_ = true;
};

bool Parser::next_line(std::string_view* line) {
  if (rest_.empty()) return false;
  const size_t end = std::min(rest_.find('\n'), rest_.size());
  *line = rest_.substr(0, end);
  if (line->ends_with('\r')) line->remove_suffix(1);
  rest_.remove_prefix(std::min(end + 1, rest_.size()));
  ++line_number_;
  return true;
}

bool Parser::parse(NoticeTemplates* out) {
  if (rest_.size() > kFileBytesMax) {
    error(0, "a template file has at most 256 KiB");
    return false;
  }
  std::string_view line;
  while (next_line(&line)) {
    const std::string_view trimmed = text::trim(line);
    if (trimmed.empty() || trimmed.front() == '#') continue;
    read_template(trimmed, out);
  }
  return ok_;
}

/// `name = <<MARKER`, and all up to MARKER.
void Parser::read_template(std::string_view line, NoticeTemplates* out) {
  const int32_t first_line = line_number_;
  const size_t equals = line.find('=');
  const std::string_view value =
      equals == std::string_view::npos ? std::string_view() : text::trim(line.substr(equals + 1));
  const std::string_view marker = value.starts_with("<<") ? text::trim(value.substr(2)) : "";
  if (marker.empty()) {
    error(first_line, "expected \"NAME_template = <<EOF\"");
    return;
  }
  const std::string_view name = text::trim(line.substr(0, equals));
  for (const Kind& kind : kKinds) {
    if (kind.name != name) continue;
    NoticeTemplate made;
    read_body(kind, marker, &made);
    check(kind, first_line, made);
    out->*kind.member = std::move(made);
    return;
  }
  error(first_line, "unknown template \"" + std::string(name) +
                        "\": there are failure_template, delay_template, success_template and "
                        "verify_template");
  std::string_view skipped;
  while (next_line(&skipped) && skipped != marker) {
  }
}

void Parser::read_body(const Kind& kind, std::string_view end_marker, NoticeTemplate* out) {
  const int32_t first_line = line_number_;
  bool in_header = true;
  std::string field;
  int32_t field_line = 0;
  std::string_view line;
  while (next_line(&line)) {
    const bool ends = line == end_marker;
    if (in_header && !ends && !line.empty() && text::is_blank(line.front()) && !field.empty()) {
      field += ' ';
      field += text::trim(line);
      continue;
    }
    if (in_header && !field.empty()) {
      read_header(kind, field_line, field, out);
      field.clear();
    }
    if (ends) return;
    if (line.size() > kLineBytesMax) {
      error(line_number_, "a line has at most 998 bytes");
    } else if (!in_header) {
      read_text_line(line, out);
    } else if (line.empty()) {
      in_header = false;
    } else {
      field = line;
      field_line = line_number_;
    }
  }
  error(first_line,
        std::string(kind.name) + ": no line \"" + std::string(end_marker) + "\" ends it");
}

void Parser::read_header(const Kind& kind, int32_t line, std::string_view field,
                         NoticeTemplate* out) {
  const std::string template_name(kind.name);
  const size_t colon = field.find(':');
  if (colon == std::string_view::npos) {
    error(line, template_name + ": expected a header \"Name: value\", or an empty line");
    return;
  }
  const std::string_view name = text::trim(field.substr(0, colon));
  const std::string_view value = text::trim(field.substr(colon + 1));
  if (std::any_of(value.begin(), value.end(), [](char c) { return c < ' ' || c > '~'; })) {
    error(line, template_name + ": a header is of printable ASCII");
    return;
  }
  if (text::equals_ignore_case(name, "Charset")) {
    if (!is_token(value)) error(line, template_name + ": not a character set's name");
    out->charset = value;
  } else if (text::equals_ignore_case(name, "From")) {
    out->from = value;
  } else if (text::equals_ignore_case(name, "Subject")) {
    out->subject = value;
  } else if (text::equals_ignore_case(name, "Postmaster-Subject")) {
    if (!kind.has_postmaster_copy) {
      error(line, template_name + ": the postmaster gets no copy of it");
    }
    out->postmaster_subject = value;
  } else {
    error(line, template_name + ": unknown header \"" + std::string(name) +
                    "\": there are Charset, From, Subject and Postmaster-Subject");
  }
}

void Parser::read_text_line(std::string_view line, NoticeTemplate* out) {
  const config::Expansion expansion = config::expand(line, names_);
  if (!expansion.ok()) {
    error(line_number_, expansion.error);
    return;
  }
  for (const std::string& name : expansion.names) {
    if (names_.find_value(name)) continue;
    diagnostics_.warn(std::string(file_), line_number_, "$" + name + " is not defined");
  }
  for (const char c : expansion.text) {
    const bool is_control = (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7f';
    out->text += is_control ? ' ' : c;
  }
  out->text += "\r\n";
}

void Parser::check(const Kind& kind, int32_t line, const NoticeTemplate& made) {
  const std::string name(kind.name);
  if (made.charset.empty()) error(line, name + ": no Charset");
  if (made.from.empty()) error(line, name + ": no From");
  if (made.subject.empty()) error(line, name + ": no Subject");
  if (kind.has_postmaster_copy && made.postmaster_subject.empty()) {
    error(line, name + ": no Postmaster-Subject");
  }
  if (text::equals_ignore_case(made.charset, "us-ascii") && !text::is_ascii(made.text)) {
    error(line, name + ": its Charset is us-ascii and its text is not");
  }
}

}  // namespace

std::string_view builtin_template_file() noexcept { return kBuiltin; }

NoticeTemplates builtin_notice_templates(const config::NameSource& names,
                                         const TemplateTimes& times) {
  Diagnostics diagnostics;
  NoticeTemplates templates;
  const TemplateNames all_names(names, times);
  // What $myhostname is made of may be wrong; the templates themselves are not.
  static_cast<void>(
      Parser(kBuiltin, "built-in templates", all_names, &diagnostics).parse(&templates));
  return templates;
}

NoticeTemplates parse_notice_templates(std::string_view content, std::string_view file,
                                       const config::NameSource& names, const TemplateTimes& times,
                                       config::Diagnostics* diagnostics) {
  const TemplateNames all_names(names, times);
  NoticeTemplates templates = builtin_notice_templates(names, times);
  if (!Parser(content, file, all_names, diagnostics).parse(&templates)) {
    return builtin_notice_templates(names, times);
  }
  return templates;
}

}  // namespace barid
