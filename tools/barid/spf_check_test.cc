// Goal: records are judged as receivers judge them. Method: rows of zones, addresses, results.
#include "tools/barid/spf_check.h"

#include <gtest/gtest.h>

#include <map>

namespace barid::tools {
namespace {

TEST(SpfCheck, Records) {
  const std::map<std::string, std::string> texts = {
      {"plain.example", "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all"},
      {"none.example", "something else"},
      {"soft.example", "v=spf1 a:host.example ~all"},
      {"prefix.example", "v=spf1 a:host.example/24 -all"},
      {"mx.example", "v=spf1 mx -all"},
      {"include.example", "v=spf1 include:plain.example ?all"},
      {"redirect.example", "v=spf1 redirect=plain.example"},
      {"open.example", "v=spf1 ip4:203.0.113.1"},
      {"loop.example", "v=spf1 include:loop.example -all"},
      {"typo.example", "v=spf1 ipv4:192.0.2.1 -all"},
      {"badnet.example", "v=spf1 ip4:192.0.2 -all"},
      {"hole.example", "v=spf1 include:none.example -all"},
      {"macro.example", "v=spf1 exists:%{i}.example -all"},
      {"minus.example", "v=spf1 -ip4:192.0.2.7 +all"},
  };
  const auto ask = [&](const std::string& name, dns::RecordType type) {
    dns::Answer answer{.status = dns::AnswerStatus::kNoData};
    if (type == dns::RecordType::kTxt && texts.contains(name)) {
      answer.status = dns::AnswerStatus::kOk;
      answer.texts = {texts.at(name)};
    }
    if (type == dns::RecordType::kA && name == "host.example") {
      answer.status = dns::AnswerStatus::kOk;
      answer.addresses = {*net::SocketAddress::from_ip("192.0.2.9", 0)};
    }
    if (type == dns::RecordType::kMx && name == "mx.example") {
      answer.status = dns::AnswerStatus::kOk;
      answer.mx = {{.preference = 10, .host = "host.example"}};
    }
    return answer;
  };
  using Result = SpfResult;
  const struct {
    const char* domain;
    const char* address;
    Result result;
  } kRows[] = {
      {"plain.example", "192.0.2.7", Result::kPass},
      {"plain.example", "2001:db8::1", Result::kPass},
      {"plain.example", "198.51.100.1", Result::kFail},
      {"none.example", "192.0.2.7", Result::kNone},
      {"missing.example", "192.0.2.7", Result::kNone},
      {"soft.example", "192.0.2.9", Result::kPass},
      {"soft.example", "192.0.2.8", Result::kSoftFail},
      {"prefix.example", "192.0.2.8", Result::kPass},
      {"mx.example", "192.0.2.9", Result::kPass},
      {"mx.example", "192.0.2.8", Result::kFail},
      {"include.example", "192.0.2.7", Result::kPass},
      {"include.example", "198.51.100.1", Result::kNeutral},
      {"redirect.example", "198.51.100.1", Result::kFail},
      {"open.example", "192.0.2.7", Result::kNeutral},
      {"loop.example", "192.0.2.7", Result::kPermanent},
      {"typo.example", "192.0.2.1", Result::kPermanent},
      {"badnet.example", "192.0.2.1", Result::kPermanent},
      {"hole.example", "192.0.2.1", Result::kPermanent},
      {"macro.example", "192.0.2.1", Result::kFail},
      {"minus.example", "192.0.2.7", Result::kFail},
  };
  for (const auto& row : kRows) {
    const SpfVerdict verdict = check_spf(row.domain, *lookup::IpAddress::parse(row.address), ask);
    EXPECT_EQ(spf_result_name(verdict.result), spf_result_name(row.result))
        << row.domain << " " << row.address << " " << verdict.problem;
  }
}

}  // namespace
}  // namespace barid::tools
