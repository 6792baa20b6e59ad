// Goal: a queue directory is made, found again and held by one process; anything else is refused
// with a sentence, untouched.
// Method: directories under the system's temporary one, compared before and after.
#include "shard/queue/queue_directory.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

namespace barid::queue {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class QueueDirectoryTest : public ::testing::Test {
 protected:
  QueueDirectoryTest() {
    std::string name = (fs::temp_directory_path() / "barid-queue-XXXXXX").string();
    root = mkdtemp(name.data());
    path = root + "/queue";
  }
  ~QueueDirectoryTest() override {
    std::error_code error;
    fs::permissions(path, fs::perms::owner_all, error);
    fs::remove_all(root, error);
  }

  void write(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(path + '/' + name).parent_path());
    std::ofstream(path + '/' + name) << text;
  }
  /// Every file below `path` with its content.
  std::map<std::string, std::string> snapshot() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      std::ostringstream text;
      if (entry.is_regular_file()) text << std::ifstream(entry.path()).rdbuf();
      files[entry.path().string()] = text.str();
    }
    return files;
  }
  std::string read(const std::string& name) const { return snapshot()[path + '/' + name]; }

  std::string root, path;
};

TEST_F(QueueDirectoryTest, IsCreatedAndFoundAgain) {
  {
    QueueDirectory directory;
    ASSERT_EQ(directory.open(path), "");
    EXPECT_EQ(read("VERSION"), "barid queue 1\n");
    EXPECT_EQ(read("lock"), std::to_string(getpid()) + '\n');
    EXPECT_TRUE(fs::is_directory(path + "/public"));
    EXPECT_TRUE(directory.partitions().empty());
    EXPECT_EQ(directory.path(), path);
    EXPECT_EQ(directory.partition_path(7), path + "/partition-0007");
    EXPECT_EQ(QueueDirectory::holder(path), getpid());
  }
  EXPECT_EQ(QueueDirectory::holder(path), 0);  // the lock goes with its holder, the file stays
  for (const char* name : {"partition-0012", "partition-0003", "partition-x", "partition-99999",
                           "partition-0004x", "other"}) {
    fs::create_directory(path + '/' + name);
  }
  QueueDirectory again;
  ASSERT_EQ(again.open(path), "");
  EXPECT_EQ(again.partitions(), (std::vector<uint16_t>{3, 12}));
}

TEST_F(QueueDirectoryTest, AnEmptyDirectoryIsTaken) {
  fs::create_directory(path);
  QueueDirectory directory;
  EXPECT_EQ(directory.open(path), "");
  EXPECT_EQ(read("VERSION"), "barid queue 1\n");
}

TEST_F(QueueDirectoryTest, WhatIsNotOursIsNotTouched) {
  struct Row {
    const char *file, *text, *sentence;
  };
  const Row rows[] = {
      {"letter.txt", "dear",
       "is not empty and holds no VERSION file of a barid queue; not touched"},
      {"active/1/ABC", "postfix", "holds no VERSION file"},
      {"VERSION", "", "VERSION is not that of a barid queue; not touched"},
      {"VERSION", "3.7.1\n", "VERSION is not that of a barid queue"},
      {"VERSION", "barid queue \n", "VERSION is not that of a barid queue"},
      {"VERSION", "barid queue 0\n", "VERSION is not that of a barid queue"},
      {"VERSION", "barid queue -1\n", "VERSION is not that of a barid queue"},
      {"VERSION", "barid queue x\n", "VERSION is not that of a barid queue"},
      {"VERSION", "barid queue 2\n",
       "has format 2, made by a newer version (this one reads up to 1); not touched"},
      {"VERSION", "barid queue 1junk\n", "VERSION is not that of a barid queue"},
      {"VERSION", "barid queue 99999999999\n", "not touched"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.file) + ": " + row.text);
    fs::remove_all(path);
    write(row.file, row.text);
    const auto before = snapshot();
    QueueDirectory directory;
    const std::string sentence = directory.open(path);
    EXPECT_THAT(sentence, HasSubstr("queue directory " + path + ": "));
    EXPECT_THAT(sentence, HasSubstr(row.sentence));
    EXPECT_EQ(snapshot(), before);
  }
}

TEST_F(QueueDirectoryTest, AFileIsRefused) {
  std::ofstream(path) << "text";
  QueueDirectory directory;
  EXPECT_EQ(directory.open(path), "queue directory " + path + ": is not a directory");
}

TEST_F(QueueDirectoryTest, OneHolderOnly) {
  QueueDirectory first;
  ASSERT_EQ(first.open(path), "");
  const auto before = snapshot();
  QueueDirectory second;
  EXPECT_EQ(second.open(path),
            "queue directory " + path + ": is in use by process " + std::to_string(getpid()));
  EXPECT_EQ(snapshot(), before);
  EXPECT_EQ(QueueDirectory::holder(path), getpid());  // the refusal did not let it go
}

TEST_F(QueueDirectoryTest, WhoLooksForAHolderKeepsNoServerOut) {
  { ASSERT_EQ(QueueDirectory().open(path), ""); }
  std::atomic<bool> over{false};
  std::thread tool([this, &over] {
    while (!over) static_cast<void>(QueueDirectory::holder(path));
  });
  for (int i = 0; i < 300; ++i) {
    QueueDirectory server;
    EXPECT_EQ(server.open(path), "");
  }
  over = true;
  tool.join();
}

TEST_F(QueueDirectoryTest, AStaleLockFileDoesNotHold) {
  write("VERSION", "barid queue 1\n");
  write("lock", "1\n");
  EXPECT_EQ(QueueDirectory::holder(path), 0);
  QueueDirectory directory;
  EXPECT_EQ(directory.open(path), "");
  EXPECT_EQ(read("lock"), std::to_string(getpid()) + '\n');
}

TEST_F(QueueDirectoryTest, NobodyHoldsWhatIsNotThere) {
  EXPECT_EQ(QueueDirectory::holder(path), 0);
}

TEST_F(QueueDirectoryTest, UnwritableIsRefused) {
  if (geteuid() == 0) {
    // Nothing is unwritable for root but what the kernel itself keeps.
    QueueDirectory directory;
    EXPECT_THAT(directory.open("/proc/barid-queue"), HasSubstr("cannot be created: "));
    return;
  }
  write("VERSION", "barid queue 1\n");
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_exec);
  QueueDirectory directory;
  EXPECT_THAT(directory.open(path), HasSubstr("Permission denied"));
  fs::permissions(path, fs::perms::owner_all);
  EXPECT_EQ(snapshot().size(), 1u);
}

}  // namespace
}  // namespace barid::queue
