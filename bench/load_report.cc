#include "bench/load_report.h"

#include <fmt/format.h>

#include <iterator>

namespace barid::bench {
namespace {

double milliseconds(uint64_t nanoseconds) noexcept {
  return static_cast<double>(nanoseconds) / 1e6;
}

double micros_each(double seconds, uint64_t count) noexcept {
  return count == 0 ? 0.0 : seconds * 1e6 / static_cast<double>(count);
}

}  // namespace

void write_json(const SourceReport& report, std::string_view run, JsonWriter& json) {
  const SourceCounts& counts = report.counts;
  const Histogram& latency = report.latency;
  json.begin_object()
      .field("run", run)
      .field("accepted", counts.accepted)
      .field("accepted_in_window", counts.accepted_in_window)
      .field("begun", report.begun)
      .field("seconds", report.seconds)
      .field("messages_per_second", report.messages_per_second)
      .field("bytes_accepted", counts.bytes_accepted)
      .field("tempfailed", counts.tempfailed)
      .field("permfailed", counts.permfailed)
      .field("retried", counts.retried)
      .field("lost", counts.lost)
      .field("in_doubt", counts.in_doubt)
      .field("recipients_refused", counts.recipients_refused)
      .field("connections", counts.connections)
      .field("connections_failed", counts.connections_failed)
      .field("connections_broken", counts.connections_broken)
      .field("tls_sessions", counts.tls_sessions)
      .field("tls_resumed", counts.tls_resumed)
      .field("cpu_seconds", report.cpu_seconds)
      .field("cpu_micros_per_message", micros_each(report.cpu_seconds, counts.accepted))
      .field("first_refusal", counts.first_refusal)
      .field("stopped_by", report.stopped_by);
  json.key("replies_refusing").begin_object();
  for (const auto& [code, count] : counts.replies_refusing) json.field(std::to_string(code), count);
  json.end_object();
  json.key("latency_ms")
      .begin_object()
      .field("mean", latency.mean() / 1e6)
      .field("min", milliseconds(latency.min()))
      .field("p50", milliseconds(latency.percentile(50)))
      .field("p90", milliseconds(latency.percentile(90)))
      .field("p99", milliseconds(latency.percentile(99)))
      .field("p99_9", milliseconds(latency.percentile(99.9)))
      .field("max", milliseconds(latency.max()))
      .end_object();
  json.end_object();
}

std::string to_text(const SourceReport& report, std::string_view run) {
  const SourceCounts& counts = report.counts;
  const Histogram& latency = report.latency;
  std::string out;
  auto to = std::back_inserter(out);
  fmt::format_to(to, "run {}: {} accepted in {:.2f} s, {:.0f} messages/s, {:.1f} us CPU each\n",
                 run, counts.accepted_in_window, report.seconds, report.messages_per_second,
                 micros_each(report.cpu_seconds, counts.accepted));
  fmt::format_to(
      to, "time to the answer, ms: p50 {:.2f}  p90 {:.2f}  p99 {:.2f}  p99.9 {:.2f}  max {:.2f}\n",
      milliseconds(latency.percentile(50)), milliseconds(latency.percentile(90)),
      milliseconds(latency.percentile(99)), milliseconds(latency.percentile(99.9)),
      milliseconds(latency.max()));
  fmt::format_to(to, "connections: {} made, {} failed, {} broken\n", counts.connections,
                 counts.connections_failed, counts.connections_broken);
  const uint64_t not_accepted =
      counts.tempfailed + counts.permfailed + counts.lost + counts.in_doubt;
  if (not_accepted + counts.retried + counts.recipients_refused > 0) {
    fmt::format_to(to,
                   "not accepted: {} temporary, {} permanent, {} lost with the connection, {} in "
                   "doubt; {} retried; {} recipients refused\n",
                   counts.tempfailed, counts.permfailed, counts.lost, counts.in_doubt,
                   counts.retried, counts.recipients_refused);
  }
  for (const auto& [code, count] : counts.replies_refusing) {
    fmt::format_to(to, "  {} times {}\n", count, code);
  }
  if (!counts.first_refusal.empty()) {
    fmt::format_to(to, "first refusal: {}\n", counts.first_refusal);
  }
  if (!report.stopped_by.empty()) fmt::format_to(to, "stopped: {}\n", report.stopped_by);
  return out;
}

void write_json(const SinkReport& report, JsonWriter& json) {
  const SinkCounts& counts = report.counts;
  json.begin_object()
      .field("messages", counts.messages)
      .field("recipients", counts.recipients)
      .field("bytes", counts.bytes)
      .field("connections", counts.connections)
      .field("connections_refused", counts.connections_refused)
      .field("unique", report.sequence.unique)
      .field("duplicates", report.sequence.duplicates)
      .field("lost", report.sequence.lost)
      .field("untracked", report.sequence.untracked)
      .field("corrupt", counts.corrupt)
      .field("foreign", counts.foreign)
      .field("tempfailed", counts.tempfailed)
      .field("permfailed", counts.permfailed)
      .field("dropped", counts.dropped)
      .field("unfinished", counts.unfinished)
      .field("protocol_errors", counts.protocol_errors)
      .field("ledger_failures", report.ledger_failures)
      .field("tls_sessions", report.tls_sessions)
      .field("tls_resumed", report.tls_resumed)
      .field("seconds", report.seconds)
      .field("messages_per_second", report.messages_per_second)
      .field("cpu_seconds", report.cpu_seconds)
      .field("cpu_micros_per_message", micros_each(report.cpu_seconds, counts.messages))
      .end_object();
}

std::string to_text(const SinkReport& report) {
  const SinkCounts& counts = report.counts;
  std::string out;
  auto to = std::back_inserter(out);
  fmt::format_to(to, "{} messages, {} recipients, {} bytes over {} connections\n", counts.messages,
                 counts.recipients, counts.bytes, counts.connections);
  fmt::format_to(to, "{:.0f} messages/s between first and last ({:.2f} s), {:.1f} us CPU each\n",
                 report.messages_per_second, report.seconds,
                 micros_each(report.cpu_seconds, counts.messages));
  fmt::format_to(to, "{} lost, {} duplicates, {} corrupt, {} foreign, {} untracked\n",
                 report.sequence.lost, report.sequence.duplicates, counts.corrupt, counts.foreign,
                 report.sequence.untracked);
  if (counts.tempfailed + counts.permfailed + counts.dropped + counts.connections_refused > 0) {
    fmt::format_to(to, "scripted: {} temporary, {} permanent, {} dropped, {} connections refused\n",
                   counts.tempfailed, counts.permfailed, counts.dropped,
                   counts.connections_refused);
  }
  if (report.tls_sessions > 0) {
    fmt::format_to(to, "{} TLS sessions, {} of them resumed\n", report.tls_sessions,
                   report.tls_resumed);
  }
  if (counts.unfinished + counts.protocol_errors + report.ledger_failures > 0) {
    fmt::format_to(to, "{} unfinished messages, {} protocol errors, {} ledger failures\n",
                   counts.unfinished, counts.protocol_errors, report.ledger_failures);
  }
  return out;
}

}  // namespace barid::bench
