#include "core/obs/exposition.h"

#include <fmt/format.h>

#include <iterator>

namespace barid {
namespace {

void append_head(std::string& out, std::string_view name, std::string_view help, CounterKind kind) {
  fmt::format_to(std::back_inserter(out), "# HELP barid_{0} {1}\n# TYPE barid_{0} {2}\n", name,
                 help, kind == CounterKind::kCounter ? "counter" : "gauge");
}

/// A label's value: backslash, quote and line feed are escaped.
void append_label_text(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
}

}  // namespace

void append_family(std::string& out, const MetricFamily& family) {
  append_head(out, family.name, family.help, family.kind);
  for (size_t shard = 0; shard < family.values.size(); ++shard) {
    fmt::format_to(std::back_inserter(out), "barid_{}{{shard=\"{}\"}} {}\n", family.name, shard,
                   family.values[shard]);
  }
}

void append_value(std::string& out, const ProcessMetric& metric) {
  append_head(out, metric.name, metric.help, metric.kind);
  fmt::format_to(std::back_inserter(out), "barid_{} {}\n", metric.name, metric.value);
}

void append_counters(std::string& out, std::span<const Counters> shards) {
  for (size_t i = 0; i < kCounterCount; ++i) {
    const auto counter = static_cast<Counter>(i);
    const CounterInfo& info = counter_info(counter);
    append_head(out, info.name, info.help, info.kind);
    for (size_t shard = 0; shard < shards.size(); ++shard) {
      // A gauge that one shard raises and another lowers may be below zero in one of them.
      const uint64_t value = shards[shard].get(counter);
      if (info.kind == CounterKind::kGauge) {
        fmt::format_to(std::back_inserter(out), "barid_{}{{shard=\"{}\"}} {}\n", info.name, shard,
                       static_cast<int64_t>(value));
      } else {
        fmt::format_to(std::back_inserter(out), "barid_{}{{shard=\"{}\"}} {}\n", info.name, shard,
                       value);
      }
    }
  }
  constexpr std::string_view kReached = "limit_reached_total";
  append_head(out, kReached, "times that a bound was reached", CounterKind::kCounter);
  for (size_t i = 0; i < kLimitCount; ++i) {
    const auto limit = static_cast<Limit>(i);
    for (size_t shard = 0; shard < shards.size(); ++shard) {
      fmt::format_to(std::back_inserter(out), "barid_{}{{limit=\"{}\",shard=\"{}\"}} {}\n",
                     kReached, limit_name(limit), shard, shards[shard].reached(limit));
    }
  }
  constexpr std::string_view kBounces = "bounces_total";
  append_head(out, kBounces, "recipients that failed for good, by class", CounterKind::kCounter);
  for (size_t i = 0; i < kBounceClassCount; ++i) {
    const auto value = static_cast<BounceClass>(i);
    for (size_t shard = 0; shard < shards.size(); ++shard) {
      fmt::format_to(std::back_inserter(out), "barid_{}{{class=\"{}\",shard=\"{}\"}} {}\n",
                     kBounces, bounce_class_info(value).name, shard, shards[shard].bounces(value));
    }
  }
}

namespace {

void append_histogram(std::string& out, const TimingInfo& info, size_t shard,
                      const Histogram& histogram) {
  std::string labels;
  if (!info.labels.empty()) labels = fmt::format("{},", info.labels);
  fmt::format_to(std::back_inserter(labels), "shard=\"{}\"", shard);
  uint64_t count = 0;
  const auto to = std::back_inserter(out);
  for (size_t i = 0; i <= Histogram::kBounds.size(); ++i) {
    count += histogram.bucket(i);
    const std::string bound =
        i == Histogram::kBounds.size()
            ? "+Inf"
            : fmt::format("{}", static_cast<double>(Histogram::kBounds[i]) / 1e6);
    fmt::format_to(to, "barid_{}_bucket{{{},le=\"{}\"}} {}\n", info.name, labels, bound, count);
  }
  fmt::format_to(to, "barid_{}_sum{{{}}} {}\nbarid_{}_count{{{}}} {}\n", info.name, labels,
                 static_cast<double>(histogram.sum_micros()) / 1e6, info.name, labels, count);
}

}  // namespace

void append_timings(std::string& out, std::span<const Timings> shards) {
  std::string_view name;
  for (size_t i = 0; i < kTimingCount; ++i) {
    const TimingInfo& info = timing_info(static_cast<Timing>(i));
    if (info.name != name) {
      fmt::format_to(std::back_inserter(out), "# HELP barid_{0} {1}\n# TYPE barid_{0} histogram\n",
                     info.name, info.help);
    }
    name = info.name;
    for (size_t shard = 0; shard < shards.size(); ++shard) {
      append_histogram(out, info, shard, shards[shard][i]);
    }
  }
}

void append_info(std::string& out, const InfoMetric& info) {
  append_head(out, info.name, info.help, CounterKind::kGauge);
  fmt::format_to(std::back_inserter(out), "barid_{}{{{}=\"", info.name, info.label);
  append_label_text(out, info.text);
  out += "\"} 1\n";
}

}  // namespace barid
