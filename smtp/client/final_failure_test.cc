// Goal: mail is bounced only when every server and the configuration leave no doubt.
// Method: rows of how a route ended.
#include "smtp/client/final_failure.h"

#include <gtest/gtest.h>

namespace barid::smtp {
namespace {

Outcome failure(DsnCode dsn, std::string_view text) {
  return Outcome{.disposition = dsn.klass == 5 ? Disposition::kFailed : Disposition::kDeferred,
                 .dsn = dsn,
                 .text = std::string(text),
                 .relay = "none"};
}

TEST(FinalFailure, Rows) {
  struct Case {
    DsnCode last;
    bool soft_seen, at_fallback, is_relayhost;
    DsnCode dsn;
    std::string_view warning;
  };
  const Case cases[] = {
      {{5, 4, 4}, false, false, false, {5, 4, 4}, ""},
      {{5, 4, 4}, true, false, false, {4, 4, 4}, ""},
      {{4, 4, 1}, true, false, false, {4, 4, 1}, ""},
      {{4, 4, 3}, false, false, true, {4, 4, 3}, ""},
      {{5, 4, 4}, false, false, true, {4, 3, 5}, "relayhost configuration problem"},
      {{5, 4, 6}, true, false, true, {4, 3, 5}, "relayhost configuration problem"},
      {{5, 4, 4}, false, true, false, {4, 3, 5}, "smtp_fallback_relay configuration problem"},
      {{5, 4, 4}, true, true, true, {4, 3, 5}, "smtp_fallback_relay configuration problem"},
      {{4, 4, 1}, false, true, true, {4, 4, 1}, ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.last.text() + (c.soft_seen ? " soft" : "") + (c.at_fallback ? " fallback" : "") +
                 (c.is_relayhost ? " relayhost" : ""));
    const FinalFailure result = final_failure({.last = failure(c.last, "why"),
                                               .soft_seen = c.soft_seen,
                                               .at_fallback = c.at_fallback,
                                               .is_relayhost = c.is_relayhost});
    EXPECT_EQ(result.outcome.dsn, c.dsn) << result.outcome.dsn.text();
    EXPECT_EQ(result.outcome.disposition,
              c.dsn.klass == 5 ? Disposition::kFailed : Disposition::kDeferred);
    EXPECT_EQ(result.outcome.text, "why");
    EXPECT_EQ(result.warning, c.warning);
  }
}

TEST(FinalFailure, OwnWordAgainstAnUnavailableServer) {
  const Outcome greylisted = failure({4, 2, 0}, "come back");
  const Outcome no_utf8 = failure({5, 6, 7}, "SMTPUTF8 is required");
  const Outcome unavailable = failure({4, 4, 1}, "connect: refused");
  const Outcome unknown = failure({5, 4, 4}, "no such host");
  EXPECT_EQ(final_word(greylisted, unavailable).text, "come back");
  EXPECT_EQ(final_word(greylisted, unknown).text, "come back");
  EXPECT_EQ(final_word(no_utf8, unavailable).text, "connect: refused");
  EXPECT_EQ(final_word(no_utf8, unknown).text, "SMTPUTF8 is required");
}

}  // namespace
}  // namespace barid::smtp
