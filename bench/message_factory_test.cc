// Goal: messages have the size asked for, a true hash, fixed-length heads and lawful lines.
#include "bench/message_factory.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "bench/content_hash.h"

namespace barid::bench {
namespace {

TEST(SizeRange, Grammar) {
  struct Row {
    std::string_view in;
    Code error;
    uint64_t min;
    uint64_t max;
  };
  for (const Row& row :
       {Row{"5000", Code::kOk, 5000, 5000}, Row{"5k", Code::kOk, 5120, 5120},
        Row{"1k-20K", Code::kOk, 1024, 20480}, Row{"2M", Code::kOk, 2097152, 2097152},
        Row{"256M", Code::kOk, 268435456, 268435456}, Row{"257M", Code::kTooLong, 0, 0},
        Row{"99999999999999999999", Code::kMalformed, 0, 0}, Row{"", Code::kMalformed, 0, 0},
        Row{"0", Code::kMalformed, 0, 0}, Row{"k", Code::kMalformed, 0, 0},
        Row{"5g", Code::kMalformed, 0, 0}, Row{"5k-", Code::kMalformed, 0, 0},
        Row{"20k-1k", Code::kMalformed, 0, 0}, Row{"-5", Code::kMalformed, 0, 0}}) {
    SCOPED_TRACE(row.in);
    const auto got = parse_size_range(row.in);
    ASSERT_EQ(got.ok(), row.error == Code::kOk);
    if (!got.ok()) {
      EXPECT_EQ(got.error().code, row.error);
      continue;
    }
    EXPECT_EQ(got->bytes_min, row.min);
    EXPECT_EQ(got->bytes_max, row.max);
  }
}

TEST(SizeMix, Grammar) {
  const auto one = parse_size_mix("5k");
  ASSERT_TRUE(one.ok());
  ASSERT_EQ(one->parts.size(), 1u);
  EXPECT_EQ(one->whole.bytes_max, 5120u);
  const auto mix = parse_size_mix("2k*70,20k-40k*25,1M*5");
  ASSERT_TRUE(mix.ok());
  ASSERT_EQ(mix->parts.size(), 3u);
  EXPECT_EQ(mix->parts[1].range.bytes_min, 20u * 1024);
  EXPECT_EQ(mix->parts[1].weight, 25u);
  EXPECT_EQ(mix->whole.bytes_min, 2048u);
  EXPECT_EQ(mix->whole.bytes_max, 1u << 20);
  for (const std::string_view bad :
       {"", "2k*", "2k*0", "2k*1001", "2k*x", "2k*1x", ",2k", "2k,,3k"}) {
    EXPECT_FALSE(parse_size_mix(bad).ok()) << bad;
  }
}

TEST(MessageFactory, SizesFollowTheirWeights) {
  MessageShape shape;
  shape.size_parts = parse_size_mix("2k*3,20k*1")->parts;
  const auto factory = MessageFactory::make(shape);
  ASSERT_TRUE(factory.ok());
  int small = 0;
  int large = 0;
  for (uint64_t i = 0; i < 12'800; ++i) {
    const uint64_t bytes = factory->message_bytes(i);
    small += bytes == 2048 ? 1 : 0;
    large += bytes == 20'480 ? 1 : 0;
  }
  EXPECT_EQ(small, 9600);
  EXPECT_EQ(large, 3200);
}

TEST(MessageFactory, DomainsFollowZipf) {
  MessageShape shape;
  shape.domain_count = 1000;
  shape.domain_spread = DomainSpread::kZipf;
  const auto factory = MessageFactory::make(shape);
  ASSERT_TRUE(factory.ok());
  std::map<std::string, int> counts;
  for (uint64_t i = 0; i < 70'000; ++i) {
    std::string recipient;
    factory->append_recipient(i, 0, recipient);
    ++counts[recipient];
  }
  EXPECT_EQ(counts.size(), 1000u);
  const int first = counts["r0@d0000.example"];
  EXPECT_NEAR(first, 70'000 / 7.485, 200);  // the 1000th harmonic number
  EXPECT_NEAR(counts["r0@d0001.example"], first / 2, first / 20);
  EXPECT_NEAR(counts["r0@d0009.example"], first / 10, first / 50);
}

TEST(MessageFactory, RefusesBadShapes) {
  const auto refused = [](auto change) {
    MessageShape shape;
    change(shape);
    return !MessageFactory::make(shape).ok();
  };
  EXPECT_FALSE(refused([](MessageShape&) {}));
  EXPECT_FALSE(refused([](MessageShape& s) { s.sender = ""; }));  // the null reverse-path
  EXPECT_TRUE(refused([](MessageShape& s) { s.run = "a b"; }));
  EXPECT_TRUE(refused([](MessageShape& s) { s.run = ""; }));
  EXPECT_TRUE(refused([](MessageShape& s) { s.sender = "x>y@z"; }));
  EXPECT_TRUE(refused([](MessageShape& s) { s.recipient = "nobody"; }));
  EXPECT_TRUE(refused([](MessageShape& s) { s.recipient_count = 0; }));
  EXPECT_TRUE(refused([](MessageShape& s) { s.recipient_count = 1001; }));
  EXPECT_TRUE(refused([](MessageShape& s) { s.domain_count = 0; }));
}

std::string whole_message(const MessageFactory& factory, uint64_t sequence) {
  std::string out;
  factory.append_head(sequence, out);
  EXPECT_EQ(out.size(), factory.head_bytes());
  return out + factory.tail(sequence).plain;
}

TEST(MessageFactory, SizesAndHashes) {
  struct Row {
    uint64_t min;
    uint64_t max;
  };
  for (const Row& row : {Row{1000, 1000}, Row{5120, 5120}, Row{1024, 20480}, Row{300000, 300000}}) {
    SCOPED_TRACE(row.max);
    MessageShape shape{.run = "t1", .recipient = "", .size = {row.min, row.max}};
    const auto factory = MessageFactory::make(shape);
    ASSERT_TRUE(factory.ok());
    uint64_t smallest = UINT64_MAX, largest = 0;
    for (uint64_t n = 0; n < 128; ++n) {
      const std::string message = whole_message(*factory, n);
      EXPECT_EQ(message.size(), factory->message_bytes(n));
      smallest = std::min<uint64_t>(smallest, message.size());
      largest = std::max<uint64_t>(largest, message.size());
      const size_t body = message.find("\r\n\r\n") + 4;
      const uint64_t hash = ContentHash::of(std::string_view(message).substr(body));
      EXPECT_EQ(hash, factory->tail(n).hash);
      char hex[ContentHash::kHexBytes];
      write_hex64(hash, hex);
      const std::string field = "X-Barid-Hash: " + std::string(hex, sizeof hex) + "\r\n";
      EXPECT_NE(message.find(field), std::string::npos);
      EXPECT_TRUE(message.ends_with("\r\n"));
    }
    EXPECT_EQ(smallest, row.min);
    EXPECT_EQ(largest, row.max);
  }
}

TEST(MessageFactory, TinySizesStillMakeAMessage) {
  MessageShape shape{.recipient = "", .size = {1, 1}};
  const auto factory = MessageFactory::make(shape);
  ASSERT_TRUE(factory.ok());
  EXPECT_TRUE(whole_message(*factory, 0).ends_with("\r\n"));
}

TEST(MessageFactory, DotStuffing) {
  const auto factory = MessageFactory::make(MessageShape{});
  ASSERT_TRUE(factory.ok());
  const MessageTail& tail = factory->tail(3);
  ASSERT_NE(tail.plain.find("\r\n."), std::string::npos) << "no line begins with a dot";
  EXPECT_TRUE(tail.dotted.ends_with("\r\n.\r\n"));
  std::string unstuffed = tail.dotted.substr(0, tail.dotted.size() - 3);
  for (size_t at = 0; (at = unstuffed.find("\r\n..", at)) != std::string::npos; at += 3) {
    unstuffed.erase(at + 2, 1);
  }
  EXPECT_EQ(unstuffed, tail.plain);
}

TEST(MessageFactory, Envelope) {
  struct Row {
    const char* recipient;
    uint32_t domains;
    uint32_t count;
    uint64_t sequence;
    uint32_t index;
    const char* want;
  };
  for (const Row& row : {Row{"", 1, 1, 5, 0, "RCPT TO:<r0@d0000.example>\r\n"},
                         Row{"", 1000, 1, 1007, 0, "RCPT TO:<r0@d0007.example>\r\n"},
                         Row{"", 1000, 3, 2, 2, "RCPT TO:<r2@d0008.example>\r\n"},
                         Row{"a@b.example", 1, 1, 9, 0, "RCPT TO:<a@b.example>\r\n"},
                         Row{"a@b.example", 1, 2, 9, 1, "RCPT TO:<a+r1@b.example>\r\n"}}) {
    SCOPED_TRACE(row.want);
    MessageShape shape;
    shape.recipient = row.recipient;
    shape.domain_count = row.domains;
    shape.recipient_count = row.count;
    const auto factory = MessageFactory::make(shape);
    ASSERT_TRUE(factory.ok());
    std::string out;
    factory->append_rcpt(row.sequence, row.index, out);
    EXPECT_EQ(out, row.want);
  }
  const auto factory = MessageFactory::make(MessageShape{});
  std::string out;
  factory->append_mail(0, /*with_size=*/true, out);
  EXPECT_EQ(out, "MAIL FROM:<sender@bench.example> SIZE=5120\r\n");
}

}  // namespace
}  // namespace barid::bench
