// Goal: log files are written over instead of made anew, other files pass through, and a log reads
// back as it was written. Method: the file system itself on a temporary directory.
#include "shard/queue/log_file_system.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace barid::queue {
namespace {

namespace fs = std::filesystem;
using rocksdb::IOOptions;

class LogFileSystemTest : public testing::Test {
 protected:
  LogFileSystemTest() {
    char name[] = "/tmp/barid-logs-XXXXXX";
    directory_ = mkdtemp(name);
  }
  ~LogFileSystemTest() override { fs::remove_all(directory_); }

  std::unique_ptr<LogFileSystem> make(const LogReuse& reuse) {
    auto system =
        std::make_unique<LogFileSystem>(rocksdb::FileSystem::Default(), directory_, reuse);
    EXPECT_TRUE(system->prepare().ok());
    return system;
  }
  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  void write(LogFileSystem& system, const std::string& name, const std::string& bytes) {
    std::unique_ptr<rocksdb::FSWritableFile> file;
    ASSERT_TRUE(system.NewWritableFile(path(name), {}, &file, nullptr).ok());
    ASSERT_TRUE(file->Append(bytes, IOOptions(), nullptr).ok());
    ASSERT_TRUE(file->Sync(IOOptions(), nullptr).ok());
    ASSERT_TRUE(file->Close(IOOptions(), nullptr).ok());
  }
  std::string read(LogFileSystem& system, const std::string& name) {
    std::unique_ptr<rocksdb::FSSequentialFile> file;
    EXPECT_TRUE(system.NewSequentialFile(path(name), {}, &file, nullptr).ok());
    std::string scratch(1 << 20, '\0');
    rocksdb::Slice bytes;
    EXPECT_TRUE(file->Read(scratch.size(), IOOptions(), &bytes, scratch.data(), nullptr).ok());
    return bytes.ToString();
  }

  std::string directory_;
};

constexpr LogReuse kTwoReady{
    .spares_max = 2, .bytes_max = 8u << 20, .ready_count = 2, .ready_bytes = 1u << 20};

TEST_F(LogFileSystemTest, ADeletedLogBecomesTheNextOne) {
  const auto system = make({.spares_max = 1, .bytes_max = 1u << 20});
  write(*system, "000007.log", std::string(5000, 'a'));
  const auto size = fs::file_size(path("000007.log"));
  ASSERT_TRUE(system->DeleteFile(path("000007.log"), IOOptions(), nullptr).ok());
  EXPECT_TRUE(fs::exists(path("spare-0")));
  write(*system, "000009.log", "short");
  EXPECT_FALSE(fs::exists(path("spare-0")));
  EXPECT_EQ(fs::file_size(path("000009.log")), size) << "the blocks are kept";
  EXPECT_EQ(read(*system, "000009.log"), "short");
}

TEST_F(LogFileSystemTest, SparesAreMadeReadyOnceAndFoundAgain) {
  {
    const auto system = make(kTwoReady);
    EXPECT_EQ(fs::file_size(path("spare-0")), 1u << 20);
    write(*system, "000003.log", "x");
    EXPECT_EQ(fs::file_size(path("000003.log")), 1u << 20);
  }
  fs::last_write_time(path("spare-1"), fs::file_time_type::clock::now() - std::chrono::hours(1));
  const auto before = fs::last_write_time(path("spare-1"));
  const auto system = make(kTwoReady);
  EXPECT_EQ(fs::last_write_time(path("spare-1")), before);
  EXPECT_TRUE(fs::exists(path("spare-0"))) << "made again";
  EXPECT_EQ(read(*system, "000003.log"), "x");
}

TEST_F(LogFileSystemTest, NoMoreSparesThanAllowedAndNoneThatAreTooLarge) {
  const auto system = make({.spares_max = 1, .bytes_max = 20'000});
  write(*system, "000001.log", std::string(50'000, 'a'));
  write(*system, "000002.log", "b");
  write(*system, "000003.log", "c");
  for (const char* name : {"000001.log", "000002.log", "000003.log"}) {
    ASSERT_TRUE(system->DeleteFile(path(name), IOOptions(), nullptr).ok());
    EXPECT_FALSE(fs::exists(path(name)));
  }
  EXPECT_LE(fs::file_size(path("spare-0")), 20'000u);
  EXPECT_FALSE(fs::exists(path("spare-1")));
}

TEST_F(LogFileSystemTest, OtherFilesAndLogsWithoutFramesPassThrough) {
  const auto system = make(kTwoReady);
  write(*system, "000004.sst", "table");
  EXPECT_EQ(fs::file_size(path("000004.sst")), 5u);
  ASSERT_TRUE(system->DeleteFile(path("000004.sst"), IOOptions(), nullptr).ok());
  EXPECT_FALSE(fs::exists(path("000004.sst")));
  std::ofstream(path("000005.log")) << "a log of an older version";
  EXPECT_EQ(read(*system, "000005.log"), "a log of an older version");
}

}  // namespace
}  // namespace barid::queue
