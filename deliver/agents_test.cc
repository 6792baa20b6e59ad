// Goal: the text after `error:`, `retry:` and `discard:` decides the outcome as Postfix's does.
// Method: rows.
#include "deliver/agents.h"

#include <gtest/gtest.h>

namespace barid {
namespace {

struct Case {
  std::string_view next_hop;
  DsnCode dsn;
  std::string_view text;
};

void check(Outcome (*agent)(std::string_view), Disposition disposition,
           std::initializer_list<Case> cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.next_hop);
    const Outcome outcome = agent(c.next_hop);
    EXPECT_EQ(outcome.disposition, disposition);
    EXPECT_EQ(outcome.dsn, c.dsn) << outcome.dsn.text();
    EXPECT_EQ(outcome.text, c.text);
    EXPECT_EQ(outcome.relay, "none");
    EXPECT_EQ(outcome.remote_mta, "");
    EXPECT_EQ(outcome.diagnostic, "");
  }
}

TEST(Agents, ErrorFails) {
  check(error_outcome, Disposition::kFailed,
        {{"no such domain", {5, 0, 0}, "no such domain"},
         {"5.1.2 no such domain", {5, 1, 2}, "no such domain"},
         {"  5.7.999   closed  ", {5, 7, 999}, "closed"},
         {"4.2.1 try later", {5, 0, 0}, "try later"},
         {"5.1 two parts", {5, 0, 0}, "5.1 two parts"},
         {"5.1.2.3 four parts", {5, 0, 0}, "5.1.2.3 four parts"},
         {"5.1.1000 too big", {5, 0, 0}, "5.1.1000 too big"},
         {"5.70000.1 too big", {5, 0, 0}, "5.70000.1 too big"},
         {"3.1.1 no class", {5, 0, 0}, "3.1.1 no class"},
         {"5.1.2", {5, 1, 2}, "mail to this address is refused"},
         {"", {5, 0, 0}, "mail to this address is refused"}});
}

TEST(Agents, RetryDefers) {
  check(retry_outcome, Disposition::kDeferred,
        {{"4.3.2 deferred transport", {4, 3, 2}, "deferred transport"},
         {"later", {4, 0, 0}, "later"},
         {"5.1.1 wrong class", {4, 0, 0}, "wrong class"},
         {"", {4, 0, 0}, "mail to this address is deferred"}});
}

TEST(Agents, DiscardDelivers) {
  check(discard_outcome, Disposition::kDelivered,
        {{"spam trap", {2, 0, 0}, "spam trap"},
         {"2.1.5 spam trap", {2, 1, 5}, "spam trap"},
         {"", {2, 0, 0}, "discarded"}});
}

}  // namespace
}  // namespace barid
