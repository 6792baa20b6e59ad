// Property: what GMime parses back from a composed message equals what was submitted: text and html
// line by line, files byte by byte. The input is cut at the byte 0x1e into text, html and two
// files.
#include <cstdint>
#include <vector>

#include "core/base/assert.h"
#include "core/mail/compose.h"
#include "core/text/utf8.h"
#include "http/submit/mime_parts.h"

using namespace barid;
using namespace barid::http;

namespace {

std::string cut(std::string_view& input) {
  const size_t end = input.find('\x1e');
  std::string member(input.substr(0, end));
  input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
  return member;
}

/// Lines, whatever ended them, without an end of the last one.
std::string lines_of(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r') {
      if (i + 1 == text.size() || text[i + 1] != '\n') out += '\n';
    } else {
      out += text[i];
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  Composition composition;
  composition.from = {.local = "a", .domain = "b.example"};
  composition.to = {{.local = "c", .domain = "d.example"}};
  composition.subject = "s";
  composition.message_id = "i@b.example";
  composition.boundary = "01a213c0bd7a80ae96810000930841b6";
  const std::string text = cut(input);
  const std::string html = cut(input);
  const std::string files[] = {cut(input), cut(input)};
  if (!text::is_valid_utf8(text) || !text::is_valid_utf8(html)) return 0;  // JSON has no other
  if (!text.empty()) composition.text = text;
  if (!html.empty()) composition.html = html;
  for (const std::string& bytes : files) {
    if (!bytes.empty()) composition.files.push_back({.filename = "f.bin", .bytes = bytes});
  }
  if (find_problem(composition)) return 0;
  const ContentRef content = ContentRef::make();
  compose(composition, *content);
  std::string message;
  for (const std::string_view span : content->spans()) message += span;
  std::vector<MimePart> texts;
  std::vector<MimePart> attached;
  for (MimePart& part : read_mime_parts(message)) {
    (part.attached ? attached : texts).push_back(std::move(part));
  }
  size_t next = 0;
  for (const auto* body : {&composition.text, &composition.html}) {
    if (!*body) continue;
    BARID_ASSERT(next < texts.size());
    BARID_ASSERT(lines_of(texts[next].content) == lines_of(**body));
    ++next;
  }
  BARID_ASSERT(attached.size() == composition.files.size());
  for (size_t i = 0; i < attached.size(); ++i) {
    BARID_ASSERT(attached[i].content == composition.files[i].bytes);
  }
  return 0;
}
