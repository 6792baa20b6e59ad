// Goal: files of trust anchors are read, and what does not belong there is named. Method: rows of
// PEM.
#include "shard/net/tls_trust_anchors.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "shard/net/test_identity.h"

namespace barid::net {
namespace {

TEST(TrustAnchors, Rows) {
  const std::string path =
      std::filesystem::path(::testing::TempDir()) / ("anchors." + std::to_string(::getpid()));
  make_identity(path, "ca.example");
  const std::string certificate = certificate_text(path);
  const std::string key = public_key_text(path);
  std::string many;
  for (size_t i = 0; i <= kTrustAnchorsMax; ++i) many += key;
  std::string secret(5'000, '\0');
  std::FILE* file = std::fopen(path.c_str(), "r");
  secret.resize(std::fread(secret.data(), 1, secret.size(), file));
  std::fclose(file);
  std::filesystem::remove(path);
  struct Row {
    std::string pem;
    size_t count;
    std::string_view problem;  // how it begins
  };
  const Row rows[] = {
      {certificate, 2, ""},
      {"some words\n" + certificate + key + "and more\n" + certificate, 5, ""},
      {"", 0, "holds neither a certificate nor a public key"},
      {"no PEM", 0, "holds neither a certificate nor a public key"},
      {secret, 0, "holds a PRIVATE KEY: only certificates"},
      {certificate + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0,
       "a certificate cannot be read: "},
      {"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", 0,
       "a public key cannot be read: "},
      {"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", 0, "no good PEM: "},
      {many, 0, "more than 100 trust anchors"},
  };
  for (const Row& row : rows) {
    const TrustAnchors found = parse_trust_anchors(row.pem);
    EXPECT_EQ(found.anchors.size(), row.count) << row.pem;
    EXPECT_TRUE(found.problem.starts_with(row.problem)) << found.problem;
    EXPECT_EQ(found.problem.empty(), row.problem.empty()) << found.problem;
  }
}

}  // namespace
}  // namespace barid::net
