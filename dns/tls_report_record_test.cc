#include "dns/tls_report_record.h"

#include <gtest/gtest.h>

namespace barid::dns {
namespace {

std::string places(std::vector<std::string> texts) {
  std::string out;
  for (const TlsReportTarget& target : parse_tls_report_record(texts)) {
    out += (out.empty() ? "" : " ") + std::string(target.is_mail ? "mail:" : "") + target.place;
  }
  return out;
}

TEST(TlsReportRecord, Rfc8460_3) {
  EXPECT_EQ(places({"v=TLSRPTv1;rua=mailto:reports@example.com"}), "mail:reports@example.com");
  EXPECT_EQ(places({"v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt"}),
            "https://reporting.example.com/v1/tlsrpt");
  EXPECT_EQ(
      places({"other", "v=TLSRPTv1 ; x=1; rua= https://a.example:8443/x , MAILTO:b@c.example ;"}),
      "https://a.example:8443/x mail:b@c.example");
  EXPECT_EQ(places({"v=TLSRPTv1;rua=mailto:a%2Bb@example.com?subject=x"}), "mail:a+b@example.com");
  EXPECT_EQ(places({"v=TLSRPTv1;rua=https://a.example/x,https://b.example,https://c.example/,"
                    "https://d.example/,https://e.example/"}),
            "https://a.example/x https://b.example https://c.example/ https://d.example/");
}

TEST(TlsReportRecord, WhatIsNotToBeUsed) {
  for (const char* text :
       {"v=TLSRPTv1", "v=TLSRPTv1;rua=", "v=TLSRPTv2;rua=mailto:a@b.example", "",
        "rua=mailto:a@b.example;v=TLSRPTv1", "v=TLSRPTv1;rua=http://a.example/",
        "v=TLSRPTv1;rua=mailto:a%0d%0ab@c.example", "v=TLSRPTv1;rua=mailto:a%4",
        "v=TLSRPTv1;rua=mailto:@b.example", "v=TLSRPTv1;rua=https://user@a.example/",
        "v=TLSRPTv1;rua=https://[::1]/", "v=TLSRPTv1;rua=https:///x",
        "v=TLSRPTv1;rua=mailto:a..b@c.example", "v=TLSRPTv1;rua=https://a.example/#x"}) {
    EXPECT_EQ(places({text}), "") << text;
  }
  EXPECT_EQ(places({"v=TLSRPTv1;rua=mailto:a@b.example", "v=TLSRPTv1;rua=mailto:c@d.example"}), "");
}

}  // namespace
}  // namespace barid::dns
