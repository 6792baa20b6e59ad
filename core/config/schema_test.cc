// Goal: the compiled-in table is complete and sound, and near misses find the name that was meant.
#include "core/config/schema.h"

#include <gtest/gtest.h>

#include "core/config/expand.h"

namespace barid::config {
namespace {

TEST(Schema, FactsOfSomeParameters) {
  struct Case {
    std::string_view name, default_value, check;
    ValueType type;
    Effect effect;
  };
  const Case cases[] = {
      {"maximal_queue_lifetime", "5d", "0..8640000", ValueType::kTime, Effect::kLive},
      {"inet_interfaces", "all", "", ValueType::kString, Effect::kRestart},
      {"queue_run_delay", "300s", "1..", ValueType::kTime, Effect::kNone},
      {"queue_directory", "/var/spool/barid", "not empty", ValueType::kString, Effect::kRestart},
      {"io_backend", "auto", "one of auto, epoll, io_uring", ValueType::kString, Effect::kRestart},
      {"smtp_dns_support_level", "", "one of empty, disabled, enabled, dnssec", ValueType::kString,
       Effect::kLive},
      {"smtpd_hard_error_limit", "${stress?{1}:{20}}", "1..", ValueType::kInt, Effect::kLive},
      {"compatibility_level", "3.11", "", ValueType::kString, Effect::kLive},
      {"smtpd_expansion_filter",
       "\\t\\40!\"#$%&'()*+,-./0123456789:;<=>?@ ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\\\]^_` "
       "abcdefghijklmnopqrstuvwxyz{|}~",
       "not empty", ValueType::kRaw, Effect::kNone},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Parameter* parameter = find_parameter(c.name);
    ASSERT_NE(parameter, nullptr);
    EXPECT_EQ(parameter->default_value, c.default_value);
    EXPECT_EQ(describe_check(*parameter), c.check);
    EXPECT_EQ(parameter->type, c.type);
    EXPECT_EQ(parameter->effect, c.effect);
  }
}

TEST(Schema, EveryRowIsSound) {
  EXPECT_GT(all_parameters().size(), 900u);
  for (const Parameter& parameter : all_parameters()) {
    SCOPED_TRACE(parameter.name);
    EXPECT_FALSE(parameter.description.empty());
    EXPECT_EQ(find_parameter(parameter.name), &parameter);
    EXPECT_LE(parameter.minimum, parameter.maximum);
  }
  EXPECT_EQ(find_parameter("nonsense"), nullptr);
  EXPECT_EQ(find_parameter(""), nullptr);
}

TEST(Schema, TransportFallbacksExist) {
  for (const TransportParameter& parameter : transport_parameters()) {
    EXPECT_NE(find_parameter(parameter.fallback), nullptr) << parameter.fallback;
  }
}

TEST(Schema, NearestName) {
  struct Case {
    std::string_view in, out;
  };
  const Case cases[] = {{"smtpd_baner", "smtpd_banner"},
                        {"mynetwork", "mynetworks"},
                        {"my_hostname", "myhostname"},
                        {"slow_destination_concurency_limit", "slow_destination_concurrency_limit"},
                        {"completely_different_thing_altogether", ""},
                        {"x", ""}};
  const std::vector<std::string> more = {"slow_destination_concurrency_limit"};
  for (const Case& c : cases) EXPECT_EQ(nearest_name(c.in, more), c.out) << c.in;
}

}  // namespace
}  // namespace barid::config
