// Goal: the sink knows each message and sees any change of its body, whatever the segmentation.
#include "bench/content_inspector.h"

#include <gtest/gtest.h>

#include <string>

#include "bench/message_factory.h"

namespace barid::bench {
namespace {

std::string message(uint32_t recipients = 1) {
  MessageShape shape{.run = "t1", .recipient = "", .recipient_count = recipients};
  const auto factory = MessageFactory::make(shape);
  std::string out = "Received: from a by b\r\n\twith ESMTP; now\r\n";  // what a server puts on top
  factory->append_head(42, out);
  return out + factory->tail(42).plain;
}

void inspect(std::string_view text, size_t step, ContentInspector& inspector) {
  inspector.reset();
  for (size_t at = 0; at < text.size(); at += step) inspector.feed(text.substr(at, step));
  inspector.finish();
}

TEST(ContentInspector, AnySegmentation) {
  const std::string text = message(3);
  ContentInspector inspector;
  for (const size_t step :
       {size_t{1}, size_t{2}, size_t{3}, size_t{77}, size_t{1000}, text.size()}) {
    SCOPED_TRACE(step);
    inspect(text, step, inspector);
    EXPECT_EQ(inspector.sequence(), "t1-0000000042");
    EXPECT_EQ(inspector.recipient_count(), 3u);
    EXPECT_TRUE(inspector.intact());
    EXPECT_EQ(inspector.bytes(), text.size());
  }
}

TEST(ContentInspector, SeesEveryChangedByteOfTheBody) {
  const std::string good = message();
  const size_t body = good.find("\r\n\r\n") + 4;
  ContentInspector inspector;
  for (size_t at = body; at < good.size(); at += 101) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    inspect(bad, bad.size(), inspector);
    EXPECT_FALSE(inspector.intact()) << at;
  }
  inspect(good.substr(0, good.size() - 2), good.size(), inspector);
  EXPECT_FALSE(inspector.intact()) << "truncated";
  inspect(good + "\r\n", 100, inspector);
  EXPECT_FALSE(inspector.intact()) << "something appended";
}

TEST(ContentInspector, OtherMail) {
  struct Row {
    std::string_view in;
    std::string_view sequence;
    bool has_hash;
  };
  for (const Row& row :
       {Row{"", "", false}, Row{"Subject: x\r\n\r\nbody\r\n", "", false},
        Row{"no header at all", "", false}, Row{"x-barid-sequence:  a-1 \r\n\r\n", "a-1", false},
        Row{"Subject: x\r\n\r\nX-Barid-Sequence: a-1\r\n", "", false},
        Row{"X-Barid-Hash: zz\r\n\r\n", "", false}}) {
    SCOPED_TRACE(row.in);
    ContentInspector inspector;
    inspect(row.in, 5, inspector);
    EXPECT_EQ(inspector.sequence(), row.sequence);
    EXPECT_EQ(inspector.has_hash(), row.has_hash);
    EXPECT_FALSE(inspector.intact());
  }
}

TEST(ContentInspector, EndlessHeaderIsBounded) {
  ContentInspector inspector;
  inspector.reset();
  const std::string piece(1000, 'a');
  for (int i = 0; i < 2000; ++i) inspector.feed(piece);
  inspector.finish();
  EXPECT_TRUE(inspector.sequence().empty());
  EXPECT_EQ(inspector.bytes(), 2'000'000u);
}

}  // namespace
}  // namespace barid::bench
