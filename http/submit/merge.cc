#include "http/submit/merge.h"

#include <fmt/format.h>

#include "core/text/ascii.h"
#include "core/text/html.h"

namespace barid::http {
namespace {

std::optional<std::string> find_value(const MergeRecipient& recipient, std::string_view name) {
  for (const auto& [key, value] : recipient.variables) {
    if (key == name) return value;
  }
  if (name == "email") return recipient.mailbox.address();
  if (name == "name" && !recipient.mailbox.name.empty()) return recipient.mailbox.name;
  return std::nullopt;
}

}  // namespace

std::optional<std::string> merge_text(std::string_view text, const MergeRecipient& recipient,
                                      MergeStyle style, std::string* tag) {
  std::string out;
  for (;;) {
    const size_t open = text.find("{{");
    out += text.substr(0, open);
    if (open == std::string_view::npos) return out;
    text.remove_prefix(open + 2);
    const bool triple = text.starts_with('{');
    if (triple) text.remove_prefix(1);
    const std::string_view end = triple ? "}}}" : "}}";
    const size_t close = text.find(end);
    if (close == std::string_view::npos) {
      *tag = text.substr(0, 40);
      return std::nullopt;
    }
    const std::string_view name = text::trim(text.substr(0, close));
    const auto value = find_value(recipient, name);
    if (!value) {
      *tag = name.substr(0, 100);
      return std::nullopt;
    }
    if (style == MergeStyle::kHtml && !triple) {
      text::append_html(out, *value);
    } else {
      out += *value;
    }
    text.remove_prefix(close + end.size());
  }
}

std::optional<ApiError> merge(const Composition& composition, const MergeRecipient& recipient,
                              size_t index, Composition* merged) {
  *merged = composition;
  merged->to = {recipient.mailbox};
  std::string tag;
  bool good = true;
  const auto apply = [&](std::string& text, MergeStyle style) {
    if (!good) return;
    auto result = merge_text(text, recipient, style, &tag);
    good = result.has_value();
    if (good) text = *std::move(result);
  };
  apply(merged->subject, MergeStyle::kPlain);
  if (merged->text) apply(*merged->text, MergeStyle::kPlain);
  if (merged->html) apply(*merged->html, MergeStyle::kHtml);
  for (ComposedField& field : merged->fields) apply(field.value, MergeStyle::kPlain);
  if (!good) {
    return ApiError{.status = 422,
                    .name = "validation_error",
                    .message = fmt::format("The tag `{}` has no value for {}.", tag,
                                           recipient.mailbox.address()),
                    .param = fmt::format("recipients.{}.variables.{}", index, tag)};
  }
  if (auto problem = find_problem(*merged)) {
    return ApiError{.status = 422,
                    .name = "validation_error",
                    .message = fmt::format("Invalid `{}` for {}: {}", problem->param,
                                           recipient.mailbox.address(), problem->message),
                    .param = fmt::format("recipients.{}", index)};
  }
  return std::nullopt;
}

}  // namespace barid::http
