// Goal: results are replaced as the operator wants, but never a success by a failure or the
// reverse. Method: rows of an outcome and what a table makes of it.
#include "policy/status_filter.h"

#include <gtest/gtest.h>

namespace barid::policy {
namespace {

struct Row {
  std::string_view table;
  Disposition before;
  DsnCode dsn;
  Disposition after;
  std::string_view status;  ///< "x.y.z text" after it
  bool complains = false;
};

TEST(StatusFilter, Rows) {
  using enum Disposition;
  const Row rows[] = {
      {"regexp:{{/^5\\.7\\.1 (.*)/ 4.7.1 $1 later}}",
       kFailed,
       {5, 7, 1},
       kDeferred,
       "4.7.1 said so later"},
      {"regexp:{{/^4/ 5.0.0 enough}}", kDeferred, {4, 2, 0}, kFailed, "5.0.0 enough"},
      {"regexp:{{/^2/ 2.1.5 fine}}", kDelivered, {2, 0, 0}, kDelivered, "2.1.5 fine"},
      {"regexp:{{/^5/ 4.0.0 x}}", kDelivered, {2, 0, 0}, kDelivered, "2.0.0 said so"},
      {"regexp:{{/^5/ 2.0.0 x}}", kFailed, {5, 0, 0}, kFailed, "5.0.0 said so", true},
      {"regexp:{{/^2/ 4.0.0 x}}", kDelivered, {2, 0, 0}, kDelivered, "2.0.0 said so", true},
      {"regexp:{{/^5/ 4.0.0}}", kFailed, {5, 0, 0}, kFailed, "5.0.0 said so", true},
      {"regexp:{{/^5/ 4.0.1000 x}}", kFailed, {5, 0, 0}, kFailed, "5.0.0 said so", true},
      {"regexp:{{/^5/ 3.0.0 x}}", kFailed, {5, 0, 0}, kFailed, "5.0.0 said so", true},
      {"regexp:{{/^5/ 4.0 x}}", kFailed, {5, 0, 0}, kFailed, "5.0.0 said so", true},
      {"nosuch:table", kFailed, {5, 0, 0}, kFailed, "5.0.0 said so", true},
      {"", kFailed, {5, 0, 0}, kFailed, "5.0.0 said so"},
  };
  for (const Row& row : rows) {
    const StatusFilter filter("smtp_delivery_status_filter", row.table, {});
    Outcome outcome{.disposition = row.before, .dsn = row.dsn, .text = "said so"};
    const std::string complaint = filter.apply(outcome);
    EXPECT_EQ(complaint.empty(), !row.complains) << row.table << ": " << complaint;
    EXPECT_EQ(outcome.disposition, row.after) << row.table;
    EXPECT_EQ(outcome.dsn.text() + " " + outcome.text, row.status) << row.table;
  }
}

TEST(StatusFilter, WhatIsInDoubtStaysSo) {
  const StatusFilter filter("x", "regexp:{{/./ 5.0.0 x}}", {});
  Outcome outcome{.disposition = Disposition::kInDoubt, .dsn = {4, 4, 2}, .text = "lost"};
  EXPECT_EQ(filter.apply(outcome), "");
  EXPECT_EQ(outcome.disposition, Disposition::kInDoubt);
}

}  // namespace
}  // namespace barid::policy
