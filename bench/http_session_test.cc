// Goal: every email that the load generator counts was answered, whatever pieces answers come in.
// Method: the session against answers written by hand, in whole and byte by byte.
#include "bench/http_session.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "bench/content_hash.h"

namespace barid::bench {
namespace {

class HttpSessionTest : public testing::Test {
 protected:
  void start(uint32_t batch, uint64_t messages, uint32_t retries = 0) {
    supply_ = std::make_unique<WorkSupply>(
        WorkSupply::Options{
            .message_count = messages, .retries_max = retries, .retry_delay = Duration::zero()},
        MonoTime{});
    context_.factory = &factory_;
    context_.supply = supply_.get();
    context_.counts = &counts_;
    context_.latency = &latency_;
    context_.mode = SourceMode::kHttp;
    context_.batch = batch;
    session_ = std::make_unique<HttpSession>(context_);
    session_->on_connected(now_);
  }
  /// Takes what the session wants to send.
  std::string sent() {
    std::string out;
    std::array<iovec, 16> vectors;
    while (!session_->output().empty()) {
      const size_t count = session_->output().vectors(vectors);
      const size_t before = out.size();
      for (size_t i = 0; i < count; ++i) {
        out.append(static_cast<const char*>(vectors[i].iov_base), vectors[i].iov_len);
      }
      session_->output().consume(out.size() - before);
    }
    return out;
  }
  void answer(int status, const std::string& body, const std::string& fields = "") {
    session_->on_bytes("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " +
                           std::to_string(body.size()) + "\r\n" + fields + "\r\n" + body,
                       now_);
  }

  MonoTime now_ = MonoTime{} + std::chrono::seconds(1);
  MessageFactory factory_ = *MessageFactory::make({.run = "t", .recipient = "joe@example.org"});
  SourceCounts counts_;
  Histogram latency_;
  SourceContext context_;
  std::unique_ptr<WorkSupply> supply_;
  std::unique_ptr<HttpSession> session_;
};

TEST_F(HttpSessionTest, RequestsSayHowLongTheyAre) {
  start(3, 5);
  const std::string request = sent();
  const size_t end = request.find("\r\n\r\n");
  ASSERT_NE(end, std::string::npos);
  EXPECT_TRUE(request.starts_with("POST /emails/batch HTTP/1.1\r\n"));
  const std::string length = "content-length: " + std::to_string(request.size() - end - 4) + "\r\n";
  EXPECT_NE(request.find(length), std::string::npos) << request.substr(0, end);
  for (const char* sequence : {"t-0000000000", "t-0000000001", "t-0000000002"}) {
    EXPECT_NE(request.find(sequence), std::string::npos);
  }
  answer(200, "{\"data\":[]}");
  EXPECT_EQ(counts_.accepted, 3u);
  EXPECT_NE(sent().find("t-0000000004"), std::string::npos);  // the rest is a smaller batch
  answer(200, "{\"data\":[]}");
  EXPECT_EQ(counts_.accepted, 5u);
  EXPECT_EQ(latency_.count(), 5u);
  EXPECT_TRUE(session_->idle());
  EXPECT_EQ(context_.in_flight, 0u);
}

TEST_F(HttpSessionTest, AnswersMayComeByteByByte) {
  start(1, 2);
  sent();
  for (const char c : std::string("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"id\":\"x\"}")) {
    EXPECT_EQ(counts_.accepted, 0u);
    session_->on_bytes({&c, 1}, now_);
  }
  EXPECT_EQ(counts_.accepted, 1u);
  EXPECT_TRUE(sent().starts_with("POST /emails HTTP/1.1\r\n"));
}

TEST_F(HttpSessionTest, RefusalsAreCountedByWhatTheyMean) {
  struct Row {
    int status;
    uint64_t temporary, permanent, retried;
    uint32_t retries;
  };
  for (const Row& row :
       {Row{422, 0, 1, 0, 0}, Row{429, 1, 0, 0, 0}, Row{503, 1, 0, 0, 0}, Row{503, 0, 0, 1, 1}}) {
    counts_ = {};
    start(1, 1, row.retries);
    sent();
    answer(row.status, "{\"message\":\"no\"}");
    EXPECT_EQ(counts_.tempfailed, row.temporary) << row.status;
    EXPECT_EQ(counts_.permfailed, row.permanent) << row.status;
    EXPECT_EQ(counts_.retried, row.retried) << row.status;
    EXPECT_EQ(counts_.replies_refusing.at(static_cast<uint16_t>(row.status)), 1u);
    EXPECT_NE(counts_.first_refusal.find("\"no\""), std::string::npos);
  }
}

TEST_F(HttpSessionTest, ConnectionsEndAsTheyShould) {
  start(1, 9);
  sent();
  answer(200, "{}", "connection: close\r\n");
  EXPECT_EQ(counts_.accepted, 1u);
  EXPECT_EQ(session_->phase(), LoadSession::Phase::kClosed);
  session_->on_connected(now_);
  session_->on_disconnect(now_);  // nothing went out
  EXPECT_EQ(counts_.lost, 1u);
  session_->on_connected(now_);
  sent();
  session_->on_disconnect(now_);
  EXPECT_EQ(counts_.in_doubt, 1u);
  session_->on_connected(now_);
  sent();
  session_->on_bytes("220 mx.example ESMTP\r\n\r\n", now_);
  EXPECT_EQ(session_->phase(), LoadSession::Phase::kClosed);
}

TEST(JsonMessages, SayWhatTheMessageSays) {
  const auto factory =
      MessageFactory::make({.run = "t", .recipient_count = 2, .size = {2048, 2048}});
  ASSERT_TRUE(factory.ok());
  std::string json;
  factory->append_json_head(7, json);
  json += factory->tail(7).json;
  EXPECT_TRUE(json.starts_with("{\"to\":[\"r0@d0000.example\",\"r1@d0000.example\"],"));
  std::string body;
  const size_t text = json.find("\"text\":\"") + 8;
  for (size_t at = text; at + 2 < json.size();) {
    const size_t end = json.find("\\n", at);
    ASSERT_NE(end, std::string::npos);
    body += json.substr(at, end - at) + "\r\n";
    at = end + 2;
  }
  EXPECT_EQ(ContentHash::of(body), factory->tail(7).hash);
}

}  // namespace
}  // namespace barid::bench
