// Goal: the load generator logs in where it is told to, and says so where it cannot. Method: a
// session fed with a server's replies; what it wants to send is read off its output.
#include "bench/source_session.h"

#include <gtest/gtest.h>

#include <array>
#include <optional>

namespace barid::bench {
namespace {

class SourceSessionTest : public ::testing::Test {
 protected:
  SourceSessionTest() : factory_(*MessageFactory::make({})), supply_({.message_count = 1}, {}) {
    context_.factory = &factory_;
    context_.supply = &supply_;
    context_.counts = &counts_;
    context_.latency = &latency_;
    context_.mode = SourceMode::kSequential;
    context_.auth_plain = "AGpvZQBzZWNyZXQ=";
    session_.emplace(context_);
    session_->on_connected({});
  }

  /// What the session answers to `bytes`.
  std::string say(std::string_view bytes) {
    session_->on_bytes(bytes, {});
    std::string out;
    std::array<iovec, 8> vectors;
    while (const size_t count = session_->output().vectors(vectors)) {
      for (size_t i = 0; i < count; ++i) {
        out.append(static_cast<const char*>(vectors[i].iov_base), vectors[i].iov_len);
        session_->output().consume(vectors[i].iov_len);
      }
    }
    return out;
  }

  MessageFactory factory_;
  WorkSupply supply_;
  SourceCounts counts_;
  Histogram latency_;
  SourceContext context_;
  std::optional<SourceSession> session_;
};

TEST_F(SourceSessionTest, LogsInBeforeItsMail) {
  EXPECT_EQ(say("220 x\r\n"), "EHLO source.bench.example\r\n");
  EXPECT_EQ(say("250-x\r\n250 AUTH LOGIN PLAIN\r\n"), "AUTH PLAIN AGpvZQBzZWNyZXQ=\r\n");
  EXPECT_EQ(say("235 2.7.0 ok\r\n"), "MAIL FROM:<sender@bench.example>\r\n");
  EXPECT_EQ(context_.fatal, nullptr);
}

TEST_F(SourceSessionTest, NoLoginIsOffered) {
  (void)say("220 x\r\n");
  EXPECT_EQ(say("250-x\r\n250 AUTH LOGIN\r\n"), "");
  EXPECT_STREQ(context_.fatal, "the target does not offer AUTH PLAIN");
}

TEST_F(SourceSessionTest, TheLoginIsRefused) {
  (void)say("220 x\r\n");
  (void)say("250-x\r\n250 AUTH PLAIN\r\n");
  EXPECT_EQ(say("535 5.7.8 no\r\n"), "");
  EXPECT_STREQ(context_.fatal, "the target refuses the login");
  EXPECT_EQ(counts_.first_refusal, "535 5.7.8 no");
  EXPECT_EQ(session_->phase(), LoadSession::Phase::kClosed);
}

}  // namespace
}  // namespace barid::bench
