// Small charts as inline SVG. Colours come from the page's style sheet (classes c0, c1, …), so that
// light and dark pages need one drawing.
// Layer: bench, pure.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace barid::bench {

struct Bar {
  std::string label;
  double value = 0;
  double min = 0;  ///< whisker, drawn when min < max
  double max = 0;
  std::string value_text;  ///< beside the bar
  uint32_t color = 0;
};
/// Horizontal bars on a common linear scale from zero.
[[nodiscard]] std::string bar_chart(const std::string& title, const std::vector<Bar>& bars);

struct Curve {
  std::string label;
  /// Percentile (below 100) and value (above 0), in ascending order.
  std::vector<std::pair<double, double>> points;
  uint32_t color = 0;
};
/// Values by percentile: nines across, logarithmic values upwards.
[[nodiscard]] std::string percentile_chart(const std::string& title, const std::string& unit,
                                           const std::vector<Curve>& curves);

/// A quantity over time. Both axes are linear and begin at zero.
struct TimeSeries {
  std::string label;
  std::vector<std::pair<double, double>> points;  ///< seconds, value; in order
  uint32_t color = 0;
  bool right_axis = false;
};
struct TimeSpan {
  double from = 0;
  double until = 0;
  std::string label;
};
/// Series over time with shaded spans, as a document of its own with its own colours.
[[nodiscard]] std::string time_chart(const std::string& title,
                                     const std::vector<TimeSeries>& series,
                                     const std::vector<TimeSpan>& spans);

}  // namespace barid::bench
