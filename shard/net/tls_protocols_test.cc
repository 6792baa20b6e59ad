// Goal: each way to write TLS versions means what postconf(5) says. Method: rows of text and bits.
#include "shard/net/tls_protocols.h"

#include <gtest/gtest.h>

namespace barid::net {
namespace {

TEST(TlsProtocols, Rows) {
  struct Row {
    std::string_view text;
    uint8_t allowed;
  };
  constexpr uint8_t kAll = kTls10 | kTls11 | kTls12 | kTls13;
  const Row rows[] = {
      {"", kAll},
      {">=TLSv1.2", kTls12 | kTls13},
      {">=TLSv1", kAll},
      {">=SSLv3", kAll},
      {">=TLSv1.1, <=TLSv1.2", kTls11 | kTls12},
      {"<=tlsv1.2", kTls10 | kTls11 | kTls12},
      {"!SSLv2, !SSLv3, !TLSv1", kTls11 | kTls12 | kTls13},
      {"!SSLv2:!TLSv1.3", kTls10 | kTls11 | kTls12},
      {"TLSv1.2", kTls12},
      {"TLSv1.2 TLSv1.3", kTls12 | kTls13},
      {"TLSv1.2 !TLSv1.3", kTls12},
      {">=0x0303", kTls12 | kTls13},
  };
  for (const Row& row : rows) {
    const TlsVersions versions = parse_tls_versions(row.text);
    EXPECT_EQ(versions.error, "") << row.text;
    EXPECT_EQ(versions.allowed, row.allowed) << row.text;
  }
}

TEST(TlsProtocols, Errors) {
  EXPECT_EQ(parse_tls_versions("TLSv2").error, "unknown protocol \"TLSv2\"");
  EXPECT_EQ(parse_tls_versions(">=TLSv1.2, =TLSv1.3").error, "unknown protocol \"=TLSv1.3\"");
  EXPECT_EQ(parse_tls_versions("SSLv3").error, "no TLS version is left");
  EXPECT_EQ(parse_tls_versions("<=TLSv1.1 >=TLSv1.2").error, "no TLS version is left");
}

}  // namespace
}  // namespace barid::net
