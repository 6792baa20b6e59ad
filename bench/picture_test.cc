// Goal: pictures show what was seen, and a server's listing is read right.
// Method: rows of listings; a chart's text.
#include "bench/picture.h"

#include <gtest/gtest.h>

#include <set>

namespace barid::bench {
namespace {

TEST(Picture, ReadsTheFirstDestination) {
  const SiteSample sample = read_site_sample(
      "{\"transport\": \"smtp\", \"waiting\": 7, \"in_use\": 3, \"window\": 12}\n"
      "{\"transport\": \"smtp\", \"waiting\": 1, \"in_use\": 1, \"window\": 1}\n");
  EXPECT_EQ(sample.window, 12);
  EXPECT_EQ(sample.in_use, 3);
  EXPECT_FALSE(sample.dead);
  EXPECT_TRUE(read_site_sample("{\"in_use\": 0, \"window\": 5, \"dead_until\": 17}\n").dead);
  EXPECT_EQ(read_site_sample("").window, 0);
}

TEST(Picture, SeriesUseTheirAxisAndSpansTheirTime) {
  const std::string svg = time_chart(
      "a < b",
      {{.label = "window", .points = {{0, 0}, {10, 20}}},
       {.label = "rate", .points = {{0, 100}, {10, 200}}, .color = 1, .right_axis = true}},
      {{.from = 5, .until = 10, .label = "421"}});
  EXPECT_NE(svg.find("a &lt; b"), std::string::npos);
  EXPECT_NE(svg.find("points=\"48.0,240.0 664.0,62.0 \""), std::string::npos) << svg;
  EXPECT_NE(svg.find("points=\"48.0,151.0 664.0,62.0 \""), std::string::npos) << svg;
  EXPECT_NE(svg.find("<rect class=\"span\" x=\"356.0\""), std::string::npos) << svg;
  EXPECT_EQ(time_chart("nothing", {}, {}), "");
}

TEST(Picture, CasesHaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const PictureCase& one : picture_cases()) EXPECT_TRUE(names.insert(one.name).second);
  EXPECT_EQ(names.size(), 4u);
}

}  // namespace
}  // namespace barid::bench
