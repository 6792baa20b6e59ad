// Goal: the key of tracked links is made once, kept from others, and refused when it was not.
// Method: a directory of the test's own.
#include "tools/barid/tracking_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace barid::tools {
namespace {

TEST(TrackingKey, IsKeptFromOthersAndRefusedIfItWasNot) {
  const std::string directory =
      std::filesystem::path(::testing::TempDir()) / ("tracking." + std::to_string(::getpid()));
  std::filesystem::create_directory(directory);
  const std::string path = directory + "/tracking.key";
  std::string first;
  EXPECT_EQ(load_tracking_key(directory, &first), "");
  struct stat facts {};
  ASSERT_EQ(::stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
  std::string second;
  EXPECT_EQ(load_tracking_key(directory, &second), "");
  EXPECT_EQ(second, first);

  ::chmod(path.c_str(), 0644);
  EXPECT_EQ(load_tracking_key(directory, &second).find(path + ": mode 0644 lets others at"), 0U);
  EXPECT_NE(second, first);
  ::chmod(path.c_str(), 0600);
  std::ofstream(path) << "rubbish";
  EXPECT_EQ(load_tracking_key(directory, &second), path + ": it is damaged");
  EXPECT_EQ(second.size(), first.size());
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace barid::tools
