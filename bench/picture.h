// Pictures of how Barid treats a site: window, connections and rate over time while a scripted
// sink limits connections, defers, greylists or storms.
// Layer: bench.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bench/smtp_sink.h"
#include "bench/svg_chart.h"

namespace barid::bench {

struct PictureCase {
  std::string name;  ///< of the file, without ".svg"
  std::string title;
  FaultScript faults;
  uint32_t connections_max = 20'000;
  std::string parameters;       ///< further lines of main.cf
  std::vector<TimeSpan> spans;  ///< shaded
};
/// All there are.
[[nodiscard]] std::span<const PictureCase> picture_cases();

struct PictureSetup {
  std::string barid;      ///< the executable
  std::string self;       ///< this program, as the source
  std::string directory;  ///< scratch, exists
  uint32_t rate = 200;    ///< messages a second, offered
  double seconds = 20;
};
/// Runs one case; the picture as a document.
[[nodiscard]] absl::StatusOr<std::string> draw_picture(const PictureCase& picture,
                                                       const PictureSetup& setup);

struct SiteSample {
  double window = 0;
  double in_use = 0;
  bool dead = false;
};
/// The first destination in the lines of `barid queue destinations --json`; zeros without one.
[[nodiscard]] SiteSample read_site_sample(const std::string& lines);

}  // namespace barid::bench
