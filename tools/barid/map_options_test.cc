// Goal: every spelling of map's options means what it should. Method: rows of words.
#include "tools/barid/map_options.h"

#include <gtest/gtest.h>

namespace barid::tools {
namespace {

using Mode = MapOptions::Mode;

TEST(MapOptions, GoodOnes) {
  struct Row {
    std::vector<const char*> words;
    Mode mode;
    std::string_view key;
  };
  const Row rows[] = {
      {{"hash:/x"}, Mode::kBuild, ""},
      {{"-q", "k", "hash:/x"}, Mode::kQuery, "k"},
      {{"-qk", "hash:/x"}, Mode::kQuery, "k"},
      {{"--query=k", "hash:/x"}, Mode::kQuery, "k"},
      {{"hash:/x", "--query", "k"}, Mode::kQuery, "k"},
      {{"-hbq", "-", "hash:/x"}, Mode::kQuery, "-"},
      {{"-fd", "K", "hash:/x"}, Mode::kDelete, "K"},
      {{"-ir", "hash:/x"}, Mode::kInsert, ""},
      {{"-js", "hash:/x"}, Mode::kDump, ""},
      {{"-s", "--", "-file"}, Mode::kDump, ""},
      {{"--help"}, Mode::kHelp, ""},
      {{"-h"}, Mode::kHelp, ""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.words.front());
    MapOptions options;
    EXPECT_EQ(parse_map_options(row.words, &options), "");
    EXPECT_EQ(options.mode, row.mode);
    EXPECT_EQ(options.key, row.key);
  }
}

TEST(MapOptions, Flags) {
  MapOptions options;
  const std::vector<const char*> words = {"-frwFopn", "-c", "/etc/x", "-j", "-uUv", "a", "hash:b"};
  EXPECT_EQ(parse_map_options(words, &options), "");
  EXPECT_FALSE(options.fold);
  EXPECT_TRUE(options.replace);
  EXPECT_TRUE(options.ignore_duplicates);
  EXPECT_TRUE(options.files);
  EXPECT_FALSE(options.as_owner);
  EXPECT_FALSE(options.inherit_mode);
  EXPECT_FALSE(options.with_nul);
  EXPECT_TRUE(options.json);
  EXPECT_EQ(options.directory, "/etc/x");
  EXPECT_EQ(options.tables, (std::vector<std::string>{"a", "hash:b"}));
}

TEST(MapOptions, BadOnes) {
  struct Row {
    std::vector<const char*> words;
    std::string_view problem;
  };
  const Row rows[] = {
      {{}, "no table given"},
      {{"-q"}, "option -q needs a value"},
      {{"--delete"}, "option --delete needs a value"},
      {{"-q", "k"}, "no table given"},
      {{"-q", "", "hash:/x"}, "the key is empty"},
      {{"-z", "hash:/x"}, "unknown option: -z"},
      {{"-m", "hash:/x"}, "unknown option: -m"},
      {{"--what", "hash:/x"}, "unknown option: --what"},
      {{"--dump=1", "hash:/x"}, "--dump takes no value"},
      {{"-s", "-q", "k", "hash:/x"}, "only one of -q, -d, -i and -s can be done"},
      {{"-h", "hash:/x"}, "-h and -b are for messages on standard input: -q -"},
      {{"-b", "-q", "k", "hash:/x"}, "-h and -b are for messages on standard input: -q -"},
  };
  for (const Row& row : rows) {
    MapOptions options;
    EXPECT_EQ(parse_map_options(row.words, &options), row.problem);
  }
}

}  // namespace
}  // namespace barid::tools
