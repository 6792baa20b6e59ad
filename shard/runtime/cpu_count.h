// How many CPUs this process may really use: the smaller of the affinity mask and the cgroup quota.
// Source: sched_getaffinity(2); cgroup v2 cpu.max; cgroup v1 cpu.cfs_quota_us and
// cpu.cfs_period_us. Layer: shard/runtime. Reads files once, at start. The parsing functions are
// pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace barid::rt {

/// A cgroup CPU limit in thousandths of a CPU; nullopt = unlimited, or no limit readable.
using MilliCpus = std::optional<uint64_t>;

/// Content of cpu.max: "max 100000" or "150000 100000". Malformed text limits nothing.
[[nodiscard]] MilliCpus parse_cpu_max(std::string_view text) noexcept;

/// Contents of cpu.cfs_quota_us ("-1" = unlimited) and cpu.cfs_period_us.
[[nodiscard]] MilliCpus parse_cfs_quota(std::string_view quota, std::string_view period) noexcept;

/// This process's groups, from /proc/self/cgroup. Empty = that hierarchy is not there.
struct CgroupPaths {
  std::string v2;      ///< of the line "0::PATH"
  std::string v1_cpu;  ///< of the line "N:…cpu…:PATH"
};
[[nodiscard]] CgroupPaths parse_self_cgroup(std::string_view text);

/// Whole CPUs: min(affinity, quota rounded down), at least 1. Rounded down, because one thread more
/// than the quota makes the kernel stop all of them for the rest of each period.
[[nodiscard]] unsigned combine_cpu_limits(unsigned affinity_cpus, MilliCpus quota) noexcept;

struct CgroupSource {
  std::string self_cgroup_file = "/proc/self/cgroup";
  std::string mount_root = "/sys/fs/cgroup";
};
/// The tightest limit of the process's group and the groups above it. A group path that is not
/// visible under the mount (a container without its own cgroup namespace) counts as the root.
[[nodiscard]] MilliCpus read_cgroup_quota(const CgroupSource& source = {});

/// CPUs granted to this process, at least 1.
[[nodiscard]] unsigned cpus_granted();

}  // namespace barid::rt
