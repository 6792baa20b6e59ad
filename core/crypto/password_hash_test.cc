// Goal: passwords are checked against every stored form; what is malformed matches nothing.
// Method: the keys of RFC 7677 3, hashes made by other programs, rows of bad forms.
#include "core/crypto/password_hash.h"

#include <gtest/gtest.h>

#include "core/text/base64.h"

namespace barid::crypto {
namespace {

TEST(PasswordHash, Scram) {
  // RFC 7677 3: user "user", password "pencil".
  const ScramSecret secret =
      make_scram_secret("pencil", *text::decode_base64("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096);
  const std::string text = format_scram_secret(secret);
  EXPECT_EQ(
      text,
      "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
      "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
  EXPECT_EQ(parse_scram_secret(text), secret);
  EXPECT_TRUE(is_password_hash(text));
  EXPECT_TRUE(check_password(text, "pencil"));
  EXPECT_FALSE(check_password(text, "Pencil"));
  EXPECT_FALSE(check_password(text, ""));
}

TEST(PasswordHash, Crypt) {
  const struct {
    const char* stored;
    const char* password;
  } kRows[] = {
      {"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/"
       "O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
       "Hello world!"},
      {"$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!"},
  };
  for (const auto& row : kRows) {
    EXPECT_TRUE(is_password_hash(row.stored));
    EXPECT_TRUE(check_password(row.stored, row.password));
    EXPECT_FALSE(check_password(row.stored, "hello world!"));
  }
}

TEST(PasswordHash, Refused) {
  for (const char* stored :
       {"", "secret", "$", "$6$", "x$6$salt$hash", "SCRAM-SHA-256$",
        "SCRAM-SHA-256$4096:c2FsdA==$YQ==:YQ==",
        "SCRAM-SHA-256$0:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
        "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
        "SCRAM-SHA-1$4096:c2FsdA==$YQ==:YQ=="}) {
    EXPECT_FALSE(is_password_hash(stored)) << stored;
    EXPECT_FALSE(check_password(stored, stored)) << stored;
  }
}

}  // namespace
}  // namespace barid::crypto
