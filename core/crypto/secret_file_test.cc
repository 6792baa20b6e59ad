// Goal: secrets that others can read are refused in words. Method: files of each mode.
#include "core/crypto/secret_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

namespace barid::crypto {
namespace {

class SecretFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "secretXXXXXX";
    const int fd = ::mkstemp(name.data());
    ASSERT_GE(fd, 0);
    ASSERT_EQ(::write(fd, "hidden", 6), 6);
    ::close(fd);
    path_ = name;
  }
  void TearDown() override { ::unlink(path_.c_str()); }
  std::string path_;
};

TEST_F(SecretFileTest, OwnersOnly) {
  const struct {
    mode_t mode;
    bool good;
  } kRows[] = {{0600, true},  {0400, true},  {0640, false}, {0644, false},
               {0604, false}, {0620, false}, {0602, false}};
  for (const auto& row : kRows) {
    ASSERT_EQ(::chmod(path_.c_str(), row.mode), 0);
    const SecretFile file = read_secret_file(path_);
    EXPECT_EQ(file.problem.empty(), row.good) << std::oct << row.mode << " " << file.problem;
    EXPECT_EQ(file.content, row.good ? "hidden" : "");
    if (!row.good) EXPECT_NE(file.problem.find(path_ + ": mode 0"), std::string::npos);
  }
}

TEST_F(SecretFileTest, WhatIsNotAFile) {
  EXPECT_EQ(read_secret_file(path_ + ".none").error_number, ENOENT);
  EXPECT_NE(read_secret_file(path_ + ".none").problem.find("No such file"), std::string::npos);
  EXPECT_NE(read_secret_file("/").problem.find("not a regular file"), std::string::npos);
}

TEST_F(SecretFileTest, ChangesShow) {
  const FileIdentity before = identify_file(path_);
  EXPECT_EQ(before, identify_file(path_));
  EXPECT_NE(before, FileIdentity{});
  ASSERT_EQ(::chmod(path_.c_str(), 0640), 0);
  EXPECT_NE(before, identify_file(path_));
  EXPECT_EQ(identify_file(path_ + ".none"), FileIdentity{});
}

}  // namespace
}  // namespace barid::crypto
