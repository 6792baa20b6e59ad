// Goal: a load gives either a snapshot whose getters all work, or errors with file and line.
// Method: files that are strings, facts that are constants.
#include "core/config/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace barid::config {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

struct Fixture {
  std::map<std::string, std::string> files;
  LoadOptions options;

  Fixture(std::string main_cf, std::string master_cf = "-") {
    if (main_cf != "-") files["/c/main.cf"] = std::move(main_cf);
    if (master_cf != "-") files["/c/master.cf"] = std::move(master_cf);
    options.directory = "/c";
    options.host = {.host_name = "mx.example.com",
                    .interfaces = {{*lookup::IpAddress::parse("127.0.0.1"), 8},
                                   {*lookup::IpAddress::parse("192.0.2.5"), 24},
                                   {*lookup::IpAddress::parse("::1"), 128}}};
  }
  LoadResult load() {
    options.read_file = [this](const std::string& path) -> Result<std::string> {
      const auto it = files.find(path);
      if (it == files.end()) return error_from_errno(path == "/c/denied" ? EACCES : ENOENT);
      return it->second;
    };
    return Configuration::load(options);
  }
};

std::string messages(const LoadResult& result) {
  std::string out;
  for (const Diagnostic& error : result.diagnostics.errors) out += "E " + error.str() + "\n";
  for (const Diagnostic& warning : result.diagnostics.warnings) out += "W " + warning.str() + "\n";
  return out;
}

TEST(Configuration, DefaultsWithoutFiles) {
  const LoadResult result = Fixture("-").load();
  ASSERT_TRUE(result.ok()) << messages(result);
  EXPECT_EQ(messages(result), "");
  const Configuration& config = *result.configuration;
  EXPECT_EQ(config.get("myhostname"), "mx.example.com");
  EXPECT_EQ(config.get("mydomain"), "example.com");
  EXPECT_EQ(config.get("myorigin"), "mx.example.com");
  EXPECT_EQ(config.get("mydestination"), "mx.example.com, localhost.example.com, localhost");
  EXPECT_EQ(config.get("mynetworks"), "127.0.0.1/32 192.0.2.5/32 [::1]/128");
  EXPECT_EQ(config.get("smtpd_banner"), "mx.example.com ESMTP Barid");
  EXPECT_EQ(config.get("config_directory"), "/c");
  EXPECT_EQ(config.get("relay_domains"), "");
  EXPECT_EQ(config.get("syslog_name"), "postfix");
  EXPECT_EQ(config.get("smtpd_relay_restrictions"),
            "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination");
  EXPECT_EQ(config.get_time("smtpd_timeout"), 300s);
  EXPECT_EQ(config.get_time("maximal_queue_lifetime"), 120h);
  EXPECT_EQ(config.get_int("message_size_limit"), 10240000);
  EXPECT_TRUE(config.get_bool("smtputf8_enable"));
  EXPECT_TRUE(config.get_times("retry_schedule").empty());
  EXPECT_EQ(config.get_transport_int("smtp", "_destination_concurrency_limit"), 20);
  EXPECT_EQ(config.get_transport_int("local", "_destination_recipient_limit"), 1);
  EXPECT_EQ(config.get_transport_int("unheard_of", "_destination_recipient_limit"), 50);
  ASSERT_EQ(config.services().size(), 2u);
  EXPECT_EQ(config.find_transport("relay")->command, "relay");
  EXPECT_EQ(config.find_transport("nothing"), nullptr);
  EXPECT_TRUE(config.parent_matches_subdomains("mynetworks"));
  EXPECT_FALSE(config.parent_matches_subdomains("transport_maps"));
}

TEST(Configuration, EveryDefaultOfEveryLevelIsValid) {
  for (const char* level : {"0", "1", "2", "3.6", "3.11"}) {
    const LoadResult result = Fixture("compatibility_level = " + std::string(level)).load();
    EXPECT_EQ(messages(result), "");
    ASSERT_TRUE(result.ok());
    for (const Parameter& parameter : all_parameters()) {
      if (parameter.type == ValueType::kInt) (void)result.configuration->get_int(parameter.name);
      if (parameter.type == ValueType::kBool) (void)result.configuration->get_bool(parameter.name);
      if (parameter.type == ValueType::kTime) (void)result.configuration->get_time(parameter.name);
    }
  }
  Fixture old("compatibility_level = 0");
  const LoadResult result = old.load();
  EXPECT_EQ(result.configuration->get("mynetworks"), "127.0.0.0/8 192.0.2.0/24 [::1]/128");
  EXPECT_EQ(result.configuration->get("relay_domains"),
            "mx.example.com, localhost.example.com, localhost");
  EXPECT_FALSE(result.configuration->get_bool("smtputf8_enable"));
}

TEST(Configuration, ErrorsHaveFileAndLine) {
  struct Case {
    std::string_view main_cf, messages;
  };
  const Case cases[] = {
      {"smtpd_helo_required = maybe\n",
       "E /c/main.cf, line 1: bad boolean configuration: smtpd_helo_required = maybe; need yes or "
       "no\n"},
      {"\n\nsmtpd_timeout = soon\n",
       "E /c/main.cf, line 3: parameter smtpd_timeout: bad time value or unit: soon; need a number "
       "and s, m, h, d or w, such as 5s\n"},
      {"my_limit = 0\nsmtpd_recipient_limit = $my_limit\n",
       "E /c/main.cf, line 2: invalid smtpd_recipient_limit parameter value 0 < 1\n"},
      {"compatibility_level = new\n",
       "E /c/main.cf, line 1: malformed compatibility level: \"new\" <level \"2\"\n"},
      {"myorigin = $mydomain\nmydomain = $myorigin\n",
       "E /c/main.cf, line 2: parameter mydomain: expansion loop: mydomain -> myorigin -> "
       "mydomain\n"
       "E /c/main.cf, line 1: parameter myorigin: expansion loop: myorigin -> mydomain -> "
       "myorigin\n"},
      {"mail_name =\n",
       "E /c/main.cf, line 1: bad string length 0 < 1: mail_name = ; it must not be empty\n"},
      {"relayhost = ${x\n",
       "E /c/main.cf, line 1: truncated macro reference: \"${x\"\n"
       "W /c/main.cf, line 1: undefined parameter: x\n"},
      {"a b\nsmtpd_timeout = soon\n",
       "E /c/main.cf, line 1: missing '=' after attribute name: \"a b\"\n"},
      {"maillog_file = /tmp/log\n",
       "E /c/main.cf, line 1: maillog_file = /tmp/log does not match any prefix in "
       "maillog_file_prefixes\n"},
      {"myorigin = /etc/mailname\n",
       "E /c/main.cf, line 1: myorigin: open /etc/mailname: No such file or directory\n"},
      {"smtp_destination_concurrency_limit = x\n",
       "E /c/main.cf, line 1: bad numerical configuration: smtp_destination_concurrency_limit = "
       "x; need a whole number\n"},
      {"default_destination_concurrency_limit = x\n",
       "E /c/main.cf, line 1: bad numerical configuration: default_destination_concurrency_limit = "
       "x; need a whole number\n"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.main_cf);
    const LoadResult result = Fixture(std::string(c.main_cf)).load();
    EXPECT_FALSE(result.ok());
    EXPECT_EQ(messages(result), c.messages);
  }
}

TEST(Configuration, NamesThatNobodyUses) {
  struct Case {
    std::string_view main_cf, messages;
  };
  const Case cases[] = {
      {"smtpd_baner = x\n",
       "W /c/main.cf, line 1: unused parameter: smtpd_baner=x (did you mean smtpd_banner?)\n"},
      {"zzz_qqq_unheard = x\n", "W /c/main.cf, line 1: unused parameter: zzz_qqq_unheard=x\n"},
      {"indexed = inline:\nrelayhost = ${indexed}\n", ""},
      {"relayhost = $nowhere\n", "W /c/main.cf, line 1: undefined parameter: nowhere\n"},
      {"smtpd_restriction_classes = strict\nstrict = reject\n", ""},
      {"fallback_relay = x.example\n", ""},
      {"slow_destination_concurrency_limit = 2\n", ""},
      {"sloow_destination_concurrency_limit = 2\n",
       "W /c/main.cf, line 1: unused parameter: sloow_destination_concurrency_limit=2 (did you "
       "mean "
       "slow_destination_concurrency_limit?)\n"},
      {"default_rbl_reply = $rbl_code no\n", ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.main_cf);
    const LoadResult result =
        Fixture(std::string(c.main_cf), "slow unix - - n - - smtp\nslow2 inet n - n - - smtpd\n")
            .load();
    EXPECT_TRUE(result.ok());
    EXPECT_EQ(messages(result), c.messages);
  }
}

TEST(Configuration, ServiceOverrides) {
  Fixture fixture(
      "smtpd_banner = $myhostname $greeting\ngreeting = global\n",
      "smtp inet n - n - - smtpd -o greeting=special -o smtpd_timeout=10 -o stress=yes\n"
      "587 inet n - n - - smtpd -o syslog_name=postfix/$service_name\n");
  const LoadResult result = fixture.load();
  ASSERT_TRUE(result.ok()) << messages(result);
  EXPECT_EQ(messages(result), "");
  const Configuration& config = *result.configuration;
  const auto smtp = config.service(config.services()[0]);
  EXPECT_EQ(smtp.get("smtpd_banner"), "mx.example.com special");
  EXPECT_EQ(config.get("smtpd_banner"), "mx.example.com global");
  EXPECT_EQ(smtp.get_time("smtpd_timeout"), 10s);
  EXPECT_EQ(smtp.get_int("smtpd_hard_error_limit"), 1);
  EXPECT_EQ(config.service(config.services()[1]).get("syslog_name"), "postfix/587");
}

TEST(Configuration, ServiceErrors) {
  Fixture fixture(
      "-", "# x\nsmtp inet n - n - -\n  smtpd -o smtpd_helo_required=maybe -o smtpd_baner=x\n");
  EXPECT_EQ(messages(fixture.load()),
            "E /c/master.cf, line 2: service smtp/inet: bad boolean configuration: "
            "smtpd_helo_required = maybe; need yes or no\n"
            "W /c/master.cf, line 2: service smtp/inet: unused parameter: smtpd_baner=x (did you "
            "mean smtpd_banner?)\n");
}

TEST(Configuration, EnvironmentAndCommandLine) {
  Fixture fixture("myhostname = file.example\nrelayhost = file\n");
  fixture.options.environment = {{"BARID_MYHOSTNAME", " env.example "},
                                 {"BARID_SMTP_TLS_CAFILE", "/ca.pem"},
                                 {"BARID_SMTP_DESTINATION_CONCURRENCY_LIMIT", "7"},
                                 {"BARID_SMTPD_BANNR", "x"},
                                 {"BARID_PORT_25_TCP", "tcp://10.0.0.1:25"},
                                 {"BARID_SERVICE_HOST", "10.0.0.1"},
                                 {"MYHOSTNAME", "ignored.example"}};
  fixture.options.overrides = {{"relayhost", "command"}};
  const LoadResult result = fixture.load();
  EXPECT_EQ(messages(result),
            "W environment variable BARID_SMTPD_BANNR: unknown parameter (did you mean "
            "smtpd_banner?)\n");
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.configuration->get("myhostname"), "env.example");
  EXPECT_EQ(result.configuration->get("smtp_tls_CAfile"), "/ca.pem");
  EXPECT_EQ(result.configuration->get_transport_int("smtp", "_destination_concurrency_limit"), 7);
  EXPECT_EQ(result.configuration->get("relayhost"), "command");

  Fixture bad("-");
  bad.options.environment = {{"BARID_SHARD_COUNT", "two"}};
  EXPECT_EQ(messages(bad.load()),
            "E environment variable BARID_SHARD_COUNT: bad numerical configuration: shard_count = "
            "two; need a whole number\n");
}

/// Readers compare the whole value with "all".
TEST(Configuration, NamesOfInterfacesBecomeAddresses) {
  for (const auto& [main_cf, value] :
       {std::pair{"", "all"}, std::pair{"inet_interfaces = loopback-only\n", "loopback-only"},
        std::pair{"inet_interfaces = 192.0.2.5, named\n", "192.0.2.5 192.0.2.9"}}) {
    Fixture fixture(main_cf);
    fixture.options.host.resolve = [](const std::string&) {
      return std::vector<lookup::IpAddress>{*lookup::IpAddress::parse("192.0.2.9")};
    };
    const LoadResult result = fixture.load();
    ASSERT_TRUE(result.ok()) << messages(result);
    EXPECT_EQ(result.configuration->get("inet_interfaces"), value);
    EXPECT_EQ(result.configuration->get("proxy_interfaces"), "");
  }
}

TEST(Configuration, IdentityAndLists) {
  Fixture fixture(
      "mydomain = corp.example\nmyorigin = /etc/mailname\nproxy_interfaces = 198.51.100.1\n"
      "smtpd_recipient_restrictions = permit_mynetworks,\n  { check_x a, b } reject\n"
      "maximal_backoff_time = 2h\nmaximal_queue_lifetime = 3\nretry_schedule = 1m 5m\n");
  fixture.files["/etc/mailname"] = "origin.example \nmore\n";
  fixture.options.host.host_name = "mx";
  const LoadResult result = fixture.load();
  ASSERT_TRUE(result.ok()) << messages(result);
  const Configuration& config = *result.configuration;
  EXPECT_EQ(config.get("myhostname"), "mx.corp.example");
  EXPECT_EQ(config.get("myorigin"), "origin.example");
  EXPECT_EQ(config.get("mynetworks"), "127.0.0.1/32 192.0.2.5/32 [::1]/128");
  EXPECT_THAT(config.get_list("smtpd_recipient_restrictions"),
              ElementsAre("permit_mynetworks", "check_x a, b", "reject"));
  EXPECT_EQ(config.get_time("maximal_backoff_time"), 2h);
  EXPECT_EQ(config.get_time("maximal_queue_lifetime"), 72h);
  EXPECT_THAT(config.get_times("retry_schedule"), ElementsAre(60s, 300s));
  EXPECT_EQ(config.own_addresses().size(), 4u);
}

TEST(Configuration, MasterServiceDisable) {
  const std::string master =
      "smtp inet n - n - - smtpd\n587 inet n - n - - smtpd\nslow unix - - n - - smtp\n";
  EXPECT_EQ(Fixture("master_service_disable = 587/inet\n", master)
                .load()
                .configuration->services()
                .size(),
            2u);
  EXPECT_EQ(
      Fixture("master_service_disable = inet\n", master).load().configuration->services().size(),
      1u);
}

TEST(Configuration, UnreadableFileIsAnError) {
  Fixture fixture("-");
  fixture.options.read_file = [](const std::string&) -> Result<std::string> {
    return error_from_errno(EACCES);
  };
  EXPECT_EQ(messages(Configuration::load(fixture.options)),
            "E /c/main.cf: open /c/main.cf: Permission denied\n"
            "E /c/master.cf: open /c/master.cf: Permission denied\n");
}

}  // namespace
}  // namespace barid::config
