// Goal: the shard count follows what the kernel will really grant.
// Method: rows for each pure parser; a made-up cgroup tree in a temporary directory for the reader.
#include "shard/runtime/cpu_count.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace barid::rt {
namespace {

TEST(CpuCount, CpuMax) {
  struct Case {
    std::string_view text;
    MilliCpus expected;
  };
  const Case kCases[] = {
      {"max 100000\n", std::nullopt},
      {"100000 100000\n", 1000},
      {"150000 100000\n", 1500},
      {"50000 100000", 500},
      {"1600000  100000\n", 16000},
      {"1000 100000", 10},
      {"", std::nullopt},
      {"100000", std::nullopt},
      {"0 100000", std::nullopt},
      {"100000 0", std::nullopt},
      {"-1 100000", std::nullopt},
      {"1x 100000", std::nullopt},
      {"99999999999999999999999 100000", std::nullopt},
      {"18446744073709551615 1", std::nullopt},
  };
  for (const Case& c : kCases) EXPECT_EQ(parse_cpu_max(c.text), c.expected) << c.text;
}

TEST(CpuCount, CfsQuota) {
  struct Case {
    std::string_view quota, period;
    MilliCpus expected;
  };
  const Case kCases[] = {
      {"-1\n", "100000\n", std::nullopt}, {"200000\n", "100000\n", 2000},
      {"25000\n", "50000\n", 500},        {"", "100000\n", std::nullopt},
      {"200000\n", "", std::nullopt},
  };
  for (const Case& c : kCases) EXPECT_EQ(parse_cfs_quota(c.quota, c.period), c.expected) << c.quota;
}

TEST(CpuCount, SelfCgroup) {
  struct Case {
    std::string_view text, v2, v1_cpu;
  };
  const Case kCases[] = {
      {"0::/user.slice/a.scope\n", "/user.slice/a.scope", ""},
      {"0::/\n", "/", ""},
      {"4:memory:/m\n3:cpu,cpuacct:/docker/1\n0::/\n", "/", "/docker/1"},
      {"1:cpu:/x", "", "/x"},
      {"2:cpuacct,cpu:/y\n", "", "/y"},
      {"2:cpuacct:/y\n3:cpuset:/z\n", "", ""},
      {"9:name=systemd:/init.scope\n", "", ""},
      {"garbage\n::\n0::relative\n", "", ""},
      {"", "", ""},
      {"0::/a:b\n", "/a:b", ""},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.text);
    const CgroupPaths paths = parse_self_cgroup(c.text);
    EXPECT_EQ(paths.v2, c.v2);
    EXPECT_EQ(paths.v1_cpu, c.v1_cpu);
  }
}

TEST(CpuCount, Combine) {
  struct Case {
    unsigned affinity;
    MilliCpus quota;
    unsigned expected;
  };
  const Case kCases[] = {{8, std::nullopt, 8}, {8, 4000, 4},         {8, 4900, 4}, {8, 500, 1},
                         {2, 16000, 2},        {0, std::nullopt, 1}, {1, 0, 1}};
  for (const Case& c : kCases) EXPECT_EQ(combine_cpu_limits(c.affinity, c.quota), c.expected);
}

class CgroupTree : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = std::filesystem::path(::testing::TempDir()) / ("cpu_count." + std::to_string(getpid()));
    std::filesystem::create_directories(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void put(const std::string& file, const std::string& content) {
    const auto path = root_ / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << content;
  }
  MilliCpus quota() {
    return read_cgroup_quota({.self_cgroup_file = root_ / "self", .mount_root = root_ / "mnt"});
  }
  std::filesystem::path root_;
};

TEST_F(CgroupTree, NothingThereLimitsNothing) { EXPECT_EQ(quota(), std::nullopt); }

TEST_F(CgroupTree, AncestorsLimitToo) {
  put("self", "0::/pod/container\n");
  put("mnt/pod/container/cpu.max", "400000 100000\n");
  EXPECT_EQ(quota(), 4000u);
  put("mnt/pod/cpu.max", "200000 100000\n");
  EXPECT_EQ(quota(), 2000u);
  put("mnt/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), 2000u);
}

TEST_F(CgroupTree, InvisibleGroupCountsAsRoot) {
  put("self", "3:cpu,cpuacct:/docker/abc\n");
  put("mnt/cpu,cpuacct/cpu.cfs_quota_us", "300000\n");
  put("mnt/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 3000u);
}

TEST(CpuCount, ThisProcessHasAtLeastOne) { EXPECT_GE(cpus_granted(), 1u); }

}  // namespace
}  // namespace barid::rt
