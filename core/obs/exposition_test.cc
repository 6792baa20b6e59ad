// Goal: the text is what Prometheus' format says, for every counter and limit. Method: known
// values, and the grammar of each line.
#include "core/obs/exposition.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace barid {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  size_t start = 0;
  for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', start)) {
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  EXPECT_EQ(start, text.size()) << "the last line has no end";
  return lines;
}

TEST(Exposition, EveryCounterAndLimitOfEveryShard) {
  std::vector<Counters> shards(2);
  shards[0].add(Counter::kDelivered, 7);
  shards[1].subtract(Counter::kMessagesActive, 1);
  shards[1].reach(Limit::kDiskSpace);
  std::string out;
  append_counters(out, shards);
  EXPECT_NE(out.find("# TYPE barid_recipients_delivered_total counter\n"
                     "barid_recipients_delivered_total{shard=\"0\"} 7\n"
                     "barid_recipients_delivered_total{shard=\"1\"} 0\n"),
            std::string::npos);
  EXPECT_NE(out.find("# TYPE barid_messages_active gauge\n"
                     "barid_messages_active{shard=\"0\"} 0\n"
                     "barid_messages_active{shard=\"1\"} -1\n"),
            std::string::npos);
  EXPECT_NE(out.find("barid_limit_reached_total{limit=\"disk_space\",shard=\"1\"} 1\n"),
            std::string::npos);
  std::set<std::string> seen;
  size_t samples = 0;
  for (const std::string& line : lines_of(out)) {
    if (line.starts_with("# TYPE ")) EXPECT_TRUE(seen.insert(line).second) << line;
    if (!line.starts_with('#')) ++samples;
  }
  EXPECT_EQ(samples, (kCounterCount + kLimitCount + kBounceClassCount) * shards.size());
}

TEST(Exposition, FamiliesAndInfo) {
  std::string out;
  const std::vector<uint64_t> values = {3, 4};
  append_family(out, {.name = "sessions", .help = "open now", .values = values});
  append_info(out,
              {.name = "build_info", .help = "version", .label = "version", .text = "a\"b\\c\n"});
  EXPECT_EQ(out,
            "# HELP barid_sessions open now\n# TYPE barid_sessions gauge\n"
            "barid_sessions{shard=\"0\"} 3\nbarid_sessions{shard=\"1\"} 4\n"
            "# HELP barid_build_info version\n# TYPE barid_build_info gauge\n"
            "barid_build_info{version=\"a\\\"b\\\\c\\n\"} 1\n");
}

}  // namespace
}  // namespace barid
