// Property: whatever the fields hold, a composition without problems becomes lines that end in
// CR LF, of at most 998 bytes, in 7 bits unless an address is not; and its header has just the
// fields it was given. The input is cut at the byte 0x1e into members.
#include <cstdint>
#include <vector>

#include "core/base/assert.h"
#include "core/mail/compose.h"
#include "core/text/ascii.h"
#include "core/text/utf8.h"

using namespace barid;

namespace {

std::vector<std::string> members(std::string_view input) {
  std::vector<std::string> parts(9);
  for (size_t i = 0; i < parts.size(); ++i) {
    const size_t end = input.find('\x1e');
    parts[i] = input.substr(0, end);
    input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
  }
  return parts;
}

void check_lines(std::string_view text, bool utf8) {
  while (!text.empty()) {
    const size_t end = text.find("\r\n");
    BARID_ASSERT(end != std::string_view::npos);
    const std::string_view line = text.substr(0, end);
    BARID_ASSERT(line.size() <= 998);
    BARID_ASSERT(line.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
    BARID_ASSERT(utf8 || text::is_ascii(line));
    text.remove_prefix(end + 2);
  }
}

void check_header(std::string_view text, std::string_view own_name) {
  static constexpr std::string_view kKnown[] = {
      "From",       "To",           "Subject",      "Date",
      "Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"};
  uint32_t fields = 0;
  while (!text.starts_with("\r\n")) {
    const size_t end = text.find("\r\n");
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    if (text::is_blank(line.front())) {
      BARID_ASSERT(line.find_first_not_of(" \t") != std::string_view::npos);
      continue;
    }
    const std::string_view name = line.substr(0, line.find(':'));
    ++fields;
    bool known = name == own_name;
    for (const std::string_view one : kKnown) known = known || name == one;
    BARID_ASSERT(known);
  }
  BARID_ASSERT(fields <= std::size(kKnown) + 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<std::string> parts = members({reinterpret_cast<const char*>(data), size});
  Composition composition;
  const auto from = parse_mailbox(parts[0]);
  if (!from) return 0;
  composition.from = *from;
  composition.to = {*from};
  composition.to[0].name = parts[1];
  composition.subject = parts[2];
  composition.text = parts[3];
  if (!parts[4].empty()) composition.html = parts[4];
  composition.fields = {{.name = parts[5], .value = parts[6]}};
  if (!parts[7].empty()) composition.files = {{.filename = parts[7], .bytes = parts[8]}};
  composition.message_id = "id@example.org";
  composition.boundary = "b";
  if (find_problem(composition)) return 0;
  ContentRef content = ContentRef::make();
  compose(composition, *content);
  std::string text;
  for (const std::string_view span : content->spans()) text += span;
  check_lines(text, needs_smtputf8(composition));
  check_header(text, parts[5]);
  return 0;
}
