#include "tools/barid/flight_file.h"

#include <fstream>
#include <functional>
#include <utility>

namespace barid::tools {
namespace {

/// A number of this run of the host: what mapped memory held is on disk only as far as the kernel
/// came before it went down.
uint64_t host_run() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return std::hash<std::string>{}(id) | 1;
}

}  // namespace

FlightFile::FlightFile(queue::MappedFile file, uint16_t number)
    : file_(std::move(file)), marks_(file_.words(), number, host_run()) {}

Result<std::unique_ptr<FlightFile>> FlightFile::open(const std::string& partition_path,
                                                     uint16_t number) {
  BARID_TRY(queue::MappedFile file,
            queue::MappedFile::open(partition_path + "/IN_FLIGHT", queue::FlightMarks::kWords));
  return std::unique_ptr<FlightFile>(new FlightFile(std::move(file), number));
}

}  // namespace barid::tools
