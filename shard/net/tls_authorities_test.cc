// Goal: authorities are read at load, shared while they are the same, and what is wrong with them
// is named. Method: real files and directories; the stores that contexts get.
#include "shard/net/tls_authorities.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "shard/net/test_identity.h"

namespace barid::net {
namespace {

struct FreeContext {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};

class TlsAuthoritiesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    home = std::filesystem::path(::testing::TempDir()) / ("ca." + std::to_string(::getpid()));
    std::filesystem::create_directories(home / "hashed");
    std::filesystem::create_directories(home / "plain");
    make_identity(home / "ca.pem", "ca.example");
    std::filesystem::copy(home / "ca.pem", home / "plain/ca.pem");
    std::filesystem::copy(home / "ca.pem", home / "hashed/0123abcd.0");
    write("hashed/README", "not read");
  }
  void TearDown() override { std::filesystem::remove_all(home); }
  void write(const std::string& name, std::string_view text) const {
    std::ofstream(home / name) << text;
  }
  /// Certificates that a context trusts; -1: `error` says why none.
  int count(TlsAuthorities authorities) {
    context.reset(SSL_CTX_new(TLS_client_method()));
    authorities.file_parameter = "smtp_tls_CAfile";
    authorities.directory_parameter = "smtp_tls_CApath";
    warnings.clear();
    error = trust_authorities(context.get(), authorities, &warnings);
    if (!error.empty()) return -1;
    return sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(context.get())));
  }

  std::filesystem::path home;
  std::unique_ptr<SSL_CTX, FreeContext> context;
  std::string error;
  std::vector<std::string> warnings;
};

TEST_F(TlsAuthoritiesTest, WhatIsRead) {
  EXPECT_EQ(count({}), 0);
  EXPECT_EQ(count({.file = home / "ca.pem"}), 1);
  EXPECT_EQ(count({.directory = home / "hashed"}), 1);
  EXPECT_TRUE(warnings.empty());
  EXPECT_EQ(count({.directory = home / "plain"}), 0);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0], "smtp_tls_CApath: " + (home / "plain").string() +
                             ": no file is named by hash: openssl rehash makes the links");
  make_identity(home / "second.pem", "second.example");
  EXPECT_EQ(count({.file = home / "second.pem", .directory = home / "hashed"}), 2);
}

TEST_F(TlsAuthoritiesTest, WhatIsWrongIsNamed) {
  EXPECT_EQ(count({.file = home / "none.pem"}), -1);
  EXPECT_EQ(error,
            "smtp_tls_CAfile: " + (home / "none.pem").string() + ": No such file or directory");
  EXPECT_EQ(count({.directory = home / "none"}), -1);
  EXPECT_EQ(error, "smtp_tls_CApath: " + (home / "none").string() + ": No such file or directory");
  write("hashed/0123abcd.1", "rubbish");
  EXPECT_EQ(count({.directory = home / "hashed"}), -1);
  EXPECT_TRUE(error.starts_with("smtp_tls_CApath: " + (home / "hashed/0123abcd.1").string() + ": "))
      << error;
}

TEST_F(TlsAuthoritiesTest, SharedUntilTheyChange) {
  const TlsAuthorities authorities{.directory = home / "hashed"};
  ASSERT_EQ(count(authorities), 1);
  const auto first = std::move(context);
  ASSERT_EQ(count(authorities), 1);
  EXPECT_EQ(SSL_CTX_get_cert_store(first.get()), SSL_CTX_get_cert_store(context.get()));
  make_identity(home / "hashed/0123abcd.1", "second.example");
  ASSERT_EQ(count(authorities), 2);
  EXPECT_NE(SSL_CTX_get_cert_store(first.get()), SSL_CTX_get_cert_store(context.get()));
}

}  // namespace
}  // namespace barid::net
