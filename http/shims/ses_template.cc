#include "http/shims/ses_template.h"

#include <fmt/format.h>

#include <array>

#include "core/text/ascii.h"

namespace barid::http {
namespace {

constexpr size_t kShownBytesMax = 76;
constexpr text::CharSet kNameChars = text::kAlnum | text::CharSet("_-.");

/// The member that `path`, names with dots between, leads to.
const JsonValue* find_path(const JsonValue* object, std::string_view path) {
  while (object != nullptr) {
    const size_t dot = path.find('.');
    object = object->find(path.substr(0, dot));
    if (dot == std::string_view::npos) break;
    path.remove_prefix(dot + 1);
  }
  return object;
}

/// False: it has no form as text.
bool append_value(std::string& out, const JsonValue& value) {
  if (value.is_string() || value.kind == JsonValue::Kind::kNumber) {
    out += value.text;
  } else if (value.kind == JsonValue::Kind::kBool) {
    out += value.boolean ? "true" : "false";
  } else {
    return false;
  }
  return true;
}

}  // namespace

Rendering render_ses(std::string_view source, const std::vector<const JsonValue*>& data,
                     size_t bytes_max) {
  Rendering out;
  const auto fail = [&out](std::string_view tag, std::string_view why) {
    out.problem = fmt::format("{{{{{}}}}} {}", tag.substr(0, kShownBytesMax), why);
    return out;
  };
  while (out.text.size() <= bytes_max) {
    const size_t begin = source.find("{{");
    out.text += source.substr(0, begin);
    if (begin == std::string_view::npos) break;
    source.remove_prefix(begin);
    const bool three = source.starts_with("{{{");
    const std::string_view closing = three ? "}}}" : "}}";
    source.remove_prefix(closing.size());
    const size_t end = source.find(closing);
    if (end == std::string_view::npos) return fail(source, "does not end");
    const std::string_view inside = source.substr(0, end);
    const std::string_view name = text::trim(inside);
    source.remove_prefix(end + closing.size());
    if (!three && inside.starts_with('!')) continue;
    if (name.empty() || !kNameChars.has_all(name)) {
      return fail(name, "is no variable: blocks and helpers are not supported");
    }
    const JsonValue* value = nullptr;
    for (const JsonValue* object : data) {
      if (value == nullptr) value = find_path(object, name);
    }
    if (value == nullptr || value->is_null()) return fail(name, "has no value");
    if (!append_value(out.text, *value)) return fail(name, "must be text, number, true or false");
  }
  if (out.text.size() > bytes_max) out.problem = "is too long with its values";
  return out;
}

SesTemplate SesTemplate::read(ForeignReader& reader, JsonValue& object, std::string_view path) {
  SesTemplate out;
  JsonValue* content = reader.find(object, "TemplateContent");
  const std::string mine = fmt::format("{}TemplateContent", path);
  if (content == nullptr) {
    reader.fail_missing(mine);
    return out;
  }
  constexpr std::array<std::string_view, 3> kNames = {"Subject", "Text", "Html"};
  const std::string inside = mine + '.';
  if (!reader.check_names(*content, inside, kNames)) return out;
  out.subject_ = reader.text(*content, inside, "Subject");
  out.text_ = reader.text(*content, inside, "Text");
  out.html_ = reader.text(*content, inside, "Html");
  if (out.subject_.empty()) reader.fail_missing(inside + "Subject");
  if (out.text_.empty() && out.html_.empty()) reader.fail(mine, "needs Text or Html");
  return out;
}

std::string SesTemplate::render(const std::vector<const JsonValue*>& data, size_t* bytes_left,
                                JsonValue* email) const {
  const std::array<std::pair<std::string_view, const std::string*>, 3> parts = {
      {{"subject", &subject_}, {"text", &text_}, {"html", &html_}}};
  for (const auto& [name, source] : parts) {
    if (source->empty()) continue;
    Rendering rendering = render_ses(*source, data, *bytes_left);
    if (!rendering.problem.empty()) return std::move(rendering.problem);
    *bytes_left -= rendering.text.size();
    put(*email, name, json_of(std::move(rendering.text)));
  }
  return {};
}

JsonValue read_template_data(ForeignReader& reader, JsonValue& object, std::string_view path,
                             std::string_view name) {
  const std::string text = reader.text(object, path, name);
  if (text.empty()) return {.kind = JsonValue::Kind::kObject};
  std::optional<JsonValue> data = parse_json(text);
  if (data && data->is_object()) return *std::move(data);
  reader.fail(fmt::format("{}{}", path, name), "must be the text of a JSON object");
  return {};
}

}  // namespace barid::http
