// Goal: the ledger calls every way of going wrong by its name.
// Method: one history per row, and what the balance must say about it.
#include "shard/sim/ledger.h"

#include <gtest/gtest.h>

#include <functional>

namespace barid::sim {
namespace {

TEST(Ledger, Histories) {
  struct Case {
    const char* name;
    std::function<void(Ledger&)> history;
    Ledger::Balance expected;
  };
  const auto promise = [](Ledger& l) {
    l.offered("t", "r", 7);
    l.accepted("t", "r");
  };
  const Case kCases[] = {
      {"delivered", [&](Ledger& l) { promise(l), l.delivered("t", "r", 7, "Q"); }, {.promised = 1}},
      {"noticed", [&](Ledger& l) { promise(l), l.noticed("t", "r"); }, {.promised = 1}},
      {"still queued", [&](Ledger& l) { promise(l), l.queued("t", "r"); }, {.promised = 1}},
      {"discarded", [&](Ledger& l) { promise(l), l.discarded("t", "r"); }, {.promised = 1}},
      {"lost", [&](Ledger& l) { promise(l); }, {.promised = 1, .lost = 1}},
      {"never promised", [](Ledger& l) { l.offered("t", "r", 7); }, {}},
      {"delivered without promise",
       [](Ledger& l) { l.offered("t", "r", 7), l.delivered("t", "r", 7, "Q"); },
       {}},
      {"unexpected", [](Ledger& l) { l.delivered("t", "r", 7, "Q"); }, {.unexpected = 1}},
      {"other recipient lost",
       [&](Ledger& l) { promise(l), l.offered("t", "s", 7), l.delivered("t", "s", 7, "Q"); },
       {.promised = 1, .lost = 1}},
      {"corrupt",
       [&](Ledger& l) { promise(l), l.delivered("t", "r", 8, "Q"); },
       {.promised = 1, .corrupt = 1}},
      {"duplicate",
       [&](Ledger& l) { promise(l), l.delivered("t", "r", 7, "Q"), l.delivered("t", "r", 7, "Q"); },
       {.promised = 1, .duplicates = 1, .unlawful_duplicates = 1}},
      {"duplicate after a lost answer",
       [&](Ledger& l) {
         promise(l), l.delivered("t", "r", 7, "Q"), l.answer_lost("t", "r"),
             l.delivered("t", "r", 7, "Q");
       },
       {.promised = 1, .duplicates = 1}},
      {"two duplicates, one excuse",
       [&](Ledger& l) {
         promise(l), l.answer_lost("t", "r");
         for (int i = 0; i < 3; ++i) l.delivered("t", "r", 7, "Q");
       },
       {.promised = 1, .duplicates = 2, .unlawful_duplicates = 1}},
      {"crash after delivery",
       [&](Ledger& l) {
         promise(l), l.delivered("t", "r", 7, "Q"), l.sender_crashed({"P", "Q"}),
             l.delivered("t", "r", 7, "Q");
       },
       {.promised = 1, .duplicates = 1}},
      {"a crash that left no mark excuses nothing",
       [&](Ledger& l) {
         promise(l), l.delivered("t", "r", 7, "Q"), l.sender_crashed({"P"}),
             l.delivered("t", "r", 7, "Q");
       },
       {.promised = 1, .duplicates = 1, .unlawful_duplicates = 1}},
      {"an answer lost with its sender excuses nothing",
       [&](Ledger& l) {
         promise(l), l.delivered("t", "r", 7, "Q"), l.sender_crashed({}), l.answer_lost("t", "r"),
             l.delivered("t", "r", 7, "Q");
       },
       {.promised = 1, .duplicates = 1, .unlawful_duplicates = 1}},
      {"crash before delivery excuses nothing",
       [&](Ledger& l) {
         promise(l), l.sender_crashed({"P", "Q"}), l.delivered("t", "r", 7, "Q"),
             l.delivered("t", "r", 7, "Q");
       },
       {.promised = 1, .duplicates = 1, .unlawful_duplicates = 1}},
      {"delivered and noticed",
       [&](Ledger& l) { promise(l), l.delivered("t", "r", 7, "Q"), l.noticed("t", "r"); },
       {.promised = 1, .contradictory = 1}},
      {"delivered in doubt, then noticed",
       [&](Ledger& l) {
         promise(l), l.delivered("t", "r", 7, "Q"), l.answer_lost("t", "r"), l.noticed("t", "r");
       },
       {.promised = 1}},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    Ledger ledger;
    c.history(ledger);
    EXPECT_EQ(ledger.balance().text(), c.expected.text());
  }
}

}  // namespace
}  // namespace barid::sim
