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
}

void append_info(std::string& out, const InfoMetric& info) {
  append_head(out, info.name, info.help, CounterKind::kGauge);
  fmt::format_to(std::back_inserter(out), "barid_{}{{{}=\"", info.name, info.label);
  append_label_text(out, info.text);
  out += "\"} 1\n";
}

}  // namespace barid
