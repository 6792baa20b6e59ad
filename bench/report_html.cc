// The comparison as one HTML page: tables and inline charts, no script, nothing loaded from
// elsewhere, readable on light and dark screens and on paper.
#include <fmt/format.h>

#include <array>
#include <iterator>

#include "bench/compare_summary.h"
#include "bench/svg_chart.h"
#include "core/text/html.h"

namespace barid::bench {
namespace {

constexpr const char* kStyle =
    R"css(
:root{--bg:#fbfbfa;--card:#fff;--text:#1d2329;--dim:#5c6670;--line:#e1e4e8;--accent:#0b6e5f;
--c0:#8a929b;--c1:#0b8f7a;--c2:#c2571a;--c3:#5b5fc7;--c4:#a8327e;--c5:#3f7f1f;--c6:#9a7400;--c7:#2476b3}
@media(prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1c2024;--text:#e4e7ea;--dim:#98a2ac;
--line:#31373d;--accent:#4fd1ba;--c0:#77808a;--c1:#2fbfa5;--c2:#e58a4e;--c3:#9094f2;--c4:#d976b4;
--c5:#7fbf5a;--c6:#cfa63a;--c7:#63aee6}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:15px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1180px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:28px;margin:0 0 4px;letter-spacing:-.01em}h2{font-size:19px;margin:0 0 2px}
p{margin:4px 0 12px}.dim{color:var(--dim)}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:20px 22px;margin:20px 0}
.glance{display:grid;grid-template-columns:repeat(auto-fit,minmax(200px,1fr));gap:14px;margin:22px 0}
.glance div{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px}
.glance b{display:block;font-size:26px;color:var(--accent);line-height:1.2}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(420px,1fr));gap:18px 28px;margin:14px 0}
svg{width:100%;height:auto;display:block}
svg text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:var(--text)}
svg .chart-title{font-weight:600;font-size:13px}svg .label{text-anchor:end;fill:var(--dim)}
svg .tick{text-anchor:middle;fill:var(--dim)}
.fill{stroke:none}.line{fill:none;stroke-width:2;stroke-linejoin:round}
.grid{stroke:var(--line);fill:none}.whisker{stroke:var(--text);stroke-width:1.2;fill:none;opacity:.65}
)css"
    R"css(.fill.c0{fill:var(--c0)}.fill.c1{fill:var(--c1)}.fill.c2{fill:var(--c2)}.fill.c3{fill:var(--c3)}
.fill.c4{fill:var(--c4)}.fill.c5{fill:var(--c5)}.fill.c6{fill:var(--c6)}.fill.c7{fill:var(--c7)}
.line.c0{stroke:var(--c0)}.line.c1{stroke:var(--c1)}.line.c2{stroke:var(--c2)}.line.c3{stroke:var(--c3)}
.line.c4{stroke:var(--c4)}.line.c5{stroke:var(--c5)}.line.c6{stroke:var(--c6)}.line.c7{stroke:var(--c7)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:6px 8px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--dim);font-weight:500;vertical-align:bottom}th:first-child,td:first-child{text-align:left}
tr:last-child td{border-bottom:0}.warn{color:var(--c2)}
ul.warn{margin:6px 0;padding-left:18px;font-size:13px;line-height:1.45}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 18px;margin:8px 0}dt{color:var(--dim)}dd{margin:0}
@media print{section,.glance div{break-inside:avoid}}
@media(max-width:560px){.charts{grid-template-columns:1fr}}
)css";

constexpr double kMebibyte = 1024.0 * 1024.0;

double milliseconds(uint64_t nanoseconds) noexcept {
  return static_cast<double>(nanoseconds) / 1e6;
}

uint32_t color_of(const Comparison& comparison, const std::string& peer) {
  for (size_t i = 0; i < comparison.peers.size(); ++i) {
    if (comparison.peers[i].name == peer) return static_cast<uint32_t>(i);
  }
  return 0;
}

std::string title_of(const Comparison& comparison, const std::string& peer) {
  for (const PeerNotes& notes : comparison.peers) {
    if (notes.name == peer) return notes.title;
  }
  return peer;
}

Bar bar_of(const Comparison& comparison, const Cell& cell, const Spread& spread,
           const std::string& text) {
  return {.label = cell.peer,
          .value = spread.median,
          .min = spread.min,
          .max = spread.max,
          .value_text = text,
          .color = color_of(comparison, cell.peer)};
}

std::string rate_chart(const Comparison& comparison, const WorkloadSummary& summary) {
  std::vector<Bar> bars;
  for (const Cell& cell : summary.cells) {
    if (cell.rate.count == 0) continue;
    std::string text = format_number(cell.rate.median);
    if (cell.peer != kBaseline && cell.to_baseline.count > 0) {
      text += fmt::format("  ·  {}× Postfix", format_number(cell.to_baseline.median));
    }
    bars.push_back(bar_of(comparison, cell, cell.rate, text));
  }
  return bar_chart("Messages per second", bars);
}

std::string cpu_chart(const Comparison& comparison, const WorkloadSummary& summary) {
  std::vector<Bar> bars;
  for (const Cell& cell : summary.cells) {
    if (cell.cpu_per_thousand.count == 0) continue;
    std::string text = format_number(cell.cpu_per_thousand.median) + " ms";
    if (cell.peer != kBaseline && cell.cpu_to_baseline.count > 0) {
      text += fmt::format("  ·  1/{} of Postfix", format_number(cell.cpu_to_baseline.median));
    }
    bars.push_back(bar_of(comparison, cell, cell.cpu_per_thousand, text));
  }
  return bar_chart("CPU milliseconds per message (less is better)", bars);
}

std::string latency_chart(const Comparison& comparison, const WorkloadSummary& summary) {
  std::vector<Curve> curves;
  for (const Cell& cell : summary.cells) {
    if (cell.latency.count() == 0) continue;
    Curve curve{.label = cell.peer, .points = {}, .color = color_of(comparison, cell.peer)};
    for (const double percentile :
         {1.0, 10.0, 25.0, 50.0, 60.0, 70.0, 80.0, 90.0, 95.0, 97.0, 99.0, 99.5, 99.7, 99.9}) {
      const double value = milliseconds(cell.latency.percentile(percentile));
      if (value > 0) curve.points.emplace_back(percentile, value);
    }
    curves.push_back(std::move(curve));
  }
  return percentile_chart("Time to the 250, by percentile", "ms", curves);
}

std::string memory_chart(const Comparison& comparison, const WorkloadSummary& summary) {
  std::vector<Bar> bars;
  for (const Cell& cell : summary.cells) {
    if (cell.memory_peak == 0) continue;
    const double value = static_cast<double>(cell.memory_peak) / kMebibyte;
    bars.push_back({.label = cell.peer,
                    .value = value,
                    .value_text = format_number(value) + " MiB",
                    .color = color_of(comparison, cell.peer)});
  }
  return bar_chart("Peak memory", bars);
}

void append_row(const Comparison& comparison, const Cell& cell, std::string& out) {
  auto to = std::back_inserter(out);
  const auto cells = {
      format_spread(cell.rate, ""),
      format_spread(cell.to_baseline, "×"),
      format_spread(cell.to_direct, ""),
      format_spread(cell.cpu_per_thousand, ""),
      cell.memory_peak > 0 ? format_number(static_cast<double>(cell.memory_peak) / kMebibyte) : "–",
      format_spread(cell.written_ratio, ""),
      format_spread(cell.device_written_ratio, ""),
      cell.latency.count() > 0 ? format_number(milliseconds(cell.latency.percentile(50))) : "–",
      cell.latency.count() > 0 ? format_number(milliseconds(cell.latency.percentile(99))) : "–",
      cell.latency.count() > 0 ? format_number(milliseconds(cell.latency.max())) : "–"};
  fmt::format_to(to, "<tr><td>{}</td>", text::html_text(title_of(comparison, cell.peer)));
  for (const std::string& text : cells) fmt::format_to(to, "<td>{}</td>", text::html_text(text));
  out += "</tr>\n";
}

void append_warnings(const WorkloadSummary& summary, std::string& out) {
  std::string items;
  for (const Cell& cell : summary.cells) {
    for (const std::string& warning : warnings_of(cell)) {
      fmt::format_to(std::back_inserter(items), "<li>{}: {}</li>\n", text::html_text(cell.peer),
                     text::html_text(warning));
    }
  }
  if (!items.empty()) out += "<ul class=\"warn\">\n" + items + "</ul>\n";
}

void append_load_section(const Comparison& comparison, const WorkloadSummary& summary,
                         std::string& out) {
  out += "<div class=\"charts\">";
  out += rate_chart(comparison, summary);
  out += cpu_chart(comparison, summary);
  out += latency_chart(comparison, summary);
  out += memory_chart(comparison, summary);
  out +=
      "</div>\n<div class=\"scroll\"><table><tr><th></th><th>messages/s</th><th>times Postfix</th>"
      "<th>share of direct</th><th>CPU s per 1,000</th><th>peak MiB</th>"
      "<th>bytes written<br>per accepted</th><th>device bytes<br>per accepted</th><th>p50 ms</th>"
      "<th>p99 ms</th><th>max ms</th></tr>\n";
  for (const Cell& cell : summary.cells) append_row(comparison, cell, out);
  out += "</table></div>\n";
}

void append_idle_section(const Comparison& comparison, const WorkloadSummary& summary,
                         std::string& out) {
  out += "<table><tr><th></th><th>MiB at rest</th><th>KiB per idle session</th></tr>\n";
  for (const Cell& cell : summary.cells) {
    fmt::format_to(std::back_inserter(out), "<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                   text::html_text(title_of(comparison, cell.peer)),
                   format_number(static_cast<double>(cell.memory_idle) / kMebibyte),
                   format_number(cell.session_bytes / 1024));
  }
  out += "</table>\n";
}

const char* explanation(const Workload& workload) {
  switch (workload.kind) {
    case Workload::Kind::kAccept:
      return "The next hop is on hold: it takes connections and never greets. What is measured is "
             "durable acceptance alone.";
    case Workload::Kind::kRelay:
      return "From the first connection of the source until the sink holds every accepted message.";
    case Workload::Kind::kIdle:
      return "After start-up, then with idle sessions that said EHLO.";
  }
  return "";
}

/// How Barid stands against Postfix, one card per workload.
void append_glance(const std::vector<WorkloadSummary>& summaries, std::string& out) {
  std::string cards;
  for (const WorkloadSummary& summary : summaries) {
    for (const Cell& cell : summary.cells) {
      if (cell.peer != "barid" || cell.to_baseline.count == 0) continue;
      fmt::format_to(std::back_inserter(cards),
                     "<div><span class=\"dim\">{}</span><b>{}×</b><span class=\"dim\">Postfix, at "
                     "1/{} of its CPU per message</span></div>\n",
                     text::html_text(summary.workload.title),
                     format_number(cell.to_baseline.median),
                     format_number(cell.cpu_to_baseline.median));
    }
  }
  if (!cards.empty()) out += "<div class=\"glance\">\n" + cards + "</div>\n";
}

void append_notes(const Comparison& comparison, std::string& out) {
  auto to = std::back_inserter(out);
  out += "<section><h2>Who took part, and how it was set up</h2><dl>\n";
  for (const PeerNotes& peer : comparison.peers) {
    fmt::format_to(to, "<dt>{}</dt><dd>{}</dd>\n", text::html_text(peer.title),
                   text::html_text(peer.tuning));
  }
  for (const SkippedPeer& peer : comparison.skipped) {
    fmt::format_to(to, "<dt>{}</dt><dd class=\"warn\">skipped: {}</dd>\n",
                   text::html_text(peer.name), text::html_text(peer.reason));
  }
  out += "</dl></section>\n<section><h2>Machine</h2><dl>\n";
  for (const auto& [what, value] : comparison.machine) {
    fmt::format_to(to, "<dt>{}</dt><dd>{}</dd>\n", text::html_text(what), text::html_text(value));
  }
  out +=
      "</dl></section>\n"
      "<section><h2>How to read this</h2><p>Load generator and sink run on the same processors "
      "as the server, peers in turn within each round. A ratio compares two runs of the same "
      "round; shown are the median and, in parentheses, the smallest and largest round. "
      "Each load lasts the same time, not the same number of messages.</p>"
      "<p>CPU is user and system time of all of a server's processes, ended ones included. "
      "Memory is the private pages of all processes plus the shared pages of the largest, "
      "sampled four times a second. Bytes written are those the server's processes handed to "
      "the block layer, minus what was dropped before it reached the disk; device bytes are "
      "what the disk was told to write in the same time by anybody, journal included. Time to "
      "the 250 starts with the message's turn: its MAIL, or the end of the message before it "
      "where the client pipelines.</p>"
      "<p class=\"dim\">On a virtual machine processes and system calls are dear, which favours "
      "a server with few of them: ratios measured on one do not carry over to bare metal.</p>"
      "</section>\n";
}

}  // namespace

std::string comparison_html(const Comparison& comparison) {
  const std::vector<WorkloadSummary> summaries = summarise(comparison);
  const CompareOptions& options = comparison.options;
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
      "<meta name=\"color-scheme\" content=\"light dark\">"
      "<title>Mail servers side by side</title><style>";
  out += kStyle;
  out += "</style></head><body><main>\n<h1>Mail servers side by side</h1>\n";
  auto to = std::back_inserter(out);
  const std::string size =
      options.size.whole.bytes_min == options.size.whole.bytes_max
          ? format_number(static_cast<double>(options.size.whole.bytes_min))
          : format_number(static_cast<double>(options.size.whole.bytes_min)) + "–" +
                format_number(static_cast<double>(options.size.whole.bytes_max));
  const std::string load =
      options.message_count > 0
          ? format_number(static_cast<double>(options.message_count)) + " messages"
          : format_number(std::chrono::duration<double>(options.duration).count()) + " s of load";
  fmt::format_to(
      to,
      "<p class=\"dim\">{} sessions, messages of {} bytes, {} per run, {} round{}; {:.0f} s "
      "in total</p>\n",
      options.session_count, size, load, options.round_count, options.round_count == 1 ? "" : "s",
      comparison.seconds);
  append_glance(summaries, out);
  for (const WorkloadSummary& summary : summaries) {
    fmt::format_to(to, "<section><h2>{}</h2><p class=\"dim\">{}</p>\n",
                   text::html_text(summary.workload.title), explanation(summary.workload));
    append_warnings(summary, out);
    if (summary.workload.kind == Workload::Kind::kIdle)
      append_idle_section(comparison, summary, out);
    else
      append_load_section(comparison, summary, out);
    out += "</section>\n";
  }
  append_notes(comparison, out);
  return out + "</main></body></html>\n";
}

}  // namespace barid::bench
