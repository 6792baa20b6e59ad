// Goal: records are read as RFC 6376 says and written so that they read the same. Method: rows.
#include "core/mail/dkim_record.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace barid::dkim {
namespace {

TEST(DkimRecord, Good) {
  const struct {
    const char* text;
    const char* type;
    const char* key;
    bool mail;
    bool testing;
  } kRows[] = {
      {"v=DKIM1; k=rsa; p=YWJj", "rsa", "abc", true, false},
      {"p=YWJj", "rsa", "abc", true, false},
      {"v=DKIM1;p=", "rsa", "", true, false},
      {" v = DKIM1 ; k = Ed25519 ;\tp = YW Jj ; ", "ed25519", "abc", true, false},
      {"v=DKIM1; t=y:s; s=tlsrpt:x; x-new=1; p=YWJj", "rsa", "abc", false, true},
      {"v=DKIM1; s=email; h=sha256; p=YWJj;", "rsa", "abc", true, false},
  };
  for (const auto& row : kRows) {
    const ParsedKeyRecord parsed = parse_key_record(row.text);
    EXPECT_EQ(parsed.problem, "") << row.text;
    EXPECT_EQ(parsed.record.key_type, row.type);
    EXPECT_EQ(parsed.record.public_key, row.key);
    EXPECT_EQ(parsed.record.for_mail, row.mail);
    EXPECT_EQ(parsed.record.testing, row.testing);
  }
}

TEST(DkimRecord, Bad) {
  const struct {
    const char* text;
    const char* problem;
  } kRows[] = {
      {"", "it has no p="},
      {"v=DKIM1; k=rsa", "it has no p="},
      {"v=DKIM2; p=YWJj", "its version is not DKIM1"},
      {"p=YWJj; v=DKIM1", "v= is not its first tag"},
      {"v=DKIM1; p=YW?", "p= is not base64"},
      {"v=DKIM1; p=YWJj; p=YWJj", "a tag is there twice"},
      {"hello", "it is not a list of name=value"},
  };
  for (const auto& row : kRows) EXPECT_EQ(parse_key_record(row.text).problem, row.problem);
}

TEST(DkimRecord, Written) {
  const std::string key(300, 'k');
  const std::string text = format_key_record("rsa", key);
  EXPECT_EQ(parse_key_record(text).record.public_key, key);
  const std::string line = zone_line(key_record_name("s1", "example.com"), text);
  EXPECT_TRUE(line.starts_with("s1._domainkey.example.com. IN TXT ( \"v=DKIM1; k=rsa; p="));
  EXPECT_TRUE(line.ends_with("\" )"));
  EXPECT_EQ(std::count(line.begin(), line.end(), '"'), 4);
  EXPECT_EQ(zone_line("a", "x\"y"), "a. IN TXT ( \"x\\\"y\" )");
}

}  // namespace
}  // namespace barid::dkim
