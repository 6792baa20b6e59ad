// Goal: gzip comes out as it went in, whatever the pieces; damage and bombs are told. Method: data
// made by zlib itself.
#include "http/inflater.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

namespace barid::http {
namespace {

std::string gzip(std::string_view data) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, data.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

class Collector final : public BodySink {
 public:
  explicit Collector(size_t limit) : limit_(limit) {}
  bool on_body(std::string_view bytes) override {
    if (data.size() + bytes.size() > limit_) return false;
    data += bytes;
    return true;
  }
  std::string data;

 private:
  size_t limit_;
};

Status feed(Inflater& inflater, std::string_view bytes, size_t piece) {
  while (!bytes.empty()) {
    const Status status = inflater.add(bytes.substr(0, piece));
    if (!status.ok()) return status;
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  return {};
}

std::string sample() {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += std::to_string(i * 7919) + "\n";
  return text;
}

TEST(Inflater, AnyPieces) {
  const std::string text = sample();
  const std::string packed = gzip(text);
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{4096}, packed.size()}) {
    Collector out(1 << 20);
    Inflater inflater(out);
    EXPECT_FALSE(inflater.complete());
    ASSERT_TRUE(feed(inflater, packed, piece).ok());
    EXPECT_TRUE(inflater.complete());
    EXPECT_EQ(out.data, text);
  }
}

TEST(Inflater, MembersFollowOneAnother) {
  Collector out(1 << 20);
  Inflater inflater(out);
  ASSERT_TRUE(feed(inflater, gzip("first ") + gzip("second"), 5).ok());
  EXPECT_TRUE(inflater.complete());
  EXPECT_EQ(out.data, "first second");
}

TEST(Inflater, TruncatedIsNotComplete) {
  const std::string packed = gzip(sample());
  Collector out(1 << 20);
  Inflater inflater(out);
  ASSERT_TRUE(feed(inflater, std::string_view(packed).substr(0, packed.size() - 1), 100).ok());
  EXPECT_FALSE(inflater.complete());
}

TEST(Inflater, DamageIsTold) {
  std::string packed = gzip(sample());
  packed[packed.size() - 6] = static_cast<char>(packed[packed.size() - 6] ^ 1);  // its checksum
  for (const std::string& bytes :
       {packed, std::string("plain text, no gzip"), gzip("a") + "tail"}) {
    Collector out(1 << 20);
    Inflater inflater(out);
    const Status status = feed(inflater, bytes, 1000);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, Code::kMalformed);
  }
}

TEST(Inflater, ABombStopsAtTheBound) {
  const std::string bomb = gzip(std::string(50u << 20, 'x'));
  ASSERT_LT(bomb.size(), 100'000u);
  Collector out(1 << 20);
  Inflater inflater(out);
  const Status status = feed(inflater, bomb, bomb.size());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kTooLong);
  EXPECT_LE(out.data.size(), size_t{1} << 20);
}

}  // namespace
}  // namespace barid::http
