#include "core/mail/tag_writer.h"

#include <algorithm>

#include "core/text/ascii.h"

namespace barid::dkim {

void TagWriter::add(std::string_view name, std::string_view value) {
  const size_t bytes = name.size() + value.size() + 3;
  if (column_ + bytes > kColumnMax) {
    fold();
  } else {
    put(" ");
  }
  put(name);
  put("=");
  put(value);
  put(";");
}

void TagWriter::add(std::string_view name, int64_t value) {
  std::string text;
  text::append_number(text, static_cast<uint64_t>(std::max<int64_t>(value, 0)));
  add(name, text);
}

void TagWriter::add_piece(std::string_view piece) {
  if (column_ + piece.size() > kColumnMax) fold();
  put(piece);
}

void TagWriter::fold() {
  out_ += kFold;
  column_ = kFoldColumn;
}

void TagWriter::put(std::string_view text) {
  out_ += text;
  column_ += text.size();
}

}  // namespace barid::dkim
