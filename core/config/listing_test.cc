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
       "{\"a\": \"q\\\"\\\\\\u000a\\ufffd\xc3\xa4\"}\n"},
      {"smtpd_recipient_restrictions",
       "permit_mynetworks, reject_unauth_destination, reject_unknown_recipient_domain",
       {.fold = true},
       "smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination,\n"
       "    reject_unknown_recipient_domain\n"},
  };
  for (const Case& c : cases) EXPECT_EQ(format_setting(c.name, c.value, c.style), c.out);
}

}  // namespace
}  // namespace barid::config
