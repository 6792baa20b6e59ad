// Goal: requests come out the same whatever the segmentation; everything that two parsers could
// read differently is refused. Method: rows, each whole and byte by byte.
#include "http/request_reader.h"

#include <gtest/gtest.h>

#include "http/reader_harness.h"

namespace barid::http {
namespace {

std::string read(std::string_view wire, size_t piece) {
  ReaderHarness harness;
  harness.run(wire, piece);
  return harness.log;
}

void expect_log(std::string_view wire, std::string_view log) {
  SCOPED_TRACE(wire);
  EXPECT_EQ(read(wire, wire.size()), log);
  EXPECT_EQ(read(wire, 1), log);
  EXPECT_EQ(read(wire, 3), log);
}

TEST(RequestReader, Accepted) {
  expect_log("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /|Host=a|keep\nbody \n");
  expect_log("\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n",
             "GET /|Host=a|Connection=x, Close|close\nbody \n");
  expect_log("GET / HTTP/1.0\r\n\r\n", "GET /|close\nbody \n");
  expect_log("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
             "GET /|Connection=keep-alive|keep\nbody \n");
  expect_log(
      "POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n"
      "host:b\r\n\r\n",
      "POST /e|Host=a|Content-Length=3|keep\nbody abc\nGET /|host=b|keep\nbody \n");
  expect_log(
      "POST /e HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nX-Trailer: z\r\n\r\n"
      "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST /e|Host=a|Transfer-Encoding=chunked|keep\nbody abc0123456789\n"
      "GET /2|Host=a|keep\nbody \n");
  // The end of a chunked body in pieces that are smaller than Beast can bear.
  expect_log("POST /e HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
             "POST /e|Host=a|Transfer-Encoding=chunked|keep\nbody \n");
  expect_log("BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", "BREW /pot|Host=a|keep\nbody \n");
  expect_log("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS *|Host=a|keep\nbody \n");
}

TEST(RequestReader, Refused) {
  struct Case {
    std::string_view wire;
    uint16_t status;
  };
  const Case cases[] = {
      // lines
      {"GET / HTTP/1.1\nHost: a\n\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400},
      {std::string_view("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 29), 400},
      // request line
      {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
      {"GET / HTTX/1.1\r\nHost: a\r\n\r\n", 505},
      {"G{T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /../x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      // host
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      // length
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
       400},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
       400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 501},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", 417},
      // chunks
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
       400},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
       "11111111111111111\r\nabcd\r\n",
       400},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n", 400},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.wire);
    for (const size_t piece : {c.wire.size(), size_t{1}}) {
      ReaderHarness harness;
      harness.run(c.wire, piece);
      EXPECT_EQ(harness.refused, c.status) << harness.log;
      EXPECT_EQ(harness.requests_count, 0u);
    }
  }
}

TEST(RequestReader, Bounds) {
  struct Case {
    std::string wire;
    uint16_t status;
  };
  const std::string start = "GET / HTTP/1.1\r\nHost: a\r\n";
  std::string many = start;
  for (int i = 0; i < 99; ++i) many += "X: y\r\n";
  std::string large = start;
  for (int i = 0; i < 9; ++i) large += "X: " + std::string(8000, 'y') + "\r\n";
  const Case cases[] = {
      {many + "\r\n", 0},
      {many + "X: y\r\n\r\n", 431},
      {start + "X: " + std::string(8 * 1024 - 5, 'y') + "\r\n\r\n", 0},
      {start + "X: " + std::string(8 * 1024 - 4, 'y') + "\r\n\r\n", 431},
      {"GET /" + std::string(8 * 1024, 'y'), 414},
      {large + "\r\n", 431},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
           std::string(9000, 'x'),
       400},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" +
           std::string("X: y\r\n").append(std::string(9000, 'x')),
       400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n" + std::string(1100000, 'x'),
       413},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.wire.substr(0, 100));
    for (const size_t piece : {c.wire.size(), size_t{999}}) {
      ReaderHarness harness;
      harness.run(c.wire, piece);
      EXPECT_EQ(harness.refused, c.status);
      EXPECT_EQ(harness.requests_count, c.status == 0 ? 1u : 0u);
    }
  }
}

TEST(RequestReader, SaysWhatTheClientExpects) {
  ReaderHarness harness;
  size_t consumed = 0;
  const std::string_view wire =
      "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n";
  ASSERT_EQ(harness.reader.next(wire, &consumed), RequestReader::Event::kHead);
  EXPECT_EQ(consumed, wire.size());
  EXPECT_TRUE(harness.reader.framing().expects_continue);
  EXPECT_EQ(harness.reader.framing().length, 5u);
}

}  // namespace
}  // namespace barid::http
