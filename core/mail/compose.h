// From the parts of a message to its bytes: a header and a MIME body in 7-bit lines.
//   mixed( related( alternative(text, html), inline files ), files ), each level only where needed.
// Source: RFC 5322 3.6 (fields), RFC 2045, 2046 5.1 (multipart), 2387 (related), 2183
//         (dispositions), 2231, 2369 and 8058 (unsubscribing), 6532 (UTF-8 addresses).
// Layer:  core/mail, pure: date, ids and boundary text are facts handed in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/mail/mailbox.h"
#include "core/mem/content.h"

namespace barid {

struct ComposedField {
  std::string name;
  std::string value;
};

struct AttachedFile {
  std::string filename;      ///< empty = none is said
  std::string content_type;  ///< "type/subtype", perhaps with parameters; empty = by file name
  std::string content_id;    ///< without brackets; not empty = shown inside the html
  std::string bytes;
};

struct Composition {
  Mailbox from;
  std::vector<Mailbox> to;
  std::vector<Mailbox> cc;
  std::vector<Mailbox> reply_to;
  std::string subject;
  std::optional<std::string> text;
  std::optional<std::string> html;
  std::vector<ComposedField> fields;  ///< the sender's own
  std::vector<AttachedFile> files;
  std::string unsubscribe_url;     ///< empty = none
  std::string unsubscribe_mailto;  ///< an address or mailto URI; empty = none
  bool unsubscribe_one_click = false;
  std::string message_id;  ///< without brackets
  std::string boundary;    ///< unique to the message: letters and digits
  int64_t unix_seconds = 0;
};

/// What is wrong with a composition, in terms of the field it is about.
struct CompositionProblem {
  std::string param;
  std::string message;
};

/// Null if compose() may be called. Refused: CR, LF and NUL in whatever becomes a header, fields
/// that belong to the composition itself, malformed names, types and ids, and what is too long.
[[nodiscard]] std::optional<CompositionProblem> find_problem(const Composition& composition);

/// True if an address needs SMTPUTF8 (RFC 6531): names and subjects never do.
[[nodiscard]] bool needs_smtputf8(const Composition& composition) noexcept;

/// Appends the message to `out`, without Received and without Bcc. `composition` has no problem.
void compose(const Composition& composition, Content& out);

}  // namespace barid
