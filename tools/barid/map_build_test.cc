// Goal: texts become indexed files, and entries come and go, as postmap(1) says. Method: files of
// this test's own directory, built, changed and read back.
#include "tools/barid/map_build.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sysexits.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace barid::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class MapBuild : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ =
        std::filesystem::path(::testing::TempDir()) / ("map_build." + std::to_string(::getpid()));
    std::filesystem::create_directory(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string name() const { return directory_ / "t"; }
  std::string path() const { return name() + ".lmdb"; }
  void write(std::string_view text) const { std::ofstream(name()) << text; }
  MapFile file(const MapOptions& options, bool aliases = false) const {
    return {lookup::IndexType::kLmdb, name(), options, aliases};
  }
  std::vector<std::pair<std::string, std::string>> stored() const {
    const lookup::IndexContent content = lookup::read_index(lookup::IndexType::kLmdb, path());
    EXPECT_EQ(content.error, "");
    std::vector<std::pair<std::string, std::string>> out;
    for (const lookup::IndexEntry& entry : content.entries)
      out.emplace_back(entry.key, entry.value);
    return out;
  }
  MapOutcome insert(const MapOptions& options, const std::string& text) const {
    std::istringstream input(text);
    return file(options).insert(input);
  }
  MapOutcome erase(std::string_view key, const std::string& text = "") const {
    std::istringstream input(text);
    const MapOptions options;
    return file(options).erase(key, input);
  }

  std::filesystem::path directory_;
};

TEST_F(MapBuild, FromText) {
  write("# comment\nA.example  smtp:[x]\nlong one\n  two\n\"q k\"@x v\ndup one\ndup two\nlonely\n");
  const MapOptions options;
  const MapOutcome outcome = file(options).build();
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.warnings,
              ElementsAre(path() + ": duplicate entry: \"dup\"",
                          name() + ", line 8: expected format: key whitespace value"));
  EXPECT_THAT(stored(),
              UnorderedElementsAre(Pair("a.example", "smtp:[x]"), Pair("long", "one  two"),
                                   Pair("\"q k\"@x", "v"), Pair("dup", "one")));
}

TEST_F(MapBuild, Options) {
  write("Key one\nKey two\n");
  const MapOptions replacing{.fold = false, .replace = true};
  EXPECT_THAT(file(replacing).build().warnings, IsEmpty());
  EXPECT_THAT(stored(), ElementsAre(Pair("Key", "two")));
  const MapOptions silent{.ignore_duplicates = true};
  EXPECT_THAT(file(silent).build().warnings, IsEmpty());
  EXPECT_THAT(stored(), ElementsAre(Pair("key", "one")));

  const std::string secret = directory_ / "secret";
  std::ofstream(secret) << "ab\n";
  write("k " + secret + ", " + secret + "\n");
  const MapOptions files{.files = true};
  EXPECT_EQ(file(files).build().error, "");
  EXPECT_THAT(stored(), ElementsAre(Pair("k", "YWIKYWIK")));
  write("k " + secret + ".absent\n");
  EXPECT_EQ(file(files).build().error,
            name() + ", line 1: open " + secret + ".absent: No such file or directory");
  EXPECT_THAT(stored(), ElementsAre(Pair("k", "YWIKYWIK")));  // the old file stays
}

TEST_F(MapBuild, Aliases) {
  write("root: joe, ann\nList :  :include:/x,\n  more@x\n");
  const MapOptions options;
  EXPECT_EQ(file(options, /*aliases=*/true).build().error, "");
  EXPECT_THAT(stored(), UnorderedElementsAre(Pair("root", "joe, ann"), Pair("@", "@"),
                                             Pair("list", ":include:/x,  more@x")));
}

TEST_F(MapBuild, InsertAndErase) {
  const MapOptions plain;
  EXPECT_EQ(insert(plain, "a 1\nb 2\n").error, "");  // makes the file
  const MapOutcome again = insert(plain, "A 3\nc 4\n");
  EXPECT_THAT(again.warnings, ElementsAre(path() + ": duplicate entry: \"a\""));
  EXPECT_THAT(stored(), UnorderedElementsAre(Pair("a", "1"), Pair("b", "2"), Pair("c", "4")));
  const MapOptions replacing{.replace = true};
  EXPECT_THAT(insert(replacing, "A 3\n").warnings, IsEmpty());
  EXPECT_EQ(erase("B").status, 0);
  EXPECT_EQ(erase("b").status, 1);
  EXPECT_THAT(stored(), UnorderedElementsAre(Pair("a", "3"), Pair("c", "4")));
  EXPECT_EQ(erase("-", "x\nc\n").status, 0);
  EXPECT_EQ(erase("-", "x\nc\n").status, 1);
  EXPECT_THAT(stored(), ElementsAre(Pair("a", "3")));
}

TEST_F(MapBuild, WhatCannotBe) {
  const MapOptions options;
  EXPECT_EQ(file(options).build().error, "open " + name() + ": No such file or directory");
  EXPECT_EQ(file(options).build().status, EX_NOINPUT);
  EXPECT_EQ(erase("a").error, "open " + path() + ": No such file or directory");
  std::ofstream(path()) << "no database";
  EXPECT_EQ(insert(options, "a 1\n").status, EX_NOINPUT);
  EXPECT_EQ(erase("a").status, EX_NOINPUT);
}

}  // namespace
}  // namespace barid::tools
