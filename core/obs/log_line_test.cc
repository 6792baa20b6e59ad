// Goal: numbers and texts inside a line are exactly what log readers expect, whatever the input.
// Method: rows.
#include "core/obs/log_line.h"

#include <gtest/gtest.h>

namespace barid {
namespace {

std::string seconds(int64_t micros, int decimals_max = 2) {
  char out[kLogLineBytesMax];
  LineCursor line(out);
  line.put_seconds(std::chrono::microseconds(micros), decimals_max);
  return {out, line.end()};
}

TEST(PutSeconds, TwoSignificantDigits) {
  struct Case {
    int64_t micros;
    std::string_view text;
  };
  constexpr Case kCases[] = {
      {0, "0"},
      {1, "0"},
      {4'999, "0"},
      {5'000, "0.01"},
      {10'000, "0.01"},
      {14'999, "0.01"},
      {15'000, "0.02"},
      {50'000, "0.05"},
      {100'000, "0.1"},
      {220'000, "0.22"},
      {224'999, "0.22"},
      {225'000, "0.23"},
      {500'000, "0.5"},
      {994'999, "0.99"},
      {995'000, "1"},
      {999'999, "1"},
      {1'000'000, "1"},
      {1'049'999, "1"},
      {1'050'000, "1.1"},
      {1'500'000, "1.5"},
      {9'949'999, "9.9"},
      {9'950'000, "10"},
      {9'999'999, "10"},
      {10'000'000, "10"},
      {10'499'999, "10"},
      {10'500'000, "11"},
      {12'000'000, "12"},
      {99'500'000, "100"},
      {1'234'000'000, "1234"},
      {-5'000'000, "0"},
      {432'000'000'000, "432000"},
  };
  for (const Case& c : kCases) EXPECT_EQ(seconds(c.micros), c.text) << c.micros;
}

TEST(PutSeconds, Resolution) {
  struct Case {
    int64_t micros;
    int decimals_max;
    std::string_view text;
  };
  constexpr Case kCases[] = {
      {1'499'999, 0, "1"},   {1'500'000, 0, "2"},   {499'999, 0, "0"},    {500'000, 0, "1"},
      {49'999, 1, "0"},      {50'000, 1, "0.1"},    {949'999, 1, "0.9"},  {960'000, 1, "1"},
      {1'260'000, 1, "1.3"}, {1'260'000, 6, "1.3"}, {1, 6, "0.000001"},   {99, 6, "0.000099"},
      {123, 6, "0.00012"},   {125, 6, "0.00013"},   {123'456, 6, "0.12"}, {99'990, 6, "0.1"},
      {12'345, 4, "0.012"},  {1'234, 4, "0.0012"},  {120, 4, "0.0001"},   {999'999, 6, "1"},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(seconds(c.micros, c.decimals_max), c.text) << c.micros << ' ' << c.decimals_max;
  }
}

TEST(PutText, Printable) {
  struct Case {
    std::string_view in;
    std::string_view postfix;
    std::string_view json;
  };
  constexpr Case kCases[] = {
      {"", "", ""},
      {"plain text of more than eight bytes", "plain text of more than eight bytes",
       "plain text of more than eight bytes"},
      {"a\r\nb\tc\x01\x7f", "a? b c??", "a? b c??"},
      {"say \"hi\" \\ there, friend", "say \"hi\" \\ there, friend",
       "say \\\"hi\\\" \\\\ there, friend"},
      {"\\", "\\", "\\\\"},
      {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
       "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
      {"\xc2\x85|\xc2\xa0|\xc3|\xff|\xed\xa0\x80|\xc0\xaf", "??|\xc2\xa0|?|?|???|??",
       "??|\xc2\xa0|?|?|???|??"},
      {"12345678\n2345678", "12345678 2345678", "12345678 2345678"},
  };
  for (const Case& c : kCases) {
    char out[kLogLineBytesMax];
    LineCursor text(out);
    text.put_text(c.in, 512);
    EXPECT_EQ(std::string_view(out, static_cast<size_t>(text.end() - out)), c.postfix);
    LineCursor json(out);
    json.put_json_text(c.in, 512);
    EXPECT_EQ(std::string_view(out, static_cast<size_t>(json.end() - out)), c.json);
  }
}

TEST(PutText, EveryPositionOfEveryAsciiByte) {
  for (int byte = 0; byte < 128; ++byte) {
    for (size_t at = 0; at < 20; ++at) {
      std::string in(20, 'x');
      in[at] = static_cast<char>(byte);
      std::string want = in;
      if (byte < 0x20 || byte == 0x7f) want[at] = byte == '\n' || byte == '\t' ? ' ' : '?';
      char out[kLogLineBytesMax];
      LineCursor text(out);
      text.put_text(in, 512);
      ASSERT_EQ(std::string_view(out, static_cast<size_t>(text.end() - out)), want) << byte;
      if (byte == '"' || byte == '\\') want.insert(at, 1, '\\');
      LineCursor json(out);
      json.put_json_text(in, 512);
      ASSERT_EQ(std::string_view(out, static_cast<size_t>(json.end() - out)), want) << byte;
    }
  }
}

TEST(PutText, ClipsBetweenCharacters) {
  struct Case {
    std::string_view in;
    size_t bytes_max;
    std::string_view text;
  };
  constexpr Case kCases[] = {
      {"0123456789", 10, "0123456789"}, {"0123456789a", 10, "0123456789..."},
      {"abc\xc3\xa9z", 4, "abc..."},    {"abc\xc3\xa9z", 5, "abc\xc3\xa9..."},
      {"\xf0\x9f\x98\x80zz", 3, "..."}, {"\x80\x80\x80\x80\x80\x80\x80\x80", 5, "?????..."},
  };
  for (const Case& c : kCases) {
    char out[kLogLineBytesMax];
    LineCursor line(out);
    line.put_text(c.in, c.bytes_max);
    EXPECT_EQ(std::string_view(out, static_cast<size_t>(line.end() - out)), c.text);
  }
}

}  // namespace
}  // namespace barid
