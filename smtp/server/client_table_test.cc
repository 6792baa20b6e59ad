// Goal: connections and events are counted per client and window, and forgotten in time.
// Method: a made-up clock.
#include "smtp/server/client_table.h"

#include <gtest/gtest.h>

namespace barid::smtp {
namespace {

using namespace std::chrono_literals;
constexpr MonoTime kStart = MonoTime(1000s);
constexpr auto kMessage = ClientEvent::kMessage;

TEST(ClientTable, ConnectionsComeAndGo) {
  ClientTable table;
  EXPECT_EQ(table.enter("a"), 1u);
  EXPECT_EQ(table.enter("a"), 2u);
  EXPECT_EQ(table.enter("b"), 1u);
  table.leave("a");
  EXPECT_EQ(table.enter("a"), 2u);
  for (int i = 0; i < 4; ++i) table.leave("a");  // more often than it came
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(table.enter("a"), 1u);
}

TEST(ClientTable, WindowsBeginWithTheirFirstEvent) {
  ClientTable table;
  EXPECT_EQ(table.count("a", kMessage, kStart, 60s), 1u);
  EXPECT_EQ(table.count("a", kMessage, kStart + 59s, 60s), 2u);
  EXPECT_EQ(table.count("a", ClientEvent::kRecipient, kStart + 59s, 60s), 1u);
  EXPECT_EQ(table.count("b", kMessage, kStart + 59s, 60s), 1u);
  EXPECT_EQ(table.count("a", kMessage, kStart + 60s, 60s), 1u);
  EXPECT_EQ(table.count("b", kMessage, kStart + 60s, 60s), 2u);
  EXPECT_EQ(table.rate("b", kMessage, kStart + 61s), 2u);
  EXPECT_EQ(table.rate("b", ClientEvent::kTlsSession, kStart + 61s), 0u);
  EXPECT_EQ(table.rate("b", kMessage, kStart + 600s), 0u);
  EXPECT_EQ(table.rate("nobody", kMessage, kStart), 0u);
  EXPECT_EQ(table.count("a", ClientEvent::kRecipient, kStart + 61s, 60s), 1u);
}

TEST(ClientTable, IdleClientsAreForgottenConnectedOnesAreNot) {
  ClientTable table;
  table.enter("connected");
  table.count("connected", kMessage, kStart, 60s);
  table.enter("left");
  table.count("left", kMessage, kStart, 60s);
  table.leave("left");
  EXPECT_EQ(table.size(), 2u);  // its rate still counts
  table.count("new", kMessage, kStart + 60s, 60s);
  EXPECT_EQ(table.size(), 2u);
  table.leave("connected");
  EXPECT_EQ(table.enter("connected"), 1u);
}

TEST(ClientTable, IsBounded) {
  ClientTable table;
  for (size_t i = 0; i < ClientTable::kClientsMax; ++i) table.enter(std::to_string(i));
  EXPECT_EQ(table.enter("one more"), 0u);
  EXPECT_EQ(table.count("one more", kMessage, kStart, 60s), 0u);
  table.leave("one more");
  EXPECT_EQ(table.enter("7"), 2u);
  EXPECT_EQ(table.size(), ClientTable::kClientsMax);
}

}  // namespace
}  // namespace barid::smtp
