#include "bench/svg_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "bench/compare_summary.h"
#include "core/text/html.h"

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
      width, height, text::html_text(title));
}

}  // namespace

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
                   middle + 4, text::html_text(bar.label));
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
                   middle + 4, text::html_text(bar.value_text));
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
                   kPlotRight + 32, legend_y, text::html_text(curve.label));
    legend_y += 20;
  }
  return out + "</svg>\n";
}

namespace {

constexpr double kTimeWidth = 720;
constexpr double kTimeHeight = 280;
constexpr double kTimeLeft = 48;
constexpr double kTimeRight = 664;
constexpr double kTimeTop = 62;
constexpr double kTimeBottom = 240;
constexpr int kTimeTicks = 4;

/// The next of 1, 2, 5 times a power of ten that is divisible into ticks.
double nice_top(double value) noexcept {
  if (value <= 0) return 1;
  const double power = std::pow(10.0, std::floor(std::log10(value)));
  for (const double step : {1.0, 2.0, 4.0, 6.0, 8.0}) {
    if (step * power >= value) return step * power;
  }
  return 10 * power;
}

constexpr std::string_view kTimeStyle =
    "<style>svg{background:#fff;font:12px system-ui,sans-serif}text{fill:#30363c}"
    ".chart-title{font-weight:600;font-size:14px}.grid{stroke:#e3e6e8}.span{fill:#fbe3d4}"
    ".line{fill:none;stroke-width:2;stroke-linejoin:round}.c0{stroke:#0b8f7a}.c1{stroke:#c2571a}"
    ".c2{stroke:#5b5fc7}.k0{fill:#0b8f7a}.k1{fill:#c2571a}.k2{fill:#5b5fc7}"
    ".end{text-anchor:end}.mid{text-anchor:middle}</style>\n";

}  // namespace

std::string time_chart(const std::string& title, const std::vector<TimeSeries>& series,
                       const std::vector<TimeSpan>& spans) {
  double last = 0;
  std::array<double, 2> tops{};
  for (const TimeSeries& one : series) {
    for (const auto& [time, value] : one.points) {
      last = std::max(last, time);
      tops[one.right_axis] = std::max(tops[one.right_axis], value);
    }
  }
  if (last <= 0) return {};
  for (double& top : tops) top = nice_top(top);
  const auto x_at = [last](double time) {
    return kTimeLeft + std::min(time, last) / last * (kTimeRight - kTimeLeft);
  };
  const auto y_at = [](double part) { return kTimeBottom - part * (kTimeBottom - kTimeTop); };
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "viewBox=\"0 0 {0:.0f} {1:.0f}\" role=\"img\" aria-label=\"{2}\">\n{3}"
      "<text class=\"chart-title\" x=\"8\" y=\"20\">{2}</text>\n",
      kTimeWidth, kTimeHeight, text::html_text(title), kTimeStyle);
  auto to = std::back_inserter(out);
  for (const TimeSpan& span : spans) {
    fmt::format_to(
        to,
        "<rect class=\"span\" x=\"{0:.1f}\" y=\"{1:.1f}\" width=\"{2:.1f}\" "
        "height=\"{3:.1f}\"/><text class=\"mid\" x=\"{4:.1f}\" y=\"{5:.1f}\">{6}</text>\n",
        x_at(span.from), kTimeTop, x_at(span.until) - x_at(span.from), kTimeBottom - kTimeTop,
        (x_at(span.from) + x_at(span.until)) / 2, kTimeTop + 14, text::html_text(span.label));
  }
  for (int i = 0; i <= kTimeTicks; ++i) {
    const double part = static_cast<double>(i) / kTimeTicks;
    const double x = kTimeLeft + part * (kTimeRight - kTimeLeft);
    fmt::format_to(to,
                   "<path class=\"grid\" d=\"M{0:.1f} {1:.1f}H{2:.1f}\"/>"
                   "<text class=\"end\" x=\"{3:.1f}\" y=\"{4:.1f}\">{5:g}</text>"
                   "<text x=\"{6:.1f}\" y=\"{4:.1f}\">{7:g}</text>"
                   "<text class=\"mid\" x=\"{8:.1f}\" y=\"{9:.1f}\">{10:.0f} s</text>\n",
                   kTimeLeft, y_at(part), kTimeRight, kTimeLeft - 6, y_at(part) + 4, part * tops[0],
                   kTimeRight + 6, part * tops[1], x, kTimeBottom + 20, part * last);
  }
  double legend_x = 8;
  for (const TimeSeries& one : series) {
    fmt::format_to(to, "<polyline class=\"line c{}\" points=\"", one.color % 3);
    for (const auto& [time, value] : one.points) {
      fmt::format_to(to, "{:.1f},{:.1f} ", x_at(time), y_at(value / tops[one.right_axis]));
    }
    fmt::format_to(
        to,
        "\"/><rect class=\"k{}\" x=\"{:.1f}\" y=\"33\" width=\"10\" height=\"10\" rx=\"2\"/>"
        "<text x=\"{:.1f}\" y=\"42\">{}</text>\n",
        one.color % 3, legend_x, legend_x + 15, text::html_text(one.label));
    legend_x += 40 + 7.0 * static_cast<double>(one.label.size());
  }
  return out + "</svg>\n";
}

}  // namespace barid::bench
