// Goal: what is written into an indexed file is what is read from it, for each type, and a file
// that is none is said to be so. Method: the same rows through each type, in a directory of this
// test.
#include "core/lookup/index_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace barid::lookup {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class IndexFile : public ::testing::TestWithParam<std::string_view> {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::path(::testing::TempDir()) /
                 ("index_file." + std::to_string(::getpid()) + "." + std::string(GetParam()));
    std::filesystem::create_directory(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  IndexType type() const { return *find_index_type(GetParam()); }
  std::string name() const { return directory_ / "table"; }
  std::string path() const { return index_path(type(), name()); }

  std::vector<std::pair<std::string, std::string>> stored() const {
    const IndexContent content = read_index(type(), path());
    EXPECT_THAT(content.error, IsEmpty());
    std::vector<std::pair<std::string, std::string>> out;
    for (const IndexEntry& entry : content.entries) out.emplace_back(entry.key, entry.value);
    return out;
  }

  std::filesystem::path directory_;
};

TEST_P(IndexFile, WhatIsWrittenIsRead) {
  const std::string long_value(100'000, 'v');
  for (const bool with_nul : {true, false}) {
    const std::vector<IndexEntry> entries = {
        {"a.example", "smtp:[x]"}, {"\xc3\xa9", "utf-8"}, {"long", long_value}};
    EXPECT_EQ(write_index(type(), path(), entries, {.with_nul = with_nul, .mode = 0640}), "");
    EXPECT_THAT(stored(),
                UnorderedElementsAre(Pair("a.example", "smtp:[x]"), Pair("\xc3\xa9", "utf-8"),
                                     Pair("long", long_value)));
    struct stat facts {};
    ASSERT_EQ(::stat(path().c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0640u);
  }
  EXPECT_EQ(write_index(type(), path(), {}, {}), "");
  EXPECT_THAT(stored(), IsEmpty());
  // Nothing else was left behind.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);
}

TEST_P(IndexFile, ManyEntries) {
  std::vector<IndexEntry> entries;
  for (int i = 0; i < 20'000; ++i) {
    entries.push_back({"user" + std::to_string(i) + "@example.org",
                       std::string(static_cast<size_t>(i % 300), 'x')});
  }
  ASSERT_EQ(write_index(type(), path(), entries, {}), "");
  EXPECT_EQ(stored().size(), entries.size());
}

TEST_P(IndexFile, AsATable) {
  ASSERT_EQ(write_index(type(), path(), std::vector<IndexEntry>{{"key", "value"}}, {}), "");
  std::vector<std::string> warnings;
  const OpenContext context{.read_file = read_whole_file, .warnings = &warnings};
  const std::string spec = std::string(GetParam()) + ":" + name();
  const auto table = open_table(spec, context);
  EXPECT_THAT(warnings, IsEmpty());
  EXPECT_EQ(table->name(), spec);
  EXPECT_EQ(table->key_style(), KeyStyle::kFixed);
  EXPECT_EQ(table->find("KEY").value(), "value");
  EXPECT_EQ(table->find("other").status(), LookupResult::Status::kNotFound);
}

TEST_P(IndexFile, WhatIsNone) {
  EXPECT_EQ(read_index(type(), path()).error, "open " + path() + ": No such file or directory");
  std::ofstream(path()) << std::string(5000, 'x');
  EXPECT_THAT(read_index(type(), path()).error, HasSubstr("open " + path() + ": "));
  std::vector<std::string> warnings;
  const OpenContext context{.read_file = read_whole_file, .warnings = &warnings};
  const auto table = open_table(std::string(GetParam()) + ":" + name(), context);
  EXPECT_TRUE(table->find("k").is_temporary());
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0], HasSubstr(" is unavailable. open " + path()));
  const std::string nowhere = directory_ / "no" / "table.db";
  EXPECT_EQ(write_index(type(), nowhere, {}, {}),
            "create " + nowhere + ": No such file or directory");
}

INSTANTIATE_TEST_SUITE_P(Types, IndexFile, ::testing::Values("btree", "cdb", "hash", "lmdb"),
                         [](const auto& type) { return std::string(type.param); });

TEST(IndexFileTypes, KeyThatLmdbCannotHold) {
  const std::string path = std::filesystem::path(::testing::TempDir()) /
                           ("long." + std::to_string(::getpid()) + ".lmdb");
  const std::vector<IndexEntry> entries = {{std::string(600, 'k'), "v"}};
  EXPECT_THAT(write_index(IndexType::kLmdb, path, entries, {}),
              HasSubstr("is longer than this type can hold"));
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(IndexFileTypes, Names) {
  EXPECT_EQ(index_path(IndexType::kHash, "/a/b"), "/a/b.db");
  EXPECT_EQ(index_path(IndexType::kCdb, "/a/b"), "/a/b.cdb");
  EXPECT_EQ(find_index_type("texthash"), std::nullopt);
  for (const std::string_view type : {"btree", "cdb", "hash", "lmdb"}) {
    EXPECT_TRUE(find_index_type(type).has_value()) << type;
  }
}

}  // namespace
}  // namespace barid::lookup
