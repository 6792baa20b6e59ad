// Goal: the hash is XXH64 and does not depend on how its input is cut.
#include "bench/content_hash.h"

#include <gtest/gtest.h>

#include <string>

namespace barid::bench {
namespace {

TEST(ContentHash, PublishedValues) {
  struct Row {
    std::string_view in;
    uint64_t want;
  };
  for (const Row& row : {Row{"", 0xef46db3751d8e999u}, Row{"a", 0xd24ec4f1a98c6e5bu},
                         Row{"abc", 0x44bc2cf5ad770999u},
                         Row{"Nobody inspects the spammish repetition", 0xfbcea83c8a378bf1u}}) {
    SCOPED_TRACE(row.in);
    EXPECT_EQ(ContentHash::of(row.in), row.want);
  }
}

TEST(ContentHash, AnySegmentation) {
  std::string data;
  for (int i = 0; i < 200; ++i) data.push_back(static_cast<char>(i * 7));
  for (size_t length = 0; length <= data.size(); ++length) {
    const std::string_view whole(data.data(), length);
    for (const size_t step : {size_t{1}, size_t{7}, size_t{31}, size_t{33}}) {
      ContentHash hash;
      for (size_t at = 0; at < length; at += step) hash.update(whole.substr(at, step));
      ASSERT_EQ(hash.value(), ContentHash::of(whole)) << length << " by " << step;
    }
  }
}

TEST(ContentHash, Hex) {
  char text[ContentHash::kHexBytes];
  write_hex64(0x0123456789abcdefu, text);
  EXPECT_EQ(std::string_view(text, sizeof text), "0123456789abcdef");
  struct Row {
    std::string_view in;
    bool ok;
    uint64_t want;
  };
  for (const Row& row : {Row{"0123456789abcdef", true, 0x0123456789abcdefu},
                         Row{"FFFFFFFFFFFFFFFF", true, UINT64_MAX}, Row{"123", false, 0},
                         Row{"0123456789abcdeg", false, 0}, Row{"", false, 0}}) {
    SCOPED_TRACE(row.in);
    uint64_t value = 0;
    EXPECT_EQ(parse_hex64(row.in, value), row.ok);
    if (row.ok) {
      EXPECT_EQ(value, row.want);
    }
  }
}

}  // namespace
}  // namespace barid::bench
