// Goal: what doctor reads is read right. Method: rows of records, addresses, and a certificate.
#include "tools/barid/doctor.h"

#include <gtest/gtest.h>

#include "core/crypto/certificate_dates.h"

namespace barid::tools {
namespace {

TEST(Doctor, DmarcTags) {
  const struct {
    const char* record;
    const char* name;
    const char* value;
  } kRows[] = {{"v=DMARC1; p=Reject; adkim=s", "p", "reject"},
               {"v=DMARC1;p = none", "p", "none"},
               {"v=DMARC1; p=none; ADKIM=S;", "adkim", "s"},
               {"v=DMARC1; p=none", "sp", ""},
               {"", "p", ""},
               {"p", "p", ""}};
  for (const auto& row : kRows) EXPECT_EQ(dmarc_tag(row.record, row.name), row.value) << row.record;
}

TEST(Doctor, PublicAddresses) {
  for (const char* text : {"192.0.2.1", "9.9.9.9", "2001:db8::1"}) {
    EXPECT_TRUE(is_public(*lookup::IpAddress::parse(text))) << text;
  }
  for (const char* text : {"127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.9.9", "169.254.1.1",
                           "100.64.0.1", "::1", "fe80::1", "fd00::1"}) {
    EXPECT_FALSE(is_public(*lookup::IpAddress::parse(text))) << text;
  }
}

TEST(Doctor, CertificatesThatAreNone) {
  EXPECT_FALSE(crypto::first_certificate_end("").has_value());
  EXPECT_FALSE(crypto::first_certificate_end("-----BEGIN CERTIFICATE-----\nAAAA\n").has_value());
}

}  // namespace
}  // namespace barid::tools
