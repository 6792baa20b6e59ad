// Goal: medians, same-round ratios, warnings and the written reports say what was measured.
#include "bench/compare_summary.h"

#include <gtest/gtest.h>

#include "bench/json_writer.h"
#include "bench/svg_chart.h"

namespace barid::bench {
namespace {

TEST(Spread, MedianAndRange) {
  struct Row {
    std::vector<double> in;
    double median;
    double min;
    double max;
  };
  for (const Row& row : {Row{{}, 0, 0, 0}, Row{{3}, 3, 3, 3}, Row{{3, 1, 2}, 2, 1, 3},
                         Row{{4, 1, 3, 2}, 2.5, 1, 4}}) {
    const Spread spread = spread_of(row.in);
    EXPECT_EQ(spread.count, row.in.size());
    EXPECT_EQ(spread.median, row.median);
    EXPECT_EQ(spread.min, row.min);
    EXPECT_EQ(spread.max, row.max);
  }
}

TEST(FormatNumber, Rows) {
  struct Row {
    double in;
    const char* want;
  };
  for (const Row& row : {Row{0, "0"}, Row{0.0123, "0.012"}, Row{0.5, "0.50"}, Row{3.14159, "3.14"},
                         Row{42.25, "42.2"}, Row{999, "999"}, Row{1234.5, "1,234"},
                         Row{1234567, "1,234,567"}, Row{-2500, "-2,500"}}) {
    EXPECT_EQ(format_number(row.in), row.want);
  }
}

RunResult run_of(double rate, double cpu_seconds) {
  RunResult run;
  run.messages = 1000;
  run.messages_per_second = rate;
  run.cpu_seconds = cpu_seconds;
  run.latency.record(2'000'000);
  return run;
}

Comparison sample() {
  Comparison comparison;
  comparison.workloads = {*find_workload("accept-pipeline")};
  comparison.peers = {{.name = kDirect, .title = "Direct", .tuning = "none"},
                      {.name = "barid", .title = "Barid <1>", .tuning = "defaults & more"},
                      {.name = "postfix", .title = "Postfix", .tuning = "tuned"}};
  comparison.skipped = {{.name = "exim", .reason = "not installed"}};
  auto& cells = comparison.runs["accept-pipeline"];
  cells[kDirect] = {run_of(1000, 0), run_of(2000, 0)};
  cells["barid"] = {run_of(500, 0.1), run_of(800, 0.2)};
  cells["postfix"] = {run_of(50, 2), run_of(20, 4)};
  return comparison;
}

TEST(Summary, RatiosPairRunsOfOneRound) {
  const auto summaries = summarise(sample());
  ASSERT_EQ(summaries.size(), 1u);
  ASSERT_EQ(summaries[0].cells.size(), 3u);
  const Cell& barid = summaries[0].cells[1];
  EXPECT_EQ(barid.peer, "barid");
  EXPECT_DOUBLE_EQ(barid.to_baseline.min, 10);  // 500/50
  EXPECT_DOUBLE_EQ(barid.to_baseline.max, 40);  // 800/20
  EXPECT_DOUBLE_EQ(barid.to_direct.min, 0.4);   // 800/2000
  EXPECT_DOUBLE_EQ(barid.to_direct.max, 0.5);   // 500/1000
  EXPECT_DOUBLE_EQ(barid.cpu_per_thousand.median, 0.15);
  EXPECT_DOUBLE_EQ(barid.cpu_to_baseline.min, 20);
  EXPECT_EQ(barid.latency.count(), 2u);
  EXPECT_EQ(summaries[0].cells[0].cpu_per_thousand.count, 0u) << "direct has no server";
}

TEST(Summary, FailedRunsAreNamedAndLeftOut) {
  Comparison comparison = sample();
  auto& runs = comparison.runs["accept-pipeline"];
  runs["barid"][1].problem = "it broke";
  runs["postfix"][0].undelivered = 7;
  const auto summaries = summarise(comparison);
  const Cell& barid = summaries[0].cells[1];
  EXPECT_EQ(barid.valid_runs, 1u);
  EXPECT_EQ(barid.to_baseline.count, 1u);
  EXPECT_EQ(warnings_of(barid), std::vector<std::string>{"it broke"});
  EXPECT_EQ(warnings_of(summaries[0].cells[2]).size(), 1u);
  const std::string text = comparison_text(comparison);
  EXPECT_NE(text.find("! barid: it broke"), std::string::npos);
  EXPECT_NE(text.find("7 undelivered"), std::string::npos);
  EXPECT_NE(text.find("skipped exim: not installed"), std::string::npos);
}

TEST(Summary, DisturbedRunsAreSaid) {
  Comparison comparison = sample();
  comparison.runs["accept-pipeline"]["barid"][0].other_cpu_share = 0.4;
  const auto summaries = summarise(comparison);
  ASSERT_EQ(warnings_of(summaries[0].cells[1]).size(), 1u);
  EXPECT_NE(warnings_of(summaries[0].cells[1])[0].find("40 %"), std::string::npos);
}

TEST(Html, SelfContainedAndEscaped) {
  const std::string page = comparison_html(sample());
  for (const char* wanted : {"<!doctype html>", "Barid &lt;1&gt;", "defaults &amp; more", "<svg",
                             "prefers-color-scheme:dark", "exim", "not installed", "</html>"}) {
    EXPECT_NE(page.find(wanted), std::string::npos) << wanted;
  }
  for (const char* unwanted : {"http://", "https://", "<script", "src=", "@import", "Barid <1>"}) {
    EXPECT_EQ(page.find(unwanted), std::string::npos) << unwanted;
  }
}

TEST(Json, HasEveryRound) {
  const std::string json = comparison_json(sample());
  EXPECT_NE(json.find("\"times_postfix\":{\"median\":25,\"min\":10,\"max\":40}"),
            std::string::npos);
  EXPECT_NE(json.find("\"skipped\":[{\"name\":\"exim\",\"reason\":\"not installed\"}]"),
            std::string::npos);
}

TEST(JsonWriter, CommasAndEscapes) {
  JsonWriter json;
  json.begin_object().field("a", 1).field("b", "x\"\\\n\x01");
  json.key("c").begin_array().value(true).value(0.5).begin_object().end_object().end_array();
  json.field("d", 1.0 / 0.0).end_object();
  EXPECT_EQ(json.text(), "{\"a\":1,\"b\":\"x\\\"\\\\\\n\\u0001\",\"c\":[true,0.5,{}],\"d\":null}");
}

TEST(Chart, NothingToDraw) {
  EXPECT_EQ(bar_chart("t", {}), "");
  EXPECT_EQ(percentile_chart("t", "ms", {}), "");
}

}  // namespace
}  // namespace barid::bench
