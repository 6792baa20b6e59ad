// Goal: a content gives back what was appended, in blocks within their limit. Method: random
// appends.
#include "core/mem/content.h"

#include <gtest/gtest.h>

#include <string>

#include "core/base/rng.h"

namespace barid {
namespace {

std::string joined(const Content& content) {
  std::string all;
  for (const std::string_view span : content.spans()) all += span;
  return all;
}

TEST(Content, GivesBackWhatWasAppended) {
  Rng rng(7);
  for (int round = 0; round < 20; ++round) {
    const ContentRef content = ContentRef::make();
    std::string expected;
    for (int i = 0; i < 50; ++i) {
      const std::string piece(rng.below(9000), static_cast<char>('a' + rng.below(26)));
      content->append(piece);
      expected += piece;
    }
    EXPECT_EQ(content->size(), expected.size());
    EXPECT_EQ(joined(*content), expected);
    for (const std::string_view span : content->spans())
      EXPECT_LE(span.size(), Content::kBlockBytesMax);
  }
}

TEST(Content, IsEmptyOnceDrained) {
  const ContentRef content = ContentRef::make();
  const std::string bytes(300'000, 'x');
  content->append(bytes);
  std::string taken;
  content->drain([&taken](std::string_view span) { taken += span; });
  EXPECT_EQ(taken, bytes);
  EXPECT_EQ(content->size(), 0u);
  EXPECT_EQ(content->memory_bytes(), 0u);
  EXPECT_TRUE(content->spans().empty());
  content->append("y");
  EXPECT_EQ(joined(*content), "y");
}

TEST(Content, ASmallMessageTakesOneBlock) {
  const ContentRef content = ContentRef::make();
  content->append(std::string(5000, 'x'));
  EXPECT_EQ(content->memory_bytes(), Content::kFirstBlockBytes);
  EXPECT_EQ(content->spans().size(), 1u);
}

TEST(ContentRef, SharesAndReleases) {
  ContentRef a = ContentRef::make();
  ContentRef b = a;
  a.reset();
  EXPECT_FALSE(a);
  ASSERT_TRUE(b);
  b->append("x");
  EXPECT_EQ(b->size(), 1u);
}

}  // namespace
}  // namespace barid
