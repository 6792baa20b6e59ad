#include "deliver/tls_report_mail.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace barid {
namespace {

std::string unpacked(std::string_view packed) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string out(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

TEST(TlsReportMail, GzipComesBack) {
  for (const std::string& text : {std::string(), std::string("{}"), std::string(100'000, 'x')}) {
    EXPECT_EQ(unpacked(gzip(text)), text);
  }
}

TEST(TlsReportMail, IsThatOfRfc8460_5_3) {
  TlsReport report{.organization = "o",
                   .contact = "c",
                   .id = "id@mx.sender.example",
                   .begin = wall_from_micros(1'459'468'800'000'000),
                   .end = wall_from_micros(1'459'555'200'000'000)};
  report.policies.push_back({.successes = 7, .failures = 2});
  report.policies.push_back({.successes = 1});
  const std::string text = tls_report_mail(report, {.domain = "company-y.example",
                                                    .submitter = "mx.sender.example",
                                                    .from = "tlsrpt@sender.example",
                                                    .to = "reports@company-y.example",
                                                    .now = wall_from_micros(1'459'555'300'000'000),
                                                    .packed = std::string(60, '\xff')});
  for (const char* line :
       {"From: <tlsrpt@sender.example>\r\n", "To: <reports@company-y.example>\r\n",
        "TLS-Report-Domain: company-y.example\r\n", "TLS-Report-Submitter: mx.sender.example\r\n",
        "Subject: Report Domain: company-y.example\r\n Submitter: mx.sender.example\r\n"
        " Report-ID: <id@mx.sender.example>\r\n",
        "Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n",
        "Content-Type: application/tlsrpt+gzip\r\n",
        "filename=\"mx.sender.example!company-y.example!1459468800!1459555199.json.gz\"\r\n",
        "8 sessions succeeded and 2 failed.\r\n", "\r\n--=_tlsrpt.1459468800000000--\r\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find("\r\n", at);
    ASSERT_NE(end, std::string::npos);
    EXPECT_LE(end - at, 120u);
    at = end + 2;
  }
}

}  // namespace
}  // namespace barid
