// Goal: master.cf lines mean what master(5) says; every bad field is named with file and line.
#include "core/config/master_cf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace barid::config {
namespace {

using ::testing::ElementsAre;

std::string messages(const Diagnostics& diagnostics) {
  std::string out;
  for (const Diagnostic& error : diagnostics.errors) out += "E " + error.str() + "\n";
  for (const Diagnostic& warning : diagnostics.warnings) out += "W " + warning.str() + "\n";
  return out;
}

TEST(MasterCf, BadFields) {
  struct Case {
    std::string_view in, messages;
  };
  const Case cases[] = {
      {"smtp inet n - n - - smtpd\n", ""},
      {"smtp inet n - n - -\n", "E m, line 1: missing \"command name\" field\n"},
      {"smtp\n", "E m, line 1: missing \"transport type\" field\n"},
      {"# c\nsmtp tcp n - n - - smtpd\n",
       "E m, line 2: field \"transport type\": bad value: \"tcp\"\n"},
      {"smtp inet x - n - - smtpd\n", "E m, line 1: field \"private\": bad value: \"x\"\n"},
      {"smtp inet y - n - - smtpd\n",
       "E m, line 1: field \"private\": an inet service cannot be private\n"},
      {"smtp inet - - n - - smtpd\n", ""},
      {"smtp inet n no n - - smtpd\n", "E m, line 1: field \"unprivileged\": bad value: \"no\"\n"},
      {"smtp inet n - N - - smtpd\n", "E m, line 1: field \"chroot\": bad value: \"N\"\n"},
      {"smtp inet n - n 1m - smtpd\n", "E m, line 1: field \"wakeup time\": bad value: \"1m\"\n"},
      {"smtp inet n - n -1 - smtpd\n", "E m, line 1: field \"wakeup time\": bad value: \"-1\"\n"},
      {"smtp inet n - n - many smtpd\n",
       "E m, line 1: field \"process limit\": bad value: \"many\"\n"},
      {"0 inet n - n - - smtpd\n", "E m, line 1: field \"service name\": bad value: \"0\"\n"},
      {"h:99999 inet n - n - - smtpd\n",
       "E m, line 1: field \"service name\": bad value: \"h:99999\"\n"},
      {"[::1]25 inet n - n - - smtpd\n",
       "E m, line 1: field \"service name\": bad value: \"[::1]25\"\n"},
      {"smtp inet n - n - - smtpx\n",
       "E m, line 1: field \"command name\": unknown command: \"smtpx\"; did you mean smtpd?\n"},
      {"smtp inet n - n - - SMTPD\n",
       "E m, line 1: field \"command name\": unknown command: \"SMTPD\"; did you mean smtpd?\n"},
      {"smtp inet n - n - 1 postscreen\n",
       "W m, line 1: service smtp/inet: command postscreen is not available in this version; the "
       "service is skipped\n"},
      {"s inet n - n - - smtpd -o\n", "E m, line 1: service s/inet: option -o needs name=value\n"},
      {"s inet n - n - - smtpd -o a\n",
       "E m, line 1: service s/inet: -o a: missing '=' after attribute name\n"},
      {"s inet n - n - - smtpd -o a = b\n",
       "E m, line 1: service s/inet: -o a: missing '=' after attribute name\n"},
      {"s inet n - n - - smtpd -o {a = b c\n",
       "E m, line 1: service s/inet: -o {a = b c: missing '}'\n"},
      {"s inet n - n - - smtpd -o a=b{ c\n",
       "E m, line 1: service s/inet: -o a=b{ c: missing '}'\n"},
      {"s inet n - n - - smtpd -o my-name=b\n",
       "E m, line 1: service s/inet: -o my-name=b: bad parameter name \"my-name\"\n"},
      {"s inet n - n - - smtpd -x\n", "E m, line 1: service s/inet: unknown option: \"-x\"\n"},
      {"  -o a=b\n", "W m: logical line must not start with whitespace: \"  -o a=b\"\n"},
      {"s unix - - n - - smtp\ns unix - - n - - lmtp\n",
       "W m, line 2: duplicate master.cf entry for service \"s\" (1) -- using the last entry\n"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.in);
    Diagnostics diagnostics;
    (void)parse_master_cf(c.in, "m", diagnostics);
    EXPECT_EQ(messages(diagnostics), c.messages);
  }
}

TEST(MasterCf, ColumnsOptionsAndGroups) {
  Diagnostics diagnostics;
  const auto entries = parse_master_cf(
      "submission inet n - n - 10 smtpd\n"
      "  -v -o syslog_name=postfix/submission\n"
      "# a comment in between\n"
      "  -o { smtpd_banner = hello there } -oa=b -vvo c=\n"
      "filter unix - n n - - pipe\n"
      "  flags=Rq user=filter argv=/usr/bin/filter -f ${sender} { two words }\n"
      "pickup unix n - n 60? 0 pickup\n",
      "m", diagnostics);
  EXPECT_EQ(messages(diagnostics), "");
  ASSERT_EQ(entries.size(), 3u);

  const ServiceEntry& submission = entries[0];
  EXPECT_EQ(submission.id(), "submission/inet");
  EXPECT_EQ(submission.limit, 10);
  EXPECT_EQ(submission.verbosity, 3);
  EXPECT_FALSE(submission.private_service);
  EXPECT_EQ(submission.line, 1);
  ASSERT_EQ(submission.overrides.size(), 4u);
  EXPECT_EQ(submission.overrides[0].value, "postfix/submission");
  EXPECT_EQ(submission.overrides[1].name, "smtpd_banner");
  EXPECT_EQ(submission.overrides[1].value, "hello there");
  EXPECT_EQ(submission.overrides[2].name + submission.overrides[2].value, "ab");
  EXPECT_EQ(submission.overrides[3].name + submission.overrides[3].value, "c");

  const ServiceEntry& filter = entries[1];
  EXPECT_TRUE(filter.private_service);
  EXPECT_EQ(filter.limit, -1);
  EXPECT_THAT(filter.command_arguments,
              ElementsAre("flags=Rq", "user=filter", "argv=/usr/bin/filter", "-f", "${sender}",
                          "two words"));
  EXPECT_EQ(entries[2].wakeup_seconds, 60);
  EXPECT_EQ(entries[2].limit, 0);
}

TEST(MasterCf, InetNames) {
  struct Case {
    std::string_view in, host, port;
  };
  const Case cases[] = {{"smtp", "", "smtp"},
                        {"25", "", "25"},
                        {"127.0.0.1:25", "127.0.0.1", "25"},
                        {"[::1]:25", "::1", "25"},
                        {"::1:25", "::1", "25"},
                        {"*:25", "*", "25"},
                        {"[::1]", "", ""},
                        {"host.example:submission", "host.example", "submission"}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.in);
    const InetEndpoint endpoint = parse_inet_name(c.in);
    EXPECT_EQ(endpoint.host, c.host);
    EXPECT_EQ(endpoint.port, c.port);
  }
}

TEST(MasterCf, DefaultsAndBuiltIns) {
  Diagnostics diagnostics;
  const auto entries = parse_master_cf(default_master_cf(), "", diagnostics);
  EXPECT_EQ(messages(diagnostics), "");
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].command, "smtpd");
  EXPECT_EQ(entries[1].name, "127.0.0.1:8025");
  EXPECT_EQ(builtin_services().size(), 8u);
  for (const ServiceEntry& entry : builtin_services()) {
    EXPECT_TRUE(is_delivery_command(entry.command)) << entry.id();
  }
  EXPECT_EQ(find_command("qmgr")->use, CommandUse::kBuiltIn);
  EXPECT_EQ(find_command("nothing"), nullptr);
}

}  // namespace
}  // namespace barid::config
