#include "bench/svg_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "bench/compare_summary.h"

namespace barid::bench {
namespace {

constexpr uint32_t kColorCount = 8;

constexpr double kBarChartWidth = 560;
constexpr double kBarLeft = 130;   // room for labels
constexpr double kBarRight = 400;  // the longest bar's end; values stand behind it
constexpr double kBarRowHeight = 30;
constexpr double kBarHeight = 18;
constexpr double kTitleHeight = 28;

constexpr double kPlotWidth = 560;
constexpr double kPlotHeight = 260;
constexpr double kPlotLeft = 66;
constexpr double kPlotRight = 430;  // room for the legend
constexpr double kPlotTop = 36;
constexpr double kPlotBottom = 226;
constexpr double kNinesMax = 3;  // 99.9 %

double nines(double percentile) noexcept {
  return std::min(kNinesMax, -std::log10(1.0 - std::min(percentile, 99.99999) / 100.0));
}

double x_of(double percentile) noexcept {
  return kPlotLeft + nines(percentile) / kNinesMax * (kPlotRight - kPlotLeft);
}

std::string open_svg(double width, double height, const std::string& title) {
  return fmt::format(
      "<svg viewBox=\"0 0 {0:.0f} {1:.0f}\" role=\"img\" aria-label=\"{2}\">"
      "<text class=\"chart-title\" x=\"0\" y=\"16\">{2}</text>\n",
      width, height, escape_html(title));
}

}  // namespace

std::string escape_html(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string bar_chart(const std::string& title, const std::vector<Bar>& bars) {
  double largest = 0;
  for (const Bar& bar : bars) largest = std::max({largest, bar.value, bar.max});
  if (bars.empty() || largest <= 0) return {};
  const double scale = (kBarRight - kBarLeft) / largest;
  std::string out = open_svg(
      kBarChartWidth, kTitleHeight + kBarRowHeight * static_cast<double>(bars.size()), title);
  auto to = std::back_inserter(out);
  double y = kTitleHeight;
  for (const Bar& bar : bars) {
    const double middle = y + kBarHeight / 2;
    const double end = kBarLeft + std::max(1.0, bar.value * scale);
    fmt::format_to(to, "<text class=\"label\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", kBarLeft - 8,
                   middle + 4, escape_html(bar.label));
    fmt::format_to(to,
                   "<rect class=\"fill c{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
                   "height=\"{:.1f}\" rx=\"3\"/>",
                   bar.color % kColorCount, kBarLeft, y, end - kBarLeft, kBarHeight);
    double text_x = end;
    if (bar.min < bar.max) {
      const double from = kBarLeft + bar.min * scale, until = kBarLeft + bar.max * scale;
      fmt::format_to(to,
                     "<path class=\"whisker\" d=\"M{0:.1f} {2:.1f}H{1:.1f}M{0:.1f} {3:.1f}V{4:.1f}"
                     "M{1:.1f} {3:.1f}V{4:.1f}\"/>",
                     from, until, middle, middle - 4, middle + 4);
      text_x = std::max(end, until);
    }
    fmt::format_to(to, "<text class=\"value\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", text_x + 8,
                   middle + 4, escape_html(bar.value_text));
    y += kBarRowHeight;
  }
  return out + "</svg>\n";
}

std::string percentile_chart(const std::string& title, const std::string& unit,
                             const std::vector<Curve>& curves) {
  double low = 1e300, high = 0;
  for (const Curve& curve : curves) {
    for (const auto& [percentile, value] : curve.points) {
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  if (high <= 0) return {};
  const double decade_low = std::floor(std::log10(low));
  const double decade_high = std::max(decade_low + 1, std::ceil(std::log10(high)));
  const auto y_of = [=](double value) {
    return kPlotBottom -
           (std::log10(value) - decade_low) / (decade_high - decade_low) * (kPlotBottom - kPlotTop);
  };
  std::string out = open_svg(kPlotWidth, kPlotHeight, title);
  auto to = std::back_inserter(out);
  for (double decade = decade_low; decade <= decade_high; decade += 1) {
    const double value = std::pow(10.0, decade), y = y_of(value);
    fmt::format_to(to, "<path class=\"grid\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>", kPlotLeft, y,
                   kPlotRight);
    fmt::format_to(to, "<text class=\"label\" x=\"{:.1f}\" y=\"{:.1f}\">{:g} {}</text>",
                   kPlotLeft - 6, y + 4, value, unit);
  }
  for (const double percentile : {0.0, 50.0, 90.0, 99.0, 99.9}) {
    const double x = x_of(percentile);
    fmt::format_to(to, "<path class=\"grid\" d=\"M{:.1f} {:.1f}V{:.1f}\"/>", x, kPlotTop,
                   kPlotBottom);
    fmt::format_to(to, "<text class=\"tick\" x=\"{:.1f}\" y=\"{:.1f}\">{:g} %</text>\n", x,
                   kPlotBottom + 18, percentile);
  }
  double legend_y = kPlotTop + 8;
  for (const Curve& curve : curves) {
    if (curve.points.empty()) continue;
    fmt::format_to(to, "<polyline class=\"line c{}\" points=\"", curve.color % kColorCount);
    for (const auto& [percentile, value] : curve.points) {
      fmt::format_to(to, "{:.1f},{:.1f} ", x_of(percentile), y_of(value));
    }
    fmt::format_to(to,
                   "\"/><rect class=\"fill c{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"10\" "
                   "height=\"10\" rx=\"2\"/>",
                   curve.color % kColorCount, kPlotRight + 16, legend_y - 9);
    fmt::format_to(to, "<text class=\"value\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n",
                   kPlotRight + 32, legend_y, escape_html(curve.label));
    legend_y += 20;
  }
  return out + "</svg>\n";
}

}  // namespace barid::bench
