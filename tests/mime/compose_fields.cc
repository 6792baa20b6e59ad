// For check_compose.py: reads compositions from standard input, writes messages to standard output.
// One composition: lines `KEY BYTES` each followed by that many bytes and a line feed; `end 0`
// closes it. A message is answered as `BYTES` on a line, then the bytes; a refused one as `-`.
#include <cstdio>
#include <iostream>
#include <string>

#include "core/mail/compose.h"

using namespace barid;

namespace {

void apply(Composition& composition, const std::string& key, const std::string& value) {
  if (key == "from") composition.from = parse_mailbox(value).value();
  if (key == "to") composition.to.push_back(parse_mailbox(value).value());
  if (key == "cc") composition.cc.push_back(parse_mailbox(value).value());
  if (key == "to_name") composition.to.back().name = value;
  if (key == "subject") composition.subject = value;
  if (key == "text") composition.text = value;
  if (key == "html") composition.html = value;
  if (key == "field_name") composition.fields.push_back({.name = value});
  if (key == "field_value") composition.fields.back().value = value;
  if (key == "file") composition.files.push_back({.bytes = value});
  if (key == "filename") composition.files.back().filename = value;
  if (key == "content_type") composition.files.back().content_type = value;
  if (key == "content_id") composition.files.back().content_id = value;
}

void answer(const Composition& composition) {
  if (find_problem(composition)) {
    std::cout << "-\n";
    return;
  }
  ContentRef content = ContentRef::make();
  compose(composition, *content);
  std::cout << content->size() << '\n';
  for (const std::string_view span : content->spans()) std::cout << span;
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  Composition composition;
  std::string key;
  size_t bytes = 0;
  while (std::cin >> key >> bytes) {
    std::cin.get();
    std::string value(bytes, '\0');
    std::cin.read(value.data(), static_cast<std::streamsize>(bytes));
    if (key == "end") {
      composition.message_id = "id@example.org";
      composition.boundary = "0123abc";
      composition.unix_seconds = 1'700'000'000;
      answer(composition);
      composition = Composition{};
      continue;
    }
    apply(composition, key, value);
  }
  return 0;
}
