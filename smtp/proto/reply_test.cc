// Goal: every rule and limit of reply lines, enhanced codes and the incremental reader.
// Method: rows; the reader sees each stream whole and byte by byte and must say the same.
#include "smtp/proto/reply.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "smtp/proto/reply_reader.h"

namespace barid::smtp {
namespace {

TEST(ReplyLine, Rfc5321_4_2) {
  struct Case {
    std::string_view in;
    Code error;
    uint16_t code;
    bool last;
    std::string_view text;
  };
  const std::string longest = "250 " + std::string(kReplyLineBytesMax - 4, 'x');
  const std::string too_long = longest + 'x';
  const Case cases[] = {
      {"250 ok", Code::kOk, 250, true, "ok"},
      {"250-ok", Code::kOk, 250, false, "ok"},
      {"354", Code::kOk, 354, true, ""},
      {"250 ", Code::kOk, 250, true, ""},
      {"250-", Code::kOk, 250, false, ""},
      {"999 x", Code::kOk, 999, true, "x"},
      {"", Code::kMalformed, 0, false, ""},
      {"25", Code::kMalformed, 0, false, ""},
      {"2500", Code::kMalformed, 0, false, ""},
      {"25x ok", Code::kMalformed, 0, false, ""},
      {"250\tok", Code::kMalformed, 0, false, ""},
      {" 250 ok", Code::kMalformed, 0, false, ""},
      {longest, Code::kOk, 250, true, std::string_view(longest).substr(4)},
      {too_long, Code::kTooLong, 0, false, ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.in.substr(0, 40));
    const auto got = parse_reply_line(c.in);
    ASSERT_EQ(got.ok(), c.error == Code::kOk);
    if (!got.ok()) {
      EXPECT_EQ(got.error().code, c.error);
      continue;
    }
    EXPECT_EQ(got->code, c.code);
    EXPECT_EQ(got->last, c.last);
    EXPECT_EQ(got->text, c.text);
  }
}

TEST(EnhancedCode, Rfc2034_4) {
  struct Case {
    std::string_view text;
    uint16_t code;
    std::string_view want;
  };
  constexpr Case kCases[] = {
      {"5.1.1 no such user", 550, "5.1.1"},
      {"5.1.1", 550, "5.1.1"},
      {"  4.7.0 wait", 421, "4.7.0"},
      {"2.0.0 ok", 250, "2.0.0"},
      {"5.123.456 x", 550, "5.123.456"},
      {"5.1.1: x", 550, "0.0.0"},
      {"5.1 x", 550, "0.0.0"},
      {"5.1.1234 x", 550, "0.0.0"},
      {"4.1.1 class disagrees", 550, "0.0.0"},
      {"3.0.0 x", 354, "0.0.0"},
      {"", 250, "0.0.0"},
      {"x5.1.1", 550, "0.0.0"},
      {"5..1 x", 550, "0.0.0"},
      {"55.1.1 x", 550, "0.0.0"},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(parse_enhanced_code(c.text, c.code).text(), c.want) << c.text;
  }
}

TEST(ReplyStatus, FallsBackToTheFirstDigit) {
  struct Case {
    uint16_t code;
    std::string_view want;
  };
  constexpr Case kCases[] = {{250, "2.0.0"}, {450, "4.0.0"}, {550, "5.0.0"},
                             {354, "5.5.0"}, {199, "5.5.0"}, {650, "5.5.0"}};
  for (const Case& c : kCases) {
    Reply reply;
    reply.code = c.code;
    EXPECT_EQ(reply.status().text(), c.want) << c.code;
  }
}

TEST(CopyPrintable, HidesWhatATerminalWouldObey) {
  struct Case {
    std::string_view in;
    std::string_view want;
  };
  const Case cases[] = {
      {"plain ~", "plain ~"},
      {"a\tb", "a b"},
      {std::string_view("a\0b\x1b[2J\x7f\r", 9), "a?b?[2J??"},
      {"gr\xc3\xbc\xc3\x9f e\xe2\x82\xac \xf0\x9f\x93\xa8",
       "gr\xc3\xbc\xc3\x9f e\xe2\x82\xac \xf0\x9f\x93\xa8"},
      {"\xc2\x9b C1", "?? C1"},
      {"\xc0\xaf \xed\xa0\x80 \xf5\x80\x80\x80 \xc3", "?? ??? ???? ?"},
      {"\xe2\x82", "??"},
      {"\xf0\x8f\xbf\xbf \xf4\x90\x80\x80 \xe0\x9f\xbf", "???? ???? ???"},
  };
  for (const Case& c : cases) {
    std::string out(c.in.size(), ' ');
    copy_printable(c.in, out.data());
    EXPECT_EQ(out, c.want);
  }
}

struct Seen {
  std::vector<std::string> replies;  // "code|dsn|mixed|lines"
  Code error = Code::kOk;
  bool operator==(const Seen&) const = default;
};

Seen read_all(std::string_view stream, size_t chunk_bytes) {
  ReplyReader reader;
  Seen seen;
  for (size_t at = 0; at < stream.size(); at += chunk_bytes) {
    std::string_view bytes = stream.substr(at, chunk_bytes);
    while (!bytes.empty()) {
      const auto status = reader.read(bytes);
      if (status == ReplyReader::Status::kNeedMore) break;
      if (status == ReplyReader::Status::kFailed) {
        seen.error = reader.error().code;
        return seen;
      }
      const Reply& reply = reader.reply();
      seen.replies.push_back(std::to_string(reply.code) + '|' + reply.dsn.text() + '|' +
                             (reply.mixed_codes ? "mixed" : "") + '|' + std::string(reply.lines));
    }
  }
  return seen;
}

TEST(ReplyReader, Streams) {
  struct Case {
    std::string_view name;
    std::string stream;
    std::vector<std::string> replies;
    Code error;
  };
  const std::string full_line = "250-" + std::string(kReplyLineBytesMax - 4, 'x') + "\r\n";
  std::string endless;
  for (int i = 0; i < 1000; ++i) endless += "250-more\r\n";
  std::string heavy;
  for (int i = 0; i < 40; ++i) heavy += full_line;
  const Case cases[] = {
      {"two",
       "220 hi\r\n250 2.0.0 ok\r\n",
       {"220|0.0.0||220 hi", "250|2.0.0||250 2.0.0 ok"},
       Code::kOk},
      {"list",
       "550-5.1.1 no\r\n550 really\r\n",
       {"550|5.1.1||550-5.1.1 no\n550 really"},
       Code::kOk},
      {"bare code", "354\r\n", {"354|0.0.0||354"}, Code::kOk},
      {"bare LF", "250 a\n250 b\r\n", {"250|0.0.0||250 a", "250|0.0.0||250 b"}, Code::kOk},
      {"same class", "250-a\r\n251 b\r\n", {"251|0.0.0|mixed|250-a\n251 b"}, Code::kOk},
      {"other class", "250-a\r\n550 b\r\n", {}, Code::kMalformed},
      {"garbage", "hello\r\n", {}, Code::kMalformed},
      {"empty line", "\r\n", {}, Code::kMalformed},
      {"garbage in list", "250-a\r\nhello\r\n", {}, Code::kMalformed},
      {"unfinished", "250-a\r\n250 b", {}, Code::kOk},
      {"no line end", std::string(5000, '2'), {}, Code::kTooLong},
      {"endless list", endless, {}, Code::kTooLong},
      {"heavy list", heavy, {}, Code::kTooLong},
      {"after a failure", "x\r\n250 ok\r\n", {}, Code::kMalformed},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Seen whole = read_all(c.stream, c.stream.size());
    EXPECT_EQ(whole.replies, c.replies);
    EXPECT_EQ(whole.error, c.error);
    EXPECT_EQ(read_all(c.stream, 1), whole);
    EXPECT_EQ(read_all(c.stream, 7), whole);
  }
}

TEST(ReplyReader, KeepsOnlyTheStartOfALongReply) {
  std::string stream;
  for (int i = 0; i < 20; ++i) stream += "250-" + std::string(996, 'x') + "\r\n";
  stream += "250 end\r\n";
  ReplyReader reader;
  std::string_view bytes = stream;
  ASSERT_EQ(reader.read(bytes), ReplyReader::Status::kReply);
  EXPECT_EQ(reader.reply().lines.size(), kReplyTextBytesMax);
  EXPECT_EQ(reader.reply().line_count, 21u);
}

TEST(ReplyReader, OneLineForLogs) {
  ReplyReader reader;
  std::string_view bytes = "550-5.7.1 a\r\n550-5.7.1 b\r\n550 5.7.1 c\r\n";
  ASSERT_EQ(reader.read(bytes), ReplyReader::Status::kReply);
  EXPECT_EQ(reader.one_line(), "550-5.7.1 a 550-5.7.1 b 550 5.7.1 c");
  EXPECT_TRUE(bytes.empty());
}

TEST(ReplyReader, TakesExactlyOneReply) {
  ReplyReader reader;
  std::string_view bytes = "250 a\r\n250 b\r\n25";
  EXPECT_EQ(reader.read(bytes), ReplyReader::Status::kReply);
  EXPECT_EQ(bytes, "250 b\r\n25");
  EXPECT_EQ(reader.read(bytes), ReplyReader::Status::kReply);
  EXPECT_FALSE(reader.in_reply());
  EXPECT_EQ(reader.read(bytes), ReplyReader::Status::kNeedMore);
  EXPECT_TRUE(reader.in_reply());
}

/// The second one of a server that speaks in riddles.
struct Solving final : ReplyFilter {
  bool rewrite(std::string_view line, std::string& out) const override {
    if (!line.starts_with("550 ")) return false;
    out = line.ends_with("long") ? std::string(3000, '4') : "450 4.0.0 later";
    return true;
  }
};

TEST(ReplyReader, FilterRewritesLines) {
  const Solving filter;
  ReplyReader reader(&filter);
  std::string_view bytes = "250 fine\r\n550 never\r\n";
  ASSERT_EQ(reader.read(bytes), ReplyReader::Status::kReply);
  EXPECT_EQ(reader.one_line(), "250 fine");
  ASSERT_EQ(reader.read(bytes), ReplyReader::Status::kReply);
  EXPECT_EQ(reader.one_line(), "450 4.0.0 later");
  EXPECT_EQ(reader.reply().code, 450);
  bytes = "550 long\r\n";
  EXPECT_EQ(reader.read(bytes), ReplyReader::Status::kFailed);
}

}  // namespace
}  // namespace barid::smtp
