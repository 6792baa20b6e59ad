#include "bench/process_usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace barid::bench {
namespace {

constexpr int kSampleMilliseconds = 500;  // reading it costs the server some time, too
constexpr uint64_t kSectorBytes = 512;  // of /sys/block statistics, whatever the device's own size

/// Whole text of a small file, or nothing if it is gone or not readable.
std::optional<std::string> read_small_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::string text(4096, '\0');
  const ssize_t got = ::read(fd, text.data(), text.size());
  ::close(fd);
  if (got < 0) return std::nullopt;
  text.resize(static_cast<size_t>(got));
  return text;
}

/// Number of the n-th field (from 0) of a line of blank-separated fields; 0 if absent.
uint64_t number_field(std::string_view line, uint32_t wanted) noexcept {
  size_t at = 0;
  for (uint32_t field = 0;; ++field) {
    at = line.find_first_not_of(" \n", at);
    if (at == std::string_view::npos) return 0;
    if (field == wanted) break;
    at = line.find_first_of(" \n", at);
    if (at == std::string_view::npos) return 0;
  }
  uint64_t value = 0;
  std::from_chars(line.data() + at, line.data() + line.size(), value);
  return value;
}

/// What follows "(name) " in /proc/PID/stat: the name may hold blanks and parentheses itself.
std::string_view after_name(std::string_view stat) noexcept {
  const size_t end = stat.rfind(") ");
  return end == std::string_view::npos ? std::string_view() : stat.substr(end + 2);
}

uint64_t named_value(std::string_view text, std::string_view name) noexcept {
  const size_t at = text.find(name);
  if (at == std::string_view::npos) return 0;
  return number_field(text.substr(at + name.size()), 0);
}

std::unordered_multimap<pid_t, pid_t> read_parenthood() {
  std::unordered_multimap<pid_t, pid_t> children;
  DIR* proc = ::opendir("/proc");
  if (proc == nullptr) return children;
  while (const dirent* entry = ::readdir(proc)) {
    pid_t pid = 0;
    const std::string_view name = entry->d_name;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size()) continue;
    const auto stat = read_small_file(fmt::format("/proc/{}/stat", pid));
    if (!stat) continue;
    children.emplace(static_cast<pid_t>(number_field(after_name(*stat), 1)), pid);
  }
  ::closedir(proc);
  return children;
}

std::vector<pid_t> tree_of(pid_t root) {
  const auto children = read_parenthood();
  std::vector<pid_t> tree = {root};
  for (size_t i = 0; i < tree.size(); ++i) {
    const auto [first, last] = children.equal_range(tree[i]);
    for (auto it = first; it != last; ++it) tree.push_back(it->second);
  }
  return tree;
}

}  // namespace

std::vector<pid_t> descendants_of(pid_t root) {
  std::vector<pid_t> tree = tree_of(root);
  tree.erase(tree.begin());
  return tree;
}

std::vector<pid_t> children_of(pid_t parent) {
  const auto children = read_parenthood();
  std::vector<pid_t> found;
  const auto [first, last] = children.equal_range(parent);
  for (auto it = first; it != last; ++it) found.push_back(it->second);
  return found;
}

TreeUsage read_tree_usage(pid_t root) {
  TreeUsage usage;
  const auto ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  for (const pid_t pid : tree_of(root)) {
    const auto stat = read_small_file(fmt::format("/proc/{}/stat", pid));
    if (!stat) continue;
    ++usage.process_count;
    const std::string_view fields = after_name(*stat);
    uint64_t ticks = 0;  // utime, stime, and both of the children waited for
    for (uint32_t field = 11; field <= 14; ++field) ticks += number_field(fields, field);
    usage.cpu_seconds += static_cast<double>(ticks) / ticks_per_second;
    const auto io = read_small_file(fmt::format("/proc/{}/io", pid));
    if (!io || io->empty()) {
      usage.io_known = false;
      continue;
    }
    const uint64_t cancelled = named_value(*io, "cancelled_write_bytes:");
    const uint64_t written = named_value(*io, "\nwrite_bytes:");
    usage.written_bytes += written - std::min(written, cancelled);
  }
  return usage;
}

uint64_t read_tree_memory(pid_t root) {
  uint64_t kibibytes = 0;
  for (const pid_t pid : tree_of(root)) {
    const auto rollup = read_small_file(fmt::format("/proc/{}/smaps_rollup", pid));
    if (rollup) kibibytes += named_value(*rollup, "\nPss:");
  }
  return kibibytes * 1024;
}

double read_machine_cpu() noexcept {
  const auto stat = read_small_file("/proc/stat");
  if (!stat) return 0;
  uint64_t ticks = 0;  // user, nice, system; irq, softirq and steal after idle and iowait
  for (const uint32_t field : {1u, 2u, 3u, 6u, 7u, 8u}) ticks += number_field(*stat, field);
  return static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::optional<uint64_t> read_device_written(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  const auto stat = read_small_file(
      fmt::format("/sys/dev/block/{}:{}/stat", major(info.st_dev), minor(info.st_dev)));
  if (!stat) return std::nullopt;
  return number_field(*stat, 6) * kSectorBytes;
}

void sync_file_system(const std::string& path) noexcept {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  ::syncfs(fd);
  ::close(fd);
}

MemorySampler::MemorySampler(pid_t root)
    : root_(root), stop_fd_(::eventfd(0, EFD_CLOEXEC)), thread_([this] { run(); }) {}

MemorySampler::~MemorySampler() { stop(); }

uint64_t MemorySampler::stop() {
  if (thread_.joinable()) {
    ::eventfd_write(stop_fd_, 1);
    thread_.join();
    ::close(stop_fd_);
  }
  return peak_.load();
}

void MemorySampler::run() {
  pollfd wait{.fd = stop_fd_, .events = POLLIN, .revents = 0};
  do {
    peak_.store(std::max(peak_.load(), read_tree_memory(root_)));
  } while (::poll(&wait, 1, kSampleMilliseconds) <= 0);
}

}  // namespace barid::bench
