#include "bench/compare_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "bench/json_writer.h"

namespace barid::bench {
namespace {

double milliseconds(uint64_t nanoseconds) noexcept {
  return static_cast<double>(nanoseconds) / 1e6;
}

double mebibytes(uint64_t bytes) noexcept { return static_cast<double>(bytes) / (1024.0 * 1024.0); }

bool usable(const RunResult& run) noexcept { return run.problem.empty() && run.messages > 0; }

double cpu_per_thousand(const RunResult& run) noexcept {
  return run.cpu_seconds * 1000 / static_cast<double>(run.messages);
}

/// The other peer's run of the same round, if it is usable.
const RunResult* partner(const std::vector<RunResult>* runs, size_t round) noexcept {
  if (runs == nullptr || round >= runs->size() || !usable((*runs)[round])) return nullptr;
  return &(*runs)[round];
}

Cell make_cell(const Comparison& comparison, const Workload& workload, const std::string& peer) {
  Cell cell;
  cell.peer = peer;
  const auto* runs = comparison.find(workload.key, peer);
  if (runs == nullptr) return cell;
  const auto* baseline = comparison.find(workload.key, kBaseline);
  const auto* direct = comparison.find(workload.key, kDirect);
  const bool server = peer != kDirect;
  std::vector<double> rate, to_baseline, to_direct, cpu, cpu_to_baseline, written, device;
  for (size_t round = 0; round < runs->size(); ++round) {
    const RunResult& run = (*runs)[round];
    cell.memory_idle = std::max(cell.memory_idle, run.memory_idle);
    cell.memory_peak = std::max(cell.memory_peak, run.memory_peak);
    cell.session_bytes = std::max(cell.session_bytes, run.session_bytes);
    cell.other_cpu_share = std::max(cell.other_cpu_share, run.other_cpu_share);
    cell.undelivered += run.undelivered;
    cell.duplicates += run.duplicates;
    cell.corrupt += run.corrupt;
    cell.refused += run.refused;
    for (const std::string& text : {run.problem, run.remark}) {
      const bool known =
          std::find(cell.problems.begin(), cell.problems.end(), text) != cell.problems.end();
      if (!text.empty() && !known) cell.problems.push_back(text);
    }
    if (!usable(run)) continue;
    ++cell.valid_runs;
    cell.messages += run.messages;
    cell.latency.merge(run.latency);
    rate.push_back(run.messages_per_second);
    if (server) cpu.push_back(cpu_per_thousand(run));
    if (run.written_ratio) written.push_back(*run.written_ratio);
    if (run.device_written_ratio) device.push_back(*run.device_written_ratio);
    if (const RunResult* other = partner(direct, round); other != nullptr && server) {
      to_direct.push_back(run.messages_per_second / other->messages_per_second);
    }
    if (const RunResult* other = partner(baseline, round); other != nullptr && server) {
      to_baseline.push_back(run.messages_per_second / other->messages_per_second);
      if (run.cpu_seconds > 0) {
        cpu_to_baseline.push_back(cpu_per_thousand(*other) / cpu_per_thousand(run));
      }
    }
  }
  cell.rate = spread_of(rate);
  cell.to_baseline = spread_of(to_baseline);
  cell.to_direct = spread_of(to_direct);
  cell.cpu_per_thousand = spread_of(cpu);
  cell.cpu_to_baseline = spread_of(cpu_to_baseline);
  cell.written_ratio = spread_of(written);
  cell.device_written_ratio = spread_of(device);
  return cell;
}

void write_spread(JsonWriter& json, const char* name, const Spread& spread) {
  if (spread.count == 0) return;
  json.key(name)
      .begin_object()
      .field("median", spread.median)
      .field("min", spread.min)
      .field("max", spread.max)
      .end_object();
}

void write_run(JsonWriter& json, const RunResult& run) {
  json.begin_object()
      .field("problem", run.problem)
      .field("remark", run.remark)
      .field("messages", run.messages)
      .field("seconds", run.seconds)
      .field("messages_per_second", run.messages_per_second)
      .field("cpu_seconds", run.cpu_seconds)
      .field("load_cpu_seconds", run.load_cpu_seconds)
      .field("other_cpu_share", run.other_cpu_share)
      .field("memory_idle_bytes", run.memory_idle)
      .field("memory_peak_bytes", run.memory_peak)
      .field("session_bytes", run.session_bytes)
      .field("bytes_accepted", run.bytes_accepted);
  if (run.written_ratio) json.field("written_per_accepted", *run.written_ratio);
  if (run.device_written_ratio)
    json.field("device_written_per_accepted", *run.device_written_ratio);
  json.field("p50_ms", milliseconds(run.latency.percentile(50)))
      .field("p90_ms", milliseconds(run.latency.percentile(90)))
      .field("p99_ms", milliseconds(run.latency.percentile(99)))
      .field("p99_9_ms", milliseconds(run.latency.percentile(99.9)))
      .field("max_ms", milliseconds(run.latency.max()))
      .field("undelivered", run.undelivered)
      .field("duplicates", run.duplicates)
      .field("corrupt", run.corrupt)
      .field("refused", run.refused)
      .end_object();
}

void write_cell(JsonWriter& json, const Comparison& comparison, const Workload& workload,
                const Cell& cell) {
  json.begin_object().field("peer", cell.peer).field("valid_runs", cell.valid_runs);
  write_spread(json, "messages_per_second", cell.rate);
  write_spread(json, "times_postfix", cell.to_baseline);
  write_spread(json, "share_of_direct", cell.to_direct);
  write_spread(json, "cpu_seconds_per_1000", cell.cpu_per_thousand);
  write_spread(json, "cpu_postfix_over_this", cell.cpu_to_baseline);
  write_spread(json, "written_per_accepted", cell.written_ratio);
  write_spread(json, "device_written_per_accepted", cell.device_written_ratio);
  json.field("p50_ms", milliseconds(cell.latency.percentile(50)))
      .field("p99_ms", milliseconds(cell.latency.percentile(99)))
      .field("memory_idle_bytes", cell.memory_idle)
      .field("memory_peak_bytes", cell.memory_peak)
      .field("session_bytes", cell.session_bytes);
  json.key("problems").begin_array();
  for (const std::string& problem : cell.problems) json.value(problem);
  json.end_array().key("rounds").begin_array();
  if (const auto* runs = comparison.find(workload.key, cell.peer)) {
    for (const RunResult& run : *runs) write_run(json, run);
  }
  json.end_array().end_object();
}

/// Pads to `width` columns; the text may hold multi-byte characters.
std::string padded(const std::string& text, size_t width) {
  const auto columns = static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
  return text + std::string(columns < width ? width - columns : 0, ' ');
}

std::string load_row(const Cell& cell) {
  return padded(cell.peer, 16) + padded(format_spread(cell.rate, ""), 28) +
         padded(format_spread(cell.to_baseline, "×"), 22) +
         padded(format_spread(cell.to_direct, ""), 20) +
         padded(format_spread(cell.cpu_per_thousand, ""), 22) +
         padded(cell.memory_peak > 0 ? format_number(mebibytes(cell.memory_peak)) : "–", 10) +
         padded(cell.written_ratio.count > 0 ? format_number(cell.written_ratio.median) : "–", 9) +
         padded(
             cell.valid_runs > 0 ? format_number(milliseconds(cell.latency.percentile(50))) : "–",
             9) +
         (cell.valid_runs > 0 ? format_number(milliseconds(cell.latency.percentile(99))) : "–") +
         "\n";
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  Spread spread;
  if (values.empty()) return spread;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  spread.median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  spread.min = values.front();
  spread.max = values.back();
  spread.count = static_cast<uint32_t>(values.size());
  return spread;
}

std::vector<WorkloadSummary> summarise(const Comparison& comparison) {
  std::vector<WorkloadSummary> summaries;
  for (const Workload& workload : comparison.workloads) {
    WorkloadSummary summary{.workload = workload, .cells = {}};
    for (const PeerNotes& peer : comparison.peers) {
      if (comparison.find(workload.key, peer.name) == nullptr) continue;
      summary.cells.push_back(make_cell(comparison, workload, peer.name));
    }
    summaries.push_back(std::move(summary));
  }
  return summaries;
}

std::vector<std::string> warnings_of(const Cell& cell) {
  std::vector<std::string> warnings = cell.problems;
  if (cell.undelivered + cell.duplicates + cell.corrupt + cell.refused > 0) {
    warnings.push_back(fmt::format("{} undelivered, {} duplicates, {} corrupt, {} refused",
                                   cell.undelivered, cell.duplicates, cell.corrupt, cell.refused));
  }
  if (cell.other_cpu_share > kDisturbedShare) {
    warnings.push_back(fmt::format("other processes used up to {:.0f} % of the machine meanwhile",
                                   cell.other_cpu_share * 100));
  }
  return warnings;
}

std::string format_number(double value) {
  if (value == 0) return "0";
  const double magnitude = std::fabs(value);
  if (magnitude < 0.1) return fmt::format("{:.3f}", value);
  if (magnitude < 10) return fmt::format("{:.2f}", value);
  if (magnitude < 100) return fmt::format("{:.1f}", value);
  std::string digits = fmt::format("{:.0f}", magnitude);
  for (size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return value < 0 ? "-" + digits : digits;
}

std::string format_spread(const Spread& spread, const char* unit) {
  if (spread.count == 0) return "–";
  const std::string median = format_number(spread.median) + unit;
  if (spread.count == 1) return median;
  return fmt::format("{} ({}–{})", median, format_number(spread.min), format_number(spread.max));
}

std::string comparison_text(const Comparison& comparison) {
  std::string out;
  auto to = std::back_inserter(out);
  for (const auto& [what, value] : comparison.machine) fmt::format_to(to, "{}: {}\n", what, value);
  for (const WorkloadSummary& summary : summarise(comparison)) {
    fmt::format_to(to, "\n{} [{}]\n", summary.workload.title, summary.workload.key);
    if (summary.workload.kind == Workload::Kind::kIdle) {
      for (const Cell& cell : summary.cells) {
        fmt::format_to(to, "  {}{} MiB at rest, {} KiB per idle session\n", padded(cell.peer, 16),
                       format_number(mebibytes(cell.memory_idle)),
                       format_number(cell.session_bytes / 1024));
      }
    } else {
      out += "  " + padded("", 16) + padded("messages/s (min–max)", 28) + padded("× Postfix", 22) +
             padded("of direct", 20) + padded("CPU s per 1,000", 22) + padded("peak MiB", 10) +
             padded("written", 9) + padded("p50 ms", 9) + "p99 ms\n";
      for (const Cell& cell : summary.cells) out += "  " + load_row(cell);
    }
    for (const Cell& cell : summary.cells) {
      for (const std::string& warning : warnings_of(cell)) {
        fmt::format_to(to, "  ! {}: {}\n", cell.peer, warning);
      }
    }
  }
  if (!comparison.skipped.empty()) out += "\n";
  for (const SkippedPeer& peer : comparison.skipped) {
    fmt::format_to(to, "skipped {}: {}\n", peer.name, peer.reason);
  }
  return out;
}

std::string comparison_json(const Comparison& comparison) {
  JsonWriter json;
  const CompareOptions& options = comparison.options;
  json.begin_object().key("machine").begin_object();
  for (const auto& [what, value] : comparison.machine) json.field(what, value);
  json.end_object()
      .field("rounds", options.round_count)
      .field("sessions", options.session_count)
      .field("size_min", options.size.whole.bytes_min)
      .field("size_max", options.size.whole.bytes_max)
      .field("load_seconds", std::chrono::duration<double>(options.duration).count())
      .field("load_messages", options.message_count)
      .field("total_seconds", comparison.seconds);
  json.key("peers").begin_array();
  for (const PeerNotes& peer : comparison.peers) {
    json.begin_object()
        .field("name", peer.name)
        .field("title", peer.title)
        .field("tuning", peer.tuning)
        .end_object();
  }
  json.end_array().key("skipped").begin_array();
  for (const SkippedPeer& peer : comparison.skipped) {
    json.begin_object().field("name", peer.name).field("reason", peer.reason).end_object();
  }
  json.end_array().key("workloads").begin_array();
  for (const WorkloadSummary& summary : summarise(comparison)) {
    json.begin_object().field("key", summary.workload.key).field("title", summary.workload.title);
    json.key("results").begin_array();
    for (const Cell& cell : summary.cells) write_cell(json, comparison, summary.workload, cell);
    json.end_array().end_object();
  }
  json.end_array().end_object();
  return json.text() + "\n";
}

}  // namespace barid::bench
