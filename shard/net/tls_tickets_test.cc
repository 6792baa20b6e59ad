// Goal: a ticket key seals for its lifetime, opens for two, and is then forgotten.
// Method: a wall clock that the test moves.
#include "shard/net/tls_tickets.h"

#include <gtest/gtest.h>

namespace barid::net {
namespace {

using namespace std::chrono_literals;

TEST(TlsTickets, KeysSealForOneLifetimeAndOpenForTwo) {
  TlsTicketKeys keys(1h);
  const WallTime start{};
  const TlsTicketKey first = keys.sealing(start);
  EXPECT_EQ(keys.sealing(start + 59min).name, first.name);
  const TlsTicketKey second = keys.sealing(start + 61min);
  EXPECT_NE(second.name, first.name);
  EXPECT_NE(second.cipher_key, first.cipher_key);

  const auto old = keys.opening(first.name.data(), start + 100min);
  ASSERT_TRUE(old.has_value());
  EXPECT_TRUE(old->renew);
  EXPECT_EQ(old->key.mac_key, first.mac_key);
  const auto present = keys.opening(second.name.data(), start + 100min);
  ASSERT_TRUE(present.has_value());
  EXPECT_FALSE(present->renew);

  EXPECT_FALSE(keys.opening(first.name.data(), start + 121min).has_value());
}

TEST(TlsTickets, AfterALongPauseNothingOldOpens) {
  TlsTicketKeys keys(1h);
  const WallTime start{};
  const TlsTicketKey first = keys.sealing(start);
  EXPECT_FALSE(keys.opening(first.name.data(), start + 3h).has_value());
}

TEST(TlsTickets, AClockSetBackRotatesToo) {
  TlsTicketKeys keys(1h);
  const WallTime start = WallTime{} + 100h;
  const TlsTicketKey first = keys.sealing(start);
  EXPECT_NE(keys.sealing(start - 2h).name, first.name);
}

TEST(TlsTickets, AnUnknownNameOpensNothing) {
  TlsTicketKeys keys(1h);
  const std::array<unsigned char, 16> name{};
  EXPECT_FALSE(keys.opening(name.data(), WallTime{}).has_value());
}

}  // namespace
}  // namespace barid::net
