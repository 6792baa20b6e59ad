// What a reader must know about the machine to judge figures measured on it.
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "bench/compare.h"

namespace barid::bench {
namespace {

namespace fs = std::filesystem;

std::string processor_model() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

/// Type and device of the mount that holds the directory: the longest mount point above it.
std::string file_system_of(const std::string& directory) {
  std::error_code error;
  const std::string path = fs::canonical(directory, error).string() + "/";
  std::ifstream in("/proc/mounts");
  std::string device, point, type, rest, best = "unknown";
  size_t best_length = 0;
  while (in >> device >> point >> type && std::getline(in, rest)) {
    const std::string prefix = point == "/" ? point : point + "/";
    if (path.starts_with(prefix) && prefix.size() >= best_length) {
      best_length = prefix.size();
      best = fmt::format("{} on {}", type, device);
    }
  }
  return best;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> describe_machine(const std::string& directory) {
  std::vector<std::pair<std::string, std::string>> facts;
  utsname kernel{};
  ::uname(&kernel);
  facts.emplace_back("kernel", fmt::format("{} {}", kernel.sysname, kernel.release));
  facts.emplace_back(
      "processors", fmt::format("{} × {}", std::thread::hardware_concurrency(), processor_model()));
  const auto memory =
      static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  facts.emplace_back("memory", fmt::format("{:.1f} GiB", memory / (1u << 30)));
  facts.emplace_back("file system", file_system_of(directory));
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%d %H:%M UTC", &utc);
  facts.emplace_back("date", date);
  double load = 0;
  std::ifstream("/proc/loadavg") >> load;
  facts.emplace_back("load before", fmt::format("{:.2f}", load));
  return facts;
}

}  // namespace barid::bench
