// The words of notices: character set, From, subjects and text of each kind, from a file of
// Postfix's bounce(5) form, or built in.
// Source: Postfix's bounce(5): `failure_template = <<EOF`, header lines, an empty line, text,
// `EOF`;
//         the text knows $name and ${name} of main.cf, and both lifetimes in any unit
//         (${maximal_queue_lifetime_days}).
// Layer:  deliver, pure.
#pragma once

#include <string>
#include <string_view>

#include "core/base/time.h"
#include "core/config/diagnostic.h"
#include "core/config/expand.h"

namespace barid {

struct NoticeTemplate {
  std::string charset;
  std::string from;  ///< an address without a domain is completed with myorigin
  std::string subject;
  std::string postmaster_subject;  ///< of the copy; empty where there is none
  std::string text;                ///< expanded, lines ended by CRLF

  bool operator==(const NoticeTemplate&) const = default;
};

struct NoticeTemplates {
  NoticeTemplate failure;
  NoticeTemplate delay;
  NoticeTemplate success;
  NoticeTemplate verify;
};

/// What `${delay_warning_time_UNIT}` and `${maximal_queue_lifetime_UNIT}` count.
struct TemplateTimes {
  Duration delay_warning{};
  Duration queue_lifetime{};
};

/// Our own words, in the form of a template file.
[[nodiscard]] std::string_view builtin_template_file() noexcept;

/// Reads a template file; kinds that it does not have keep the built-in words. Everything wrong
/// with it is an error in `diagnostics`, with `file` and line, and then all words are the built-in
/// ones. `names` gives main.cf's values.
[[nodiscard]] NoticeTemplates parse_notice_templates(std::string_view content,
                                                     std::string_view file,
                                                     const config::NameSource& names,
                                                     const TemplateTimes& times,
                                                     config::Diagnostics* diagnostics);

/// The built-in words.
[[nodiscard]] NoticeTemplates builtin_notice_templates(const config::NameSource& names,
                                                       const TemplateTimes& times);

}  // namespace barid
