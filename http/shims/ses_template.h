// Templates as SES renders them, as far as they are variables: {{name}}, {{a.b}}, {{{name}}}, and
// comments {{! }}. Nothing is escaped: so it is there. Blocks and helpers are refused.
// Source: docs.aws.amazon.com/ses, "Advanced email personalization"; handlebarsjs.com.
// Layer:  http, pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/shims/foreign_reader.h"

namespace barid::http {

struct Rendering {
  std::string text;
  std::string problem;  ///< why it cannot be rendered; empty = it was
};

/// `data`: objects that are asked one after the other for a name. Not more than `bytes_max`.
[[nodiscard]] Rendering render_ses(std::string_view source,
                                   const std::vector<const JsonValue*>& data, size_t bytes_max);

/// The member TemplateContent, {"Subject","Text","Html"}.
class SesTemplate {
 public:
  /// `path`: of `object`, with a dot at its end. Problems stay in `reader`.
  [[nodiscard]] static SesTemplate read(ForeignReader& reader, JsonValue& object,
                                        std::string_view path);
  /// Puts subject, text and html into `email`; why not, or empty. `*bytes_left` becomes less.
  [[nodiscard]] std::string render(const std::vector<const JsonValue*>& data, size_t* bytes_left,
                                   JsonValue* email) const;

 private:
  std::string subject_;
  std::string text_;
  std::string html_;
};

/// A member whose text is a JSON object; an empty object if it is absent.
[[nodiscard]] JsonValue read_template_data(ForeignReader& reader, JsonValue& object,
                                           std::string_view path, std::string_view name);

}  // namespace barid::http
