// Goal: pipelining within and across messages: what is in which write, what waits for what, and how
// everybody in the pipe is classified when it breaks. Method: scripts and rows.
#include <gtest/gtest.h>

#include "smtp/client/machine_test_util.h"

namespace barid::smtp {
namespace {

const std::string kEnvelope = "MAIL FROM:<s@example>\nRCPT TO:<r@example>\n";
const std::string kBody = "Subject: x\n\nbody\n";
const std::string kChunk = "BDAT 20 LAST\n" + kBody;

TEST(PipelineData, NextEnvelopeRidesBehindTheDot) {
  Dialogue d;
  d.offer();
  d.offer();
  d.offer();
  EXPECT_EQ(d.open({"PIPELINING"}), kEnvelope + "DATA\n");
  EXPECT_EQ(d.said("250 m\r\n250 r\r\n"), "");
  EXPECT_EQ(d.said("354 go\r\n"), kBody + ".\n" + kEnvelope + "DATA\n");
  EXPECT_EQ(d.said("250 one\r\n250 m\r\n250 r\r\n354 go\r\n"),
            kBody + ".\n" + kEnvelope + "DATA\n");
  d.machine.quit();
  EXPECT_EQ(d.said("250 two\r\n250 m\r\n250 r\r\n354 go\r\n"), kBody + ".\nQUIT\n");
  d.said("250 three\r\n221 bye\r\n");
  EXPECT_TRUE(d.machine.closed());
  EXPECT_EQ(d.sink.results, (std::vector<std::string>{"1 r@example delivered 2.0.0: 250 one",
                                                      "2 r@example delivered 2.0.0: 250 two",
                                                      "3 r@example delivered 2.0.0: 250 three"}));
  EXPECT_EQ(d.sink.done, (std::vector<uint64_t>{1, 2, 3}));
}

TEST(PipelineData, LoneDotWhenAllRecipientsWereRefused) {
  Dialogue d;
  d.offer();
  d.offer();
  d.open({"PIPELINING"});
  EXPECT_EQ(d.said("250 m\r\n550 no\r\n354 go\r\n"), ".\n" + kEnvelope + "DATA\n");
  d.said("554 no valid recipients\r\n250 m\r\n250 r\r\n354 go\r\n");
  d.said("250 ok\r\n");
  EXPECT_EQ(d.sink.results, (std::vector<std::string>{
                                "1 r@example failed 5.0.0: host mx.example[192.0.2.1] said: 550 no "
                                "(in reply to RCPT TO command)",
                                "2 r@example delivered 2.0.0: 250 ok"}));
  EXPECT_TRUE(d.machine.reusable());
}

TEST(PipelineData, RefusalsBehindARefusedMailAreIgnored) {
  Dialogue d;
  d.offer();
  d.offer();
  d.open({"PIPELINING"});
  EXPECT_EQ(d.said("550 5.1.8 s\r\n503 m\r\n"), "");
  EXPECT_EQ(d.said("503 d\r\n"), "RSET\n" + kEnvelope + "DATA\n");
  EXPECT_EQ(d.sink.results.size(), 1u);
  EXPECT_TRUE(d.machine.can_offer()) << "503s that we caused are no protocol trouble";
}

TEST(PipelineData, ManyRecipientsPassThroughTheBoundedBuffer) {
  std::vector<std::string> recipients;
  for (int i = 0; i < 500; ++i)
    recipients.push_back("recipient-number-" + std::to_string(i) + "@x");
  Dialogue d;
  d.offer(recipients);
  const std::string wire = d.open({"PIPELINING"});
  EXPECT_EQ(std::count(wire.begin(), wire.end(), '\n'), 502);
  std::string replies = "250 m\r\n";
  for (int i = 0; i < 500; ++i) replies += "250 r\r\n";
  d.said(replies + "354 go\r\n");
  d.said("250 ok\r\n");
  EXPECT_EQ(d.sink.results.size(), 500u);
}

TEST(PipelineBdat, ManyMessagesInOneFlight) {
  ClientOptions options = Dialogue::default_options();
  options.pipeline_messages_limit = 3;
  Dialogue d(options);
  for (int i = 0; i < 3; ++i) d.offer();
  EXPECT_FALSE(d.machine.can_offer());
  EXPECT_EQ(d.open({"PIPELINING", "CHUNKING"}),
            kEnvelope + kChunk + "RSET\n" + kEnvelope + kChunk + "RSET\n" + kEnvelope + kChunk);
  d.said("250 m\r\n250 r\r\n250 one\r\n250 rset\r\n250 m\r\n250 r\r\n250 two\r\n");
  EXPECT_TRUE(d.machine.can_offer());
  d.said("250 rset\r\n250 m\r\n250 r\r\n250 three\r\n");
  EXPECT_EQ(d.sink.done, (std::vector<uint64_t>{1, 2, 3}));
  d.offer();
  EXPECT_EQ(d.sent(), kEnvelope + kChunk) << "nothing unanswered, nothing failed: no RSET";
}

TEST(PipelineBdat, WithoutPipeliningOneCommandAtATime) {
  Dialogue d;
  d.offer();
  d.offer();
  EXPECT_EQ(d.open({"CHUNKING"}), "MAIL FROM:<s@example>\n");
  EXPECT_EQ(d.said("250 m\r\n"), "RCPT TO:<r@example>\n");
  EXPECT_EQ(d.said("250 r\r\n"), kChunk);
  EXPECT_EQ(d.said("250 ok\r\n"), "MAIL FROM:<s@example>\n");
}

TEST(PipelineBdat, BodyIsExact) {
  Dialogue d;
  d.offer({"r@example"}, {"a\r\n.\r\n", "b\n.\nc", "", ".\r"});
  const std::string wire = d.open({"PIPELINING", "CHUNKING"});
  EXPECT_EQ(wire, kEnvelope + "BDAT 13 LAST\na\n.\nb\n.\nc.");
}

TEST(PipelineBdat, BytesInFlightAreBounded) {
  ClientOptions options = Dialogue::default_options();
  options.pipeline_bytes_limit = 45;
  Dialogue d(options);
  for (int i = 0; i < 3; ++i) d.offer();
  EXPECT_EQ(d.open({"PIPELINING", "CHUNKING"}), kEnvelope + kChunk + "RSET\n" + kEnvelope + kChunk);
  EXPECT_EQ(d.said("250 m\r\n250 r\r\n"), "");
  EXPECT_EQ(d.said("250 one\r\n"), "RSET\n" + kEnvelope + kChunk);
}

TEST(PipelineBdat, LargeContentWaitsForItsRecipients) {
  ClientOptions options = Dialogue::default_options();
  options.speculative_bytes_max = 19;
  Dialogue d(options);
  d.offer();
  d.offer();
  EXPECT_EQ(d.open({"PIPELINING", "CHUNKING"}), kEnvelope);
  EXPECT_EQ(d.said("250 m\r\n550 no\r\n"), "RSET\n" + kEnvelope);
  EXPECT_EQ(d.said("250 rset\r\n250 m\r\n250 r\r\n"), kChunk);
}

TEST(PipelineBdat, AFailedMessageDoesNotSpoilTheNext) {
  Dialogue d;
  d.offer();
  d.offer();
  d.open({"PIPELINING", "CHUNKING"});
  d.said("250 m\r\n550 5.1.1 r\r\n554 no recipients\r\n250 rset\r\n250 m\r\n250 r\r\n250 two\r\n");
  EXPECT_EQ(d.sink.results, (std::vector<std::string>{
                                "1 r@example failed 5.1.1: host mx.example[192.0.2.1] said: 550 "
                                "5.1.1 r (in reply to RCPT TO command)",
                                "2 r@example delivered 2.0.0: 250 two"}));
  d.offer();
  EXPECT_EQ(d.sent().substr(0, 5), "RSET\n");
}

TEST(PipelineBdat, RefusalWhileTheChunkIsStillGoingOut) {
  Dialogue d;
  d.open({"PIPELINING", "CHUNKING"});
  d.offer({"r@example"}, std::vector<std::string>(200, "line\r\n"));
  ASSERT_FALSE(d.machine.output().empty());
  d.machine.on_bytes("250 m\r\n250 r\r\n552 5.3.4 too big\r\n");
  ASSERT_EQ(d.sink.results.size(), 1u);
  EXPECT_TRUE(d.sink.done.empty());
  const std::string wire = d.sent();
  EXPECT_EQ(std::count(wire.begin(), wire.end(), '\n'), 203) << "the octets promised are sent";
  EXPECT_EQ(d.sink.done, std::vector<uint64_t>{1});
  EXPECT_TRUE(d.machine.reusable());
}

// Three messages in flight; how far the writes came and what the server said decides each one.
TEST(PipelineBdat, WhoWasAttemptedWhenItBreaks) {
  const size_t one = kEnvelope.size() + kChunk.size() + 6;  // CRs of 6 lines, see below
  struct Case {
    std::string_view name;
    size_t written;
    std::string_view replies;
    bool timeout;
    std::vector<std::string> fates;
  };
  const std::string first = "250 m\r\n250 r\r\n250 one\r\n";
  const Case cases[] = {
      {"nothing answered, all written", SIZE_MAX, "", false, {"in-doubt", "in-doubt", "in-doubt"}},
      {"nothing answered, first written",
       one + 1,
       "",
       false,
       {"in-doubt", "not-attempted", "not-attempted"}},
      {"nothing answered, first cut",
       one - 10,
       "",
       false,
       {"deferred", "not-attempted", "not-attempted"}},
      {"nothing written", 0, "", false, {"deferred", "not-attempted", "not-attempted"}},
      {"first done, all written", SIZE_MAX, first, false, {"delivered", "in-doubt", "in-doubt"}},
      {"first done, rest cut",
       one + 20,
       first,
       true,
       {"delivered", "not-attempted", "not-attempted"}},
      {"second's MAIL answered, body cut",
       one + 20,
       "250 m\r\n250 r\r\n250 one\r\n250 x\r\n250 m\r\n",
       true,
       {"delivered", "deferred", "not-attempted"}},
      {"421 for the first, all written",
       SIZE_MAX,
       "250 m\r\n250 r\r\n421 4.3.2 down\r\n",
       false,
       {"deferred", "in-doubt", "in-doubt"}},
      {"421 for the first, then answers",
       SIZE_MAX,
       "250 m\r\n250 r\r\n421 4.3.2 a\r\n421 b\r\n421 c\r\n421 d\r\n421 e\r\n",
       false,
       {"deferred", "not-attempted", "in-doubt"}},
      {"421 at the first MAIL, all written",
       SIZE_MAX,
       "421 4.7.0 no\r\n",
       false,
       {"deferred", "in-doubt", "in-doubt"}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Dialogue d;
    for (int i = 0; i < 3; ++i) d.offer();
    d.said("220 mx.example\r\n");
    d.machine.on_bytes("250-mx.example\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
    d.sent(c.written);
    d.machine.on_bytes(c.replies);
    if (c.timeout)
      d.machine.on_timeout();
    else
      d.machine.on_lost();
    ASSERT_EQ(d.sink.results.size(), 3u);
    for (size_t i = 0; i < 3; ++i) {
      const std::string& line = d.sink.results[i];
      const std::string start = std::to_string(i + 1) + " r@example ";
      EXPECT_EQ(line.substr(0, start.size() + c.fates[i].size() + 1), start + c.fates[i] + " ")
          << line;
    }
    EXPECT_EQ(d.sink.done, (std::vector<uint64_t>{1, 2, 3}));
  }
}

TEST(PipelineData, WhoWasAttemptedWhenItBreaks) {
  struct Case {
    std::string_view name;
    std::string_view replies;  // behind the first message's dot and the second's envelope
    std::vector<std::string> fates;
  };
  const Case cases[] = {
      {"lost at once", "", {"in-doubt", "not-attempted", "not-attempted"}},
      {"first done", "250 one\r\n", {"delivered", "not-attempted", "not-attempted"}},
      {"second begun", "250 one\r\n250 m\r\n", {"delivered", "deferred", "not-attempted"}},
      {"second at DATA",
       "250 one\r\n250 m\r\n250 r\r\n",
       {"delivered", "deferred", "not-attempted"}},
      {"421 at the dot", "421 down\r\n", {"deferred", "not-attempted", "not-attempted"}},
      {"421 at the second MAIL",
       "250 one\r\n421 enough\r\n",
       {"delivered", "not-attempted", "not-attempted"}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Dialogue d;
    for (int i = 0; i < 3; ++i) d.offer();
    d.open({"PIPELINING"});
    d.said("250 m\r\n250 r\r\n354 go\r\n");
    d.said(c.replies);
    d.machine.on_lost();
    ASSERT_EQ(d.sink.results.size(), 3u);
    for (size_t i = 0; i < 3; ++i) {
      const std::string& line = d.sink.results[i];
      const std::string start = std::to_string(i + 1) + " r@example ";
      EXPECT_EQ(line.substr(0, start.size() + c.fates[i].size() + 1), start + c.fates[i] + " ")
          << line;
    }
  }
}

TEST(Pipeline, RepliesByteByByteMeanTheSame) {
  const std::string_view stream =
      "250 m\r\n550-5.1.1 no\r\n550 5.1.1 r\r\n554 no recipients\r\n250 rset\r\n250 m\r\n250 r\r\n"
      "250 2.0.0 two\r\n250 rset\r\n451 4.1.8 s\r\n503 r\r\n503 b\r\n421 4.3.2 bye\r\n";
  const auto run = [&](size_t chunk_bytes) {
    Dialogue d;
    for (int i = 0; i < 5; ++i) d.offer();
    d.open({"PIPELINING", "CHUNKING"});
    for (size_t at = 0; at < stream.size(); at += chunk_bytes) {
      d.machine.on_bytes(stream.substr(at, chunk_bytes));
    }
    d.machine.on_lost();
    EXPECT_EQ(d.sink.results.size(), 5u);
    return d.sink.results;
  };
  const std::vector<std::string> whole = run(stream.size());
  for (size_t chunk_bytes = 1; chunk_bytes < 40; ++chunk_bytes) EXPECT_EQ(run(chunk_bytes), whole);
}

TEST(Pipeline, OutputStaysPutDuringAWrite) {
  Dialogue d;
  d.open({"PIPELINING"});
  d.offer();
  const auto first = d.machine.output();
  ASSERT_EQ(first.size(), 1u);
  const std::string before(static_cast<const char*>(first[0].iov_base), first[0].iov_len);
  d.offer();
  d.machine.on_bytes("550 m\r\n503 r\r\n503 d\r\n");  // plans RSET and the next envelope
  const auto second = d.machine.output();
  ASSERT_EQ(second.data(), first.data());
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(std::string(static_cast<const char*>(second[0].iov_base), second[0].iov_len), before);
  d.machine.on_written(before.size());
  EXPECT_EQ(d.sent(), "RSET\n" + kEnvelope + "DATA\n");
}

TEST(Pipeline, CancelResolvesEverything) {
  Dialogue d;
  for (int i = 0; i < 2; ++i) d.offer();
  d.open({"PIPELINING"});
  d.said("250 m\r\n250 r\r\n354 go\r\n");
  d.machine.on_cancel();
  ASSERT_EQ(d.sink.results.size(), 2u);
  EXPECT_EQ(d.sink.results[0].substr(0, 26), "1 r@example in-doubt 4.4.2");
  EXPECT_EQ(d.sink.results[1].substr(0, 25), "2 r@example not-attempted");
  EXPECT_EQ(d.machine.unfinished_count(), 0u);
}

}  // namespace
}  // namespace barid::smtp
