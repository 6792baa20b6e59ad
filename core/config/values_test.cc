// Goal: typed values accept exactly what the manual says and refuse the rest in the known words.
#include "core/config/values.h"

#include <gtest/gtest.h>

namespace barid::config {
namespace {

TEST(ParseTime, UnitsAndErrors) {
  struct Case {
    std::string_view in;
    char unit;
    int64_t seconds;  // -1: refused
  };
  const Case cases[] = {
      {"5", 's', 5},      {"5", 'd', 432000},       {"5s", 'd', 5},    {"2M", 's', 120},
      {"3h", 's', 10800}, {"1w", 's', 604800},      {"0", 's', 0},     {"", 's', -1},
      {"s", 's', -1},     {"5x", 's', -1},          {"-5", 's', -1},   {"5 s", 's', -1},
      {"1h30m", 's', -1}, {"99999999999", 's', -1}, {"3651w", 's', -1}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.in);
    const auto got = parse_time(c.in, c.unit);
    EXPECT_EQ(got ? got->count() : -1, c.seconds);
  }
}

TEST(ValueError, Texts) {
  struct Case {
    std::string_view name, value, error;
  };
  const Case cases[] = {
      {"smtpd_helo_required", "Yes", ""},
      {"smtpd_helo_required", "true",
       "bad boolean configuration: smtpd_helo_required = true; need yes or no"},
      {"smtpd_recipient_limit", "10", ""},
      {"smtpd_recipient_limit", "10x",
       "bad numerical configuration: smtpd_recipient_limit = 10x; need a whole number"},
      {"smtpd_recipient_limit", "",
       "bad numerical configuration: smtpd_recipient_limit = ; need a whole number"},
      {"smtpd_recipient_limit", "99999999999999999999",
       "bad numerical configuration: smtpd_recipient_limit = 99999999999999999999; need a whole "
       "number"},
      {"smtpd_recipient_limit", "0", "invalid smtpd_recipient_limit parameter value 0 < 1"},
      {"smtpd_recipient_limit", "-1", "invalid smtpd_recipient_limit parameter value -1 < 1"},
      {"delay_logging_resolution_limit", "7",
       "invalid delay_logging_resolution_limit parameter value 7 > 6"},
      {"bounce_queue_lifetime", "101d",
       "invalid bounce_queue_lifetime parameter value 8726400 > 8640000"},
      {"smtpd_timeout", "5 min",
       "parameter smtpd_timeout: bad time value or unit: 5 min; need a number and s, m, h, d or w, "
       "such as 5s"},
      {"smtpd_banner", "", "bad string length 0 < 1: smtpd_banner = ; it must not be empty"},
      {"io_backend", "kqueue",
       "invalid io_backend parameter value \"kqueue\": need one of auto, epoll, io_uring"},
      {"inet_protocols", "ipv4, ipv6", ""},
      {"inet_protocols", "ipv5",
       "invalid inet_protocols parameter value \"ipv5\": need any of all, ipv4, ipv6"},
      {"inet_protocols", "",
       "invalid inet_protocols parameter value \"\": need any of all, ipv4, ipv6"},
      {"notify_classes", "", ""},
      {"myhostname", "mx_1.example.org", ""},
      {"myhostname", "j\xc3\xb6rg.example", ""},
      {"myhostname", "",
       "bad parameter value: myhostname = ; need a host name such as mx.example.org"},
      {"myhostname", "a b",
       "bad parameter value: myhostname = a b; need a host name such as mx.example.org"},
      {"myhostname", "a..b",
       "bad parameter value: myhostname = a..b; need a host name such as mx.example.org"},
      {"myhostname", "a.b.",
       "bad parameter value: myhostname = a.b.; need a host name such as mx.example.org"},
      {"myhostname", "-a.b",
       "bad parameter value: myhostname = -a.b; need a host name such as mx.example.org"},
      {"myhostname", "[192.0.2.1]",
       "bad parameter value: myhostname = [192.0.2.1]; need a host name such as mx.example.org"},
      {"smtp_helo_name", "[192.0.2.1]", ""},
      {"smtp_helo_name", "[IPv6:2001:db8::1]", ""},
      {"smtp_helo_name", "[x]",
       "bad parameter value: smtp_helo_name = [x]; need a host name such as mx.example.org"},
      {"dns_forwarders", "127.0.0.1@5353, [2001:db8::1]@53 192.0.2.1", ""},
      {"dns_forwarders", "recursive", ""},
      {"dns_forwarders", "dns.example@53",
       "invalid dns_forwarders parameter value \"dns.example@53\": need address@port"},
      {"dns_forwarders", "127.0.0.1@70000",
       "invalid dns_forwarders parameter value \"127.0.0.1@70000\": need address@port"},
      {"retry_schedule", "1m 5m, 1h", ""},
      {"retry_schedule", "", ""},
      {"retry_schedule", "1m soon",
       "parameter retry_schedule: bad time value or unit: soon; need a number and s, m, h, d or w, "
       "such as 5s"},
      {"retry_schedule", "0s", "invalid retry_schedule parameter value 0s < 1"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Parameter* parameter = find_parameter(c.name);
    ASSERT_NE(parameter, nullptr);
    EXPECT_EQ(value_error(*parameter, c.name, c.value, 's'), c.error);
  }
}

TEST(CompareLevels, PartsAreNumbers) {
  EXPECT_EQ(compare_levels("2", "3.6"), -1);
  EXPECT_EQ(compare_levels("3.6", "3.6.0"), 0);
  EXPECT_EQ(compare_levels("3.10", "3.9"), 1);
  EXPECT_EQ(compare_levels("3.10", "x"), std::nullopt);
  EXPECT_EQ(compare_levels("", "1"), std::nullopt);
  EXPECT_EQ(compare_levels("1.2.3.4", "1"), std::nullopt);
  EXPECT_EQ(compare_levels("1.", "1"), std::nullopt);
}

}  // namespace
}  // namespace barid::config
