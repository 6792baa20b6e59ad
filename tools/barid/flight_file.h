// IN_FLIGHT of a partition: which of its messages were on their way when a process died
// (shard/queue/flight_marks.h). Blocking: opened at start.
// Layer: tools.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/base/result.h"
#include "shard/queue/flight_marks.h"
#include "shard/queue/mapped_file.h"

namespace barid::tools {

class FlightFile {
 public:
  /// Errors: of the system.
  [[nodiscard]] static Result<std::unique_ptr<FlightFile>> open(const std::string& partition_path,
                                                                uint16_t number);
  [[nodiscard]] queue::FlightMarks& marks() noexcept { return marks_; }

 private:
  FlightFile(queue::MappedFile file, uint16_t number);

  queue::MappedFile file_;
  queue::FlightMarks marks_;
};

}  // namespace barid::tools
