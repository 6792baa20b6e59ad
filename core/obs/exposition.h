// Counters as Prometheus reads them: text format 0.0.4, one sample a shard.
// Source: Prometheus "Exposition formats". Names: `barid_` and the counter's own.
// Layer:  core/obs, pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/obs/counters.h"
#include "core/obs/timings.h"

namespace barid {

/// One family that is not a Counter: a value a shard, in the shards' order.
struct MetricFamily {
  std::string_view name;  ///< without prefix
  CounterKind kind = CounterKind::kGauge;
  std::string_view help;
  std::span<const uint64_t> values;
};

/// Appends all counters and reached limits of `shards`, each with the label `shard`.
void append_counters(std::string& out, std::span<const Counters> shards);
/// Appends all histograms of `shards`.
void append_timings(std::string& out, std::span<const Timings> shards);
void append_family(std::string& out, const MetricFamily& family);
/// One value of the whole process, without labels.
struct ProcessMetric {
  std::string_view name;
  CounterKind kind = CounterKind::kGauge;
  std::string_view help;
  uint64_t value = 0;
};
void append_value(std::string& out, const ProcessMetric& metric);
/// Appends a gauge of the value 1 whose label says something: barid_NAME{LABEL="TEXT"} 1.
struct InfoMetric {
  std::string_view name;
  std::string_view help;
  std::string_view label;
  std::string_view text;
};
void append_info(std::string& out, const InfoMetric& info);

}  // namespace barid
