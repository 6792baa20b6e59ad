// InfoLog: lines are appended, files are bounded, a full disk is no reason to end.
#include "shard/queue/info_log.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace barid::queue {
namespace {

class InfoLogTest : public testing::Test {
 protected:
  InfoLogTest() { std::filesystem::create_directories(directory_); }
  ~InfoLogTest() override { std::filesystem::remove_all(directory_); }

  std::string content(const char* name) const {
    std::ifstream file(directory_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void say(InfoLog& log, const std::string& text) {
    rocksdb::Warn(&log, "%s", text.c_str());
  }

  const std::string directory_ = testing::TempDir() + "/info_log_test";
};

TEST_F(InfoLogTest, AppendsLines) {
  {
    InfoLog log(directory_, 1000);
    EXPECT_FALSE(std::filesystem::exists(directory_ + "/LOG"));
    say(log, "one");
    rocksdb::Info(&log, "not worth a line");
  }
  InfoLog log(directory_, 1000);
  say(log, "two\n");
  const std::string text = content("LOG");
  EXPECT_NE(text.find("Z [WARN] one\n2"), std::string::npos) << text;
  EXPECT_EQ(text.find("worth"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("Z [WARN] two\n")) << text;
  EXPECT_EQ(log.GetLogFileSize(), text.size());
}

TEST_F(InfoLogTest, FilesAreBounded) {
  InfoLog log(directory_, 300);
  for (int i = 0; i < 100; ++i) say(log, std::string(50, 'x') + std::to_string(i));
  say(log, std::string(10'000, 'y'));  // a line is bounded, too
  EXPECT_LE(content("LOG").size(), 4096 + 64);
  EXPECT_LE(content("LOG.old").size(), 300U);
  EXPECT_FALSE(content("LOG.old").empty());
}

// The kernel refuses growth, as a full disk does, then allows it again.
TEST_F(InfoLogTest, LineThatCannotBeWrittenIsLeftOut) {
  InfoLog log(directory_, 1000);
  say(log, "before");
  const auto size = static_cast<rlim_t>(content("LOG").size());
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit full{.rlim_cur = size, .rlim_max = old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
  say(log, "lost");
  say(log, "lost too");
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, handler);
  say(log, "after");
  const std::string text = content("LOG");
  EXPECT_EQ(text.find("lost"), std::string::npos) << text;
  EXPECT_NE(text.find("after"), std::string::npos) << text;
}

}  // namespace
}  // namespace barid::queue
