// Goal: edits touch the named entries only; comments, order and other text survive byte by byte.
#include "core/config/edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace barid::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

EditArgument set(std::string name, std::string value) {
  return {.name = std::move(name), .value = std::move(value), .error = {}};
}

constexpr std::string_view kFile =
    "# head\n"
    "a = 1,\n"
    "# inside\n"
    "  2\n"
    "\n"
    "b=x\n"
    "  y\n"
    "a = 3\n";

TEST(EditMainCf, SetReplacesEveryEntryInPlace) {
  const EditArgument edits[] = {set("a", "new"), set("z", "9"), set("c", "")};
  const Edited got = edit_main_cf(kFile, EditKind::kSet, edits);
  EXPECT_EQ(got.text, "# head\na = new\n# inside\n\nb=x\n  y\na = new\nc = \nz = 9\n");
  EXPECT_THAT(got.warnings, ElementsAre("multiple entries for \"a\""));
}

TEST(EditMainCf, RemoveAndComment) {
  const EditArgument edits[] = {set("b", ""), set("absent", "")};
  EXPECT_EQ(edit_main_cf(kFile, EditKind::kRemove, edits).text,
            "# head\na = 1,\n# inside\n  2\n\na = 3\n");
  EXPECT_EQ(edit_main_cf(kFile, EditKind::kComment, edits).text,
            "# head\na = 1,\n# inside\n  2\n\n#b=x\n#  y\na = 3\n");
}

TEST(EditMainCf, EndsWithNewlineAndTouchesNothingElse) {
  const EditArgument edits[] = {set("b", "2")};
  EXPECT_EQ(edit_main_cf("a = 1", EditKind::kSet, edits).text, "a = 1\nb = 2\n");
  EXPECT_EQ(edit_main_cf("", EditKind::kSet, edits).text, "b = 2\n");
  EXPECT_THAT(edit_main_cf("ab = 1\n", EditKind::kSet, edits).warnings, IsEmpty());
}

TEST(EditMasterCf, ReplaceAddRemove) {
  constexpr std::string_view kMaster =
      "smtp inet n - n - - smtpd\n  -o a=b\n# c\nslow unix - - n - - smtp\n";
  const ServiceEdit edits[] = {{"smtp", "inet", "smtp inet n - n - 5 smtpd"},
                               {"new", "unix", "new unix - - n - - lmtp"}};
  EXPECT_EQ(edit_master_cf(kMaster, EditKind::kSet, edits).text,
            "smtp inet n - n - 5 smtpd\n# c\nslow unix - - n - - smtp\nnew unix - - n - - lmtp\n");
  EXPECT_EQ(edit_master_cf(kMaster, EditKind::kRemove, edits).text,
            "# c\nslow unix - - n - - smtp\n");
}

TEST(ParseEditArgument, Errors) {
  struct Case {
    EditKind kind;
    std::string_view in, error;
  };
  const Case cases[] = {
      {EditKind::kSet, "a = b", ""},
      {EditKind::kSet, "postfix", "missing '=' after attribute name: \"postfix\""},
      {EditKind::kSet, "a = b\nc = d", "-e, -X, or -# accepts no multi-line input"},
      {EditKind::kSet, " # a = b", "-e, -X, or -# accepts no comment input"},
      {EditKind::kRemove, "a", ""},
      {EditKind::kRemove, "a=b", "-X or -# requires names without value"},
      {EditKind::kComment, " ", "-X or -# requires non-blank parameter name"},
  };
  for (const Case& c : cases) EXPECT_EQ(parse_edit_argument(c.kind, c.in).error, c.error) << c.in;
}

TEST(FormatService, OneLineAndFolded) {
  Diagnostics diagnostics;
  const auto entries = parse_master_cf(
      "smtp inet n - n - - smtpd -v -o a=b -o { c = d e }\n"
      "a_very_long_service_name unix - n n - 10 pipe -o x=y flags=R argv=/bin/x -o z\n",
      "m", diagnostics);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(format_service(entries[0], Folding::kOneLine),
            "smtp       inet  n       -       n       -       -       smtpd -v -o a=b -o {c=d e}");
  EXPECT_EQ(format_service(entries[0], Folding::kFolded),
            "smtp       inet  n       -       n       -       -       smtpd -v\n"
            "    -o a=b\n    -o {c=d e}");
  EXPECT_EQ(format_service(entries[1], Folding::kFolded),
            "a_very_long_service_name unix - n n      -       10      pipe\n"
            "    -o x=y\n    flags=R argv=/bin/x -o z");
}

TEST(Overrides, SetAndRemove) {
  struct Case {
    std::string_view arguments, name, value, set, removed;
  };
  const Case cases[] = {
      {"", "a", "1", "-o a=1", ""},
      {"-v", "a", "1", "-v -o a=1", "-v"},
      {"-o b=2 -o a=0 -v", "a", "1", "-o b=2 -o a=1 -v", "-o b=2 -v"},
      {"-o b=2 flags=x", "a", "two words", "-o b=2 -o {a=two words} flags=x", "-o b=2 flags=x"},
      {"-oa=0 -o { a = 2 }", "a", "", "-oa=0 -o a=", ""},
      {"flags=x -o a=0", "a", "1", "-o a=1 flags=x -o a=0", "flags=x -o a=0"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.arguments);
    Diagnostics diagnostics;
    const std::string line = "s unix - - n - - pipe " + std::string(c.arguments);
    auto entries = parse_master_cf(line, "m", diagnostics);
    ASSERT_EQ(entries.size(), 1u);
    const auto arguments_of = [](const ServiceEntry& entry) {
      std::string out;
      for (const std::string& word : entry.arguments) out += (out.empty() ? "" : " ") + word;
      return out;
    };
    ServiceEntry changed = entries[0];
    set_override(changed, c.name, c.value);
    EXPECT_EQ(arguments_of(changed), c.set);
    remove_override(entries[0], c.name);
    EXPECT_EQ(arguments_of(entries[0]), c.removed);
  }
}

class RewriteFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "barid-edit-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  static std::string read(const std::string& path) {
    std::ifstream in(path);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  std::string directory_;
};

TEST_F(RewriteFile, KeepsModeFollowsLinksLeavesNothing) {
  const std::string path = directory_ + "/main.cf";
  const std::string link = directory_ + "/link.cf";
  ASSERT_TRUE(rewrite_file(path, "old\n").ok());
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  ASSERT_EQ(::symlink(path.c_str(), link.c_str()), 0);
  ASSERT_TRUE(rewrite_file(link, "new\n").ok());
  EXPECT_EQ(read(path), "new\n");
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
  const std::filesystem::directory_iterator files(directory_);
  EXPECT_EQ(std::distance(begin(files), end(files)), 2);
}

TEST_F(RewriteFile, ErrorNamesTheCause) {
  const Status status = rewrite_file(directory_ + "/absent/main.cf", "x");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().error_number, ENOENT);
}

}  // namespace
}  // namespace barid::config
