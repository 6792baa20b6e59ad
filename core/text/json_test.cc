// Goal: every value becomes one JSON string that says the same. Method: rows, and every byte at
// every place within a few words.
#include "core/text/json.h"

#include <gtest/gtest.h>

namespace barid::text {
namespace {

TEST(JsonString, Rows) {
  struct Row {
    std::string_view value, written;
  };
  for (const Row& row : {
           Row{"", R"("")"},
           Row{"plain text of more than a word", R"("plain text of more than a word")"},
           Row{"a\"b\\c", R"("a\"b\\c")"},
           Row{"line\r\n\tend", R"("line\r\n\tend")"},
           Row{std::string_view("\0\x1f\x7f", 3), R"("\u0000\u001f\u007f")"},
           Row{"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\""},
           Row{"bad \xff end", "\"bad \xef\xbf\xbd end\""},
           Row{"cut \xe2\x82\"", "\"cut \xef\xbf\xbd\xef\xbf\xbd\\\"\""},
       }) {
    EXPECT_EQ(json_string(row.value), row.written);
  }
}

TEST(JsonString, FirstSpecialByteIsFound) {
  for (int byte = 0; byte < 256; ++byte) {
    for (size_t place = 0; place < 20; ++place) {
      std::string value(24, '\xc3');
      value[place] = static_cast<char>(byte);
      value[23] = '"';
      const bool special = byte < 0x20 || byte == '"' || byte == '\\';
      EXPECT_EQ(plain_json_bytes(value), special ? place : 23u) << byte << " at " << place;
    }
  }
}

}  // namespace
}  // namespace barid::text
