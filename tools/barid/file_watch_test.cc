// Goal: a changed file is told once, when it has settled. Method: files in a temporary directory.
#include "tools/barid/file_watch.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

namespace barid::tools {
namespace {

class FileWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory =
        std::filesystem::path(::testing::TempDir()) / ("file_watch." + std::to_string(::getpid()));
    std::filesystem::create_directory(directory);
  }
  void TearDown() override { std::filesystem::remove_all(directory); }
  std::string write(const std::string& name, const std::string& text) {
    const std::string path = directory / name;
    std::FILE* file = std::fopen(path.c_str(), "w");
    std::fwrite(text.data(), 1, text.size(), file);
    std::fclose(file);
    return path;
  }
  std::filesystem::path directory;
};

TEST_F(FileWatchTest, AChangeIsToldOnceAfterItSettled) {
  FileWatch watch;
  const std::string key = write("key", "one");
  watch.set({key, directory / "absent"});
  EXPECT_FALSE(watch.changed());
  write("key", "another");
  EXPECT_FALSE(watch.changed());  // perhaps still being written
  write("key", "another one");
  EXPECT_FALSE(watch.changed());
  EXPECT_TRUE(watch.changed());
  EXPECT_FALSE(watch.changed());
}

TEST_F(FileWatchTest, FilesComeAndGo) {
  FileWatch watch;
  const std::string path = directory / "later";
  watch.set({path});
  write("later", "now");
  EXPECT_FALSE(watch.changed());
  EXPECT_TRUE(watch.changed());
  std::filesystem::remove(path);
  EXPECT_FALSE(watch.changed());
  EXPECT_TRUE(watch.changed());
}

}  // namespace
}  // namespace barid::tools
