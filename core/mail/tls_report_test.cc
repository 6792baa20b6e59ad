#include "core/mail/tls_report.h"

#include <gtest/gtest.h>

namespace barid {
namespace {

TEST(TlsReport, ResultNamesGoBothWays) {
  for (uint8_t i = 0; i <= static_cast<uint8_t>(TlsResult::kStsWebpkiInvalid); ++i) {
    const auto result = static_cast<TlsResult>(i);
    EXPECT_EQ(parse_tls_result(tls_result_name(result)), result);
  }
  EXPECT_FALSE(parse_tls_result("no-such-result"));
  EXPECT_EQ(parse_tls_policy_type("no-policy-found"), TlsPolicyType::kNone);
  EXPECT_FALSE(parse_tls_policy_type(""));
}

TEST(TlsReport, JsonIsThatOfRfc8460_4_4) {
  TlsReport report{.organization = "Company-X",
                   .contact = "sts-reporting@company-x.example",
                   .id = "5065427c \"x\"",
                   .begin = wall_from_micros(1'459'468'800'000'000),
                   .end = wall_from_micros(1'459'555'200'000'000)};
  report.policies.push_back({.policy = {.type = TlsPolicyType::kSts,
                                        .domain = "company-y.example",
                                        .strings = {"version: STSv1", "mode: testing"},
                                        .mx_hosts = {"*.mail.company-y.example"}},
                             .successes = 5326,
                             .failures = 303});
  report.policies.back().details.emplace_back(TlsFailure{.result = TlsResult::kCertificateExpired,
                                                         .mx_host = "mx1.mail.company-y.example",
                                                         .receiving_ip = "203.0.113.56",
                                                         .sending_ip = "2001:db8:abcd:12::1",
                                                         .reason = "caf\xc3\xa9\x01"},
                                              100);
  report.policies.push_back({.policy = {.domain = "company-y.example"}, .successes = 1});
  EXPECT_EQ(tls_report_json(report),
            "{\"organization-name\":\"Company-X\",\"date-range\":{\"start-datetime\":"
            "\"2016-04-01T00:00:00Z\",\"end-datetime\":\"2016-04-01T23:59:59Z\"},"
            "\"contact-info\":\"sts-reporting@company-x.example\","
            "\"report-id\":\"5065427c \\\"x\\\"\",\"policies\":["
            "{\"policy\":{\"policy-type\":\"sts\",\"policy-string\":[\"version: STSv1\","
            "\"mode: testing\"],\"policy-domain\":\"company-y.example\","
            "\"mx-host\":[\"*.mail.company-y.example\"]},"
            "\"summary\":{\"total-successful-session-count\":5326,"
            "\"total-failure-session-count\":303},"
            "\"failure-details\":[{\"result-type\":\"certificate-expired\","
            "\"sending-mta-ip\":\"2001:db8:abcd:12::1\","
            "\"receiving-mx-hostname\":\"mx1.mail.company-y.example\","
            "\"receiving-ip\":\"203.0.113.56\",\"failed-session-count\":100,"
            "\"failure-reason-code\":\"caf???\"}]},"
            "{\"policy\":{\"policy-type\":\"no-policy-found\","
            "\"policy-domain\":\"company-y.example\"},"
            "\"summary\":{\"total-successful-session-count\":1,"
            "\"total-failure-session-count\":0}}]}");
}

}  // namespace
}  // namespace barid
