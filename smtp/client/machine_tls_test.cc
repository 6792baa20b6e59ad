// Goal: STARTTLS stands between EHLO and the first message, and never less TLS than asked for.
// Method: scripts of replies; the handshake itself is a call.
#include <gtest/gtest.h>

#include "smtp/client/machine_test_util.h"

namespace barid::smtp {
namespace {

ClientOptions with(TlsUse tls) {
  ClientOptions options = Dialogue::default_options();
  options.tls = tls;
  return options;
}

TEST(ClientTls, StarttlsThenEverythingAnew) {
  for (const TlsUse use : {TlsUse::kMay, TlsUse::kMust}) {
    Dialogue d(with(use));
    d.offer();
    EXPECT_EQ(d.open({"PIPELINING", "STARTTLS", "SIZE 100"}), "STARTTLS\n");
    EXPECT_EQ(d.machine.stage(), Stage::kStartTls);
    EXPECT_FALSE(d.machine.wants_handshake());
    EXPECT_FALSE(d.machine.established());
    // What stands behind the 220 came in clear: it is not an answer to anything.
    EXPECT_EQ(d.said("220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n250"), "");
    EXPECT_TRUE(d.machine.wants_handshake());
    d.machine.on_secured();
    EXPECT_EQ(d.sent(), "EHLO client.example\n");
    EXPECT_EQ(d.said("250-mx.example\r\n250 STARTTLS\r\n"), "MAIL FROM:<s@example>\n");
    EXPECT_FALSE(d.machine.capabilities().has(Feature::kPipelining));
    EXPECT_FALSE(d.machine.capabilities().has(Feature::kAuth));
  }
}

TEST(ClientTls, NotOffered) {
  Dialogue may(with(TlsUse::kMay));
  may.offer();
  EXPECT_EQ(may.open(), "MAIL FROM:<s@example>\n");
  Dialogue must(with(TlsUse::kMust));
  must.offer();
  EXPECT_EQ(must.open(), "");
  EXPECT_TRUE(must.machine.closed());
  EXPECT_EQ(must.sink.results, std::vector<std::string>{
                                   "1 r@example deferred 4.7.4 next throttle: TLS is required, but "
                                   "was not offered by host mx.example[192.0.2.1]"});
}

TEST(ClientTls, AnOldServerWithoutEhloOffersNothing) {
  Dialogue must(with(TlsUse::kMust));
  must.offer();
  must.said("220 mx.example\r\n");
  EXPECT_EQ(must.said("500 what\r\n"), "HELO client.example\n");
  EXPECT_EQ(must.said("250 mx.example\r\n"), "");
  EXPECT_TRUE(must.machine.closed());
}

TEST(ClientTls, Refused) {
  Dialogue may(with(TlsUse::kMay));
  may.offer();
  may.open({"STARTTLS"});
  EXPECT_EQ(may.said("454 not now\r\n"), "MAIL FROM:<s@example>\n");
  Dialogue must(with(TlsUse::kMust));
  must.offer();
  must.open({"STARTTLS"});
  EXPECT_EQ(must.said("454 not now\r\n"), "");
  EXPECT_EQ(must.sink.results, std::vector<std::string>{
                                   "1 r@example deferred 4.7.4 next throttle: TLS is required, but "
                                   "host mx.example[192.0.2.1] refused to start TLS: 454 not now"});
}

TEST(ClientTls, HandshakeFails) {
  Dialogue d(with(TlsUse::kMay));
  d.offer();
  d.open({"STARTTLS"});
  d.said("220 go\r\n");
  d.machine.on_tls_failed("Cannot start TLS: handshake failure");
  EXPECT_TRUE(d.machine.closed());
  EXPECT_EQ(d.sink.results, std::vector<std::string>{"1 r@example deferred 4.7.5 next throttle: "
                                                     "Cannot start TLS: handshake failure"});
}

TEST(ClientTls, SecuredBeforeTheGreeting) {
  Dialogue d(with(TlsUse::kSecured));
  d.offer();
  d.machine.on_secured();
  EXPECT_EQ(d.open({"STARTTLS"}), "MAIL FROM:<s@example>\n");
}

TEST(ClientTls, LostOnTheWay) {
  Dialogue d(with(TlsUse::kMay));
  d.offer();
  d.open({"STARTTLS"});
  d.machine.on_lost();
  EXPECT_EQ(d.sink.results, std::vector<std::string>{
                                "1 r@example deferred 4.4.2 next throttle: lost connection with "
                                "mx.example[192.0.2.1] while sending STARTTLS"});
}

}  // namespace
}  // namespace barid::smtp
