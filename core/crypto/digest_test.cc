// Goal: digests are the published ones, secrets differ. Method: vectors of FIPS 180-4 and RFC 4231.
#include "core/crypto/digest.h"

#include <gtest/gtest.h>

#include "core/text/base64.h"

namespace barid::crypto {
namespace {

std::string hex(std::string_view bytes) {
  std::string out;
  text::append_hex(out, bytes);
  return out;
}

TEST(Digest, Sha256) {
  EXPECT_EQ(hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha256({"abc"})),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256({"a", "", "bc"}), sha256({"abc"}));
}

TEST(Digest, InPieces) {
  Sha256 digest;
  for (const std::string_view piece : {"a", "", "bc"}) digest.add(piece);
  EXPECT_EQ(digest.finish(), sha256({"abc"}));
}

TEST(Digest, HmacRfc4231) {
  EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Digest, Secrets) {
  EXPECT_TRUE(equal_secrets("abc", "abc"));
  EXPECT_FALSE(equal_secrets("abc", "abd"));
  EXPECT_FALSE(equal_secrets("abc", "ab"));
  EXPECT_EQ(random_bytes(24).size(), 24u);
  EXPECT_NE(random_bytes(24), random_bytes(24));
}

}  // namespace
}  // namespace barid::crypto
