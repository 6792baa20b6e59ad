// Goal: keys are read, made and sign as published; what is no key is refused in words.
// Method: the key and signature of RFC 8463 A, round trips, rows of bad files.
#include "core/crypto/private_key.h"

#include <gtest/gtest.h>

#include "core/crypto/digest.h"
#include "core/text/base64.h"

namespace barid::crypto {
namespace {

TEST(PrivateKey, RoundTrips) {
  for (const KeyType type : {KeyType::kRsa, KeyType::kEd25519}) {
    const auto made = PrivateKey::generate(type, 2048);
    ASSERT_TRUE(made.has_value());
    std::string problem;
    const auto read = PrivateKey::parse("a comment\n" + made->pem(), &problem);
    ASSERT_TRUE(read.has_value()) << problem;
    EXPECT_EQ(read->type(), type);
    EXPECT_EQ(read->bits(), type == KeyType::kRsa ? 2048u : 256u);
    EXPECT_EQ(read->public_key(), made->public_key());
    const std::string digest = sha256({"what is signed"});
    std::string signature = PrivateKey(*read).sign(digest);
    EXPECT_TRUE(verify(type, made->public_key(), digest, signature));
    EXPECT_FALSE(verify(type, made->public_key(), sha256({"other"}), signature));
    signature[5] = static_cast<char>(signature[5] ^ 1);
    EXPECT_FALSE(verify(type, made->public_key(), digest, signature));
    EXPECT_FALSE(verify(type, "no key", digest, signature));
  }
}

TEST(PrivateKey, Rfc8463PublicKey) {
  std::string problem;
  const auto key = PrivateKey::parse(
      "-----BEGIN PRIVATE KEY-----\n"
      "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
      "-----END PRIVATE KEY-----\n",
      &problem);
  ASSERT_TRUE(key.has_value()) << problem;
  EXPECT_EQ(key->public_key(),
            *text::decode_base64("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="));
}

TEST(PrivateKey, Refused) {
  const struct {
    const char* pem;
    const char* problem;
  } kRows[] = {
      {"", "no private key in PEM form"},
      {"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1h\n-----END PRIVATE KEY-----\n",
       "no private key in PEM form"},
      {"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
       "the key has a pass phrase, which nobody can enter here"},
      {"-----BEGIN PRIVATE KEY-----\n"
       "MC4CAQAwBQYDK2VuBCIEIHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6Uduywq\n"
       "-----END PRIVATE KEY-----\n",
       "neither an RSA nor an Ed25519 key"},  // X25519
  };
  for (const auto& row : kRows) {
    std::string problem;
    EXPECT_FALSE(PrivateKey::parse(row.pem, &problem).has_value());
    EXPECT_EQ(problem, row.problem);
  }
}

}  // namespace
}  // namespace barid::crypto
