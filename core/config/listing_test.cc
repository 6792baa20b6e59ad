// Goal: listings look the way postconf(1) prints them.
#include "core/config/listing.h"

#include <gtest/gtest.h>

namespace barid::config {
namespace {

TEST(FormatSetting, Styles) {
  struct Case {
    std::string_view name, value;
    ListingStyle style;
    std::string_view out;
  };
  const Case cases[] = {
      {"a", "b", {}, "a = b\n"},
      {"a", "", {}, "a =\n"},
      {"a", "b,\t  c", {}, "a = b, c\n"},
      {"a", "b", {.hide_name = true}, "b\n"},
      {"a", "", {.hide_name = true}, "\n"},
      {"a", "b", {.hide_value = true}, "a\n"},
      {"a",
       "q\"\\\n\xff\xc3\xa4",
       {.json = true},
       "{\"a\": \"q\\\"\\\\\\n\xef\xbf\xbd\xc3\xa4\"}\n"},
      {"smtpd_recipient_restrictions",
       "permit_mynetworks, reject_unauth_destination, reject_unknown_recipient_domain",
       {.fold = true},
       "smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination,\n"
       "    reject_unknown_recipient_domain\n"},
  };
  for (const Case& c : cases) EXPECT_EQ(format_setting(c.name, c.value, c.style), c.out);
}

TEST(Listing, SecretsAreNotShown) {
  const struct {
    const char* name;
    const char* value;
    const char* shown;
  } kRows[] = {
      {"smtp_sasl_password_maps", "inline:{ mx=me:secret }", "inline:(hidden)"},
      {"smtp_sasl_password_maps", "texthash:/etc/p, static:me:secret",
       "texthash:/etc/p, static:(hidden)"},
      {"lmtp_sasl_password_maps", "inline:{ { a = me:secret, b } }", "inline:(hidden)"},
      {"smtpd_sasl_passwd_maps", "texthash:/etc/users", "texthash:/etc/users"},
      {"transport_maps", "inline:{ a=b: }", "inline:{ a=b: }"},
  };
  for (const auto& row : kRows) {
    EXPECT_EQ(without_secrets(row.name, row.value), row.shown);
    const std::string line = format_setting(row.name, row.value, {});
    EXPECT_EQ(line.find("secret"), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace barid::config
