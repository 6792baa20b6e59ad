#include "shard/runtime/cpu_count.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <thread>
#include <vector>

namespace barid::rt {

namespace {

constexpr size_t kFileBytesMax = 16 * 1024;

std::string_view trim(std::string_view text) noexcept {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::optional<uint64_t> parse_microseconds(std::string_view text) noexcept {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0) return std::nullopt;
  if (value > std::numeric_limits<uint64_t>::max() / 1000) return std::nullopt;
  return value;
}

MilliCpus quotient(std::string_view quota_text, std::string_view period_text) noexcept {
  const auto quota = parse_microseconds(quota_text);
  const auto period = parse_microseconds(period_text);
  if (!quota.has_value() || !period.has_value()) return std::nullopt;
  return *quota * 1000 / *period;
}

bool list_contains(std::string_view list, std::string_view wanted) noexcept {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    if (list.substr(0, comma) == wanted) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

std::string read_small_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string content(kFileBytesMax, '\0');
  const ssize_t got = ::read(fd, content.data(), content.size());
  ::close(fd);
  content.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return content;
}

MilliCpus tighter(MilliCpus a, MilliCpus b) noexcept {
  if (!a.has_value()) return b;
  return b.has_value() ? std::min(*a, *b) : *a;
}

/// Reads the limit of `group` and of every group above it with `read_limit(directory)`.
template <typename ReadLimit>
MilliCpus tightest_up_to_root(const std::string& hierarchy, std::string group,
                              ReadLimit read_limit) {
  MilliCpus limit;
  while (group.size() > 1) {
    limit = tighter(limit, read_limit(hierarchy + group));
    group.resize(group.rfind('/'));
  }
  return tighter(limit, read_limit(hierarchy));
}

unsigned affinity_cpus() {
  // The mask must be as long as the kernel's, or the call fails with EINVAL.
  for (size_t cpus_max = 1024; cpus_max <= 64 * 1024; cpus_max *= 2) {
    std::vector<cpu_set_t> mask(CPU_ALLOC_SIZE(cpus_max) / sizeof(cpu_set_t));
    const size_t mask_bytes = mask.size() * sizeof(cpu_set_t);
    if (sched_getaffinity(0, mask_bytes, mask.data()) == 0) {
      return static_cast<unsigned>(CPU_COUNT_S(mask_bytes, mask.data()));
    }
  }
  return std::thread::hardware_concurrency();
}

}  // namespace

MilliCpus parse_cpu_max(std::string_view text) noexcept {
  text = trim(text);
  const size_t blank = text.find(' ');
  if (blank == text.npos) return std::nullopt;
  return quotient(text.substr(0, blank), trim(text.substr(blank)));
}

MilliCpus parse_cfs_quota(std::string_view quota, std::string_view period) noexcept {
  return quotient(trim(quota), trim(period));
}

CgroupPaths parse_self_cgroup(std::string_view text) {
  CgroupPaths paths;
  while (!text.empty()) {
    const size_t newline = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, newline);
    text.remove_prefix(std::min(newline + 1, text.size()));
    const size_t first = line.find(':');
    const size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos || line.substr(second + 1, 1) != "/") continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    if (controllers.empty()) paths.v2 = line.substr(second + 1);
    if (list_contains(controllers, "cpu")) paths.v1_cpu = line.substr(second + 1);
  }
  return paths;
}

unsigned combine_cpu_limits(unsigned affinity_cpus_count, MilliCpus quota) noexcept {
  uint64_t cpus = affinity_cpus_count;
  if (quota.has_value()) cpus = std::min(cpus, *quota / 1000);
  return static_cast<unsigned>(std::max<uint64_t>(cpus, 1));
}

MilliCpus read_cgroup_quota(const CgroupSource& source) {
  const CgroupPaths paths = parse_self_cgroup(read_small_file(source.self_cgroup_file));
  MilliCpus limit;
  if (!paths.v2.empty()) {
    limit = tightest_up_to_root(source.mount_root, paths.v2, [](const std::string& directory) {
      return parse_cpu_max(read_small_file(directory + "/cpu.max"));
    });
  }
  if (!paths.v1_cpu.empty()) {
    const auto read_v1 = [](const std::string& directory) {
      return parse_cfs_quota(read_small_file(directory + "/cpu.cfs_quota_us"),
                             read_small_file(directory + "/cpu.cfs_period_us"));
    };
    for (const char* mount : {"/cpu", "/cpu,cpuacct"}) {  // usually one is a link to the other
      limit = tighter(limit, tightest_up_to_root(source.mount_root + mount, paths.v1_cpu, read_v1));
    }
  }
  return limit;
}

unsigned cpus_granted() { return combine_cpu_limits(affinity_cpus(), read_cgroup_quota()); }

}  // namespace barid::rt
