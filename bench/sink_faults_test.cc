// Goal: a sink refuses whom it is told to refuse. Method: rows of scripts and recipients.
#include "bench/sink_faults.h"

#include <gtest/gtest.h>

namespace barid::bench {
namespace {

using namespace std::chrono_literals;

TEST(SinkFaults, PatternsOfRecipients) {
  FaultScript script;
  script.permfail_pattern = "bad*@*";
  script.tempfail_pattern = "*@later.example";
  FaultDecider decider(script, 1);
  struct Row {
    const char* recipient;
    Verdict verdict;
  };
  for (const Row& row :
       {Row{"bad@x.example", Verdict::kPermfail}, Row{"BADLY@later.example", Verdict::kPermfail},
        Row{"a@Later.example", Verdict::kTempfail}, Row{"a@x.example", Verdict::kAccept}}) {
    EXPECT_EQ(decider.decide_recipient("s@x", row.recipient, MonoTime{}), row.verdict)
        << row.recipient;
  }
}

TEST(SinkFaults, GreylistWaitsForEachPair) {
  FaultScript script;
  script.greylist = 10s;
  FaultDecider decider(script, 1);
  const MonoTime start{};
  EXPECT_EQ(decider.decide_recipient("s@x", "r@x", start), Verdict::kGreylist);
  EXPECT_EQ(decider.decide_recipient("s@x", "r@x", start + 9s), Verdict::kGreylist);
  EXPECT_EQ(decider.decide_recipient("t@x", "r@x", start + 11s), Verdict::kGreylist);
  EXPECT_EQ(decider.decide_recipient("s@x", "r@x", start + 11s), Verdict::kAccept);
}

TEST(SinkFaults, FractionsStrikeTheirStageOnly) {
  for (const Stage stage : {Stage::kConnect, Stage::kHelo, Stage::kMail, Stage::kRcpt, Stage::kData,
                            Stage::kDot, Stage::kReply}) {
    FaultScript script;
    script.drop_fraction = 1;
    script.drop_stage = stage;
    FaultDecider decider(script, 1);
    for (const Stage asked : {Stage::kConnect, Stage::kHelo, Stage::kMail, Stage::kRcpt,
                              Stage::kData, Stage::kDot, Stage::kReply}) {
      EXPECT_EQ(decider.decide(asked), asked == stage ? Verdict::kDrop : Verdict::kAccept);
    }
  }
  FaultScript half;
  half.tempfail_fraction = 0.5;
  FaultDecider decider(half, 1);
  int refused = 0;
  for (int i = 0; i < 10'000; ++i) refused += decider.decide(Stage::kDot) == Verdict::kTempfail;
  EXPECT_NEAR(refused, 5000, 300);
}

}  // namespace
}  // namespace barid::bench
