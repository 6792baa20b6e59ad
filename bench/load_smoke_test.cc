// Goal: source and sink agree on every message, in every mode, with and without faults.
// Method: both real, over loopback, a few hundred messages each; the two counts and the two ledgers
// must balance.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "bench/smtp_sink.h"
#include "bench/smtp_source.h"

namespace barid::bench {
namespace {

constexpr uint64_t kMessages = 400;

std::string temporary_path(const char* name) {
  return testing::TempDir() + "/barid-bench-" + std::to_string(::getpid()) + "-" + name;
}

std::vector<std::string> sorted_lines(const std::string& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  std::sort(lines.begin(), lines.end());
  return lines;
}

struct Case {
  const char* name;
  SourceMode mode = SourceMode::kPipeline;
  uint32_t sink_threads = 1;
  uint32_t recipients = 1;
  uint64_t messages_per_session = 0;
  double rate = 0;
  SizeRange size = {};
  FaultScript faults = {};
  uint32_t bytes_per_read = 0;
};

SinkOptions sink_options(const Case& c) {
  SinkOptions options;
  options.listen = {*parse_endpoint("127.0.0.1:0")};
  options.thread_count = c.sink_threads;
  options.faults = c.faults;
  options.bytes_per_read = c.bytes_per_read;
  options.read_pause = std::chrono::milliseconds(1);
  options.message_count_stop = kMessages;
  options.ledger_path = temporary_path("sink");
  return options;
}

SourceOptions source_options(const Case& c, const Endpoint& target) {
  SourceOptions options;
  options.target = target;
  options.session_count = 8;
  options.message_count = kMessages;
  options.messages_per_session = c.messages_per_session;
  options.mode = c.mode;
  options.shape.recipient_count = c.recipients;
  options.shape.domain_count = 7;
  options.shape.size = c.size;
  options.rate = c.rate;
  options.retries_max = 50;
  options.retry_delay = std::chrono::milliseconds(20);
  options.reply_timeout = std::chrono::seconds(10);
  options.stall_timeout = std::chrono::seconds(10);
  options.ledger_path = temporary_path("source");
  return options;
}

class LoadSmoke : public testing::TestWithParam<Case> {
 protected:
  void TearDown() override {
    ::unlink(temporary_path("sink").c_str());
    ::unlink(temporary_path("source").c_str());
  }
};

TEST_P(LoadSmoke, BothSidesBalance) {
  const Case& c = GetParam();
  const auto sink = SmtpSink::start(sink_options(c));
  ASSERT_TRUE(sink.ok());
  const auto source = run_source(source_options(c, (*sink)->endpoints()[0]));
  ASSERT_TRUE(source.ok());
  EXPECT_EQ(source->stopped_by, "");
  EXPECT_EQ(source->counts.accepted, kMessages) << source->counts.first_refusal;
  EXPECT_EQ(source->latency.count(), kMessages);

  const SinkReport report = (*sink)->report();
  EXPECT_EQ(report.sequence.unique, kMessages * c.recipients);
  EXPECT_EQ(report.sequence.lost, 0u);
  EXPECT_EQ(report.counts.corrupt, 0u);
  EXPECT_EQ(report.counts.foreign, 0u);
  EXPECT_EQ(report.counts.protocol_errors, 0u);
  const bool reply_lost = c.faults.drop_fraction > 0 && c.faults.drop_stage == Stage::kReply;
  if (reply_lost) {
    EXPECT_GT(report.sequence.duplicates, 0u);
    EXPECT_EQ(report.counts.messages, kMessages + report.counts.dropped);
    return;
  }
  EXPECT_EQ(report.sequence.duplicates, 0u);
  EXPECT_EQ(report.counts.messages, kMessages);
  EXPECT_EQ(report.counts.bytes, source->counts.bytes_accepted);
  const auto lines = sorted_lines(temporary_path("source"));
  EXPECT_EQ(lines.size(), kMessages * c.recipients);
  EXPECT_EQ(lines, sorted_lines(temporary_path("sink")));
}

INSTANTIATE_TEST_SUITE_P(
    Modes, LoadSmoke,
    testing::Values(
        Case{.name = "Sequential", .mode = SourceMode::kSequential}, Case{.name = "Pipeline"},
        Case{.name = "Bdat", .mode = SourceMode::kBdat},
        Case{.name = "TwoSinkThreads", .mode = SourceMode::kBdat, .sink_threads = 2},
        Case{.name = "ManyRecipients", .mode = SourceMode::kBdat, .recipients = 20},
        Case{.name = "ManyRecipientsSequential", .mode = SourceMode::kSequential, .recipients = 3},
        Case{.name = "Reconnect", .messages_per_session = 3},
        Case{.name = "OpenLoop", .rate = 2000},
        Case{.name = "Sizes", .mode = SourceMode::kBdat, .size = {600, 200'000}},
        Case{.name = "SizesPipelined", .size = {600, 200'000}}),
    [](const auto& each) { return each.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Faults, LoadSmoke,
    testing::Values(Case{.name = "TempfailRcptBdat",
                         .mode = SourceMode::kBdat,
                         .faults = {.tempfail_fraction = 0.2, .tempfail_stage = Stage::kRcpt}},
                    Case{.name = "TempfailMailPipeline",
                         .faults = {.tempfail_fraction = 0.2, .tempfail_stage = Stage::kMail}},
                    Case{.name = "TempfailDataSequential",
                         .mode = SourceMode::kSequential,
                         .faults = {.tempfail_fraction = 0.2, .tempfail_stage = Stage::kData}},
                    Case{.name = "TempfailDot", .faults = {.tempfail_fraction = 0.2}},
                    Case{.name = "TempfailConnect",
                         .messages_per_session = 5,
                         .faults = {.tempfail_fraction = 0.2, .tempfail_stage = Stage::kConnect}},
                    Case{.name = "DropData",
                         .faults = {.drop_fraction = 0.05, .drop_stage = Stage::kData}},
                    Case{.name = "DropReply",
                         .mode = SourceMode::kBdat,
                         .faults = {.drop_fraction = 0.05, .drop_stage = Stage::kReply}},
                    Case{.name = "Greylist",
                         .mode = SourceMode::kBdat,
                         .faults = {.greylist = std::chrono::milliseconds(50)}},
                    Case{.name = "Delay", .faults = {.delay = std::chrono::milliseconds(2)}},
                    Case{.name = "SlowReader", .mode = SourceMode::kBdat, .bytes_per_read = 4000}),
    [](const auto& each) { return each.param.name; });

TEST(LoadLimits, PermanentRefusalsAreCountedOnce) {
  Case c{.name = "", .faults = {.permfail_fraction = 1}};
  const auto sink = SmtpSink::start(sink_options(c));
  ASSERT_TRUE(sink.ok());
  const auto source = run_source(source_options(c, (*sink)->endpoints()[0]));
  ASSERT_TRUE(source.ok());
  EXPECT_EQ(source->counts.accepted, 0u);
  EXPECT_EQ(source->counts.permfailed, kMessages);
  EXPECT_EQ(source->counts.replies_refusing.at(550), kMessages);
  EXPECT_EQ((*sink)->report().counts.messages, 0u);
  ::unlink(temporary_path("sink").c_str());
  ::unlink(temporary_path("source").c_str());
}

TEST(LoadLimits, TargetsThatCannotServeEndTheRun) {
  // A port nobody listens on, and one that never greets.
  const auto silent = listen_on(*parse_endpoint("127.0.0.1:0"), {});
  ASSERT_TRUE(silent.ok());
  const Endpoint silent_endpoint = local_endpoint(*silent);
  SourceOptions options;
  options.message_count = 1;
  options.session_count = 2;
  options.stall_timeout = std::chrono::milliseconds(600);
  options.connect_timeout = std::chrono::milliseconds(300);
  options.reply_timeout = std::chrono::milliseconds(200);
  options.target = silent_endpoint;
  const auto stalled = run_source(options);
  ASSERT_TRUE(stalled.ok());
  EXPECT_NE(stalled->stopped_by, "");
  EXPECT_EQ(stalled->counts.accepted, 0u);
  ::close(*silent);
  const auto refused = run_source(options);
  ASSERT_TRUE(refused.ok());
  EXPECT_EQ(refused->stopped_by, "no connection could be made");
  EXPECT_GT(refused->counts.connections_failed, 0u);
}

TEST(LoadLimits, ModesNeedTheirExtensions) {
  struct Row {
    SourceMode mode;
    bool pipelining;
    bool chunking;
    bool runs;
  };
  for (const Row& row : {Row{SourceMode::kSequential, false, false, true},
                         Row{SourceMode::kPipeline, false, true, false},
                         Row{SourceMode::kBdat, true, false, false}}) {
    SinkOptions sink_setup;
    sink_setup.listen = {*parse_endpoint("127.0.0.1:0")};
    sink_setup.extensions.pipelining = row.pipelining;
    sink_setup.extensions.chunking = row.chunking;
    const auto sink = SmtpSink::start(sink_setup);
    ASSERT_TRUE(sink.ok());
    SourceOptions options;
    options.target = (*sink)->endpoints()[0];
    options.message_count = 5;
    options.mode = row.mode;
    const auto source = run_source(options);
    ASSERT_TRUE(source.ok());
    EXPECT_EQ(source->stopped_by.empty(), row.runs) << source->stopped_by;
    EXPECT_EQ(source->counts.accepted, row.runs ? 5u : 0u);
    options.fall_back = true;
    const auto again = run_source(options);
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->counts.accepted, 5u);
    EXPECT_EQ(again->fell_back, !row.runs);
  }
}

}  // namespace
}  // namespace barid::bench
