// Goal: what an endpoint may be, how it is kept and shown, where it may lead, and its signatures.
// Method: rows; the signature that the standard's own example gives.
#include "http/webhook/endpoint.h"

#include <gtest/gtest.h>

#include "http/submit/email_id.h"
#include "http/webhook/signature.h"

namespace barid::http {
namespace {

const WallTime kNow = wall_from_micros(1'700'000'000'000'000);

TEST(Endpoint, ReadKeptAndShown) {
  Endpoint endpoint{.id = {.micros = 1'700'000'000'000'000, .partition = 3},
                    .tenant = "a \"b\"",
                    .secret = make_webhook_secret(std::string(kSecretRandomBytes, 'x')),
                    .created = kNow,
                    .since = kNow,
                    .replays = 2,
                    .replay_after = {.micros = 7, .partition = 1}};
  endpoint.name = make_email_id(endpoint.id, 5);
  const auto body = parse_json(
      R"({"endpoint":"https://example.com/hook?x=1","events":["email.sent","email.bounced","email.sent"]})");
  const auto error =
      read_endpoint(*body, EndpointChange::kCreate, AddressPolicy(), kNow, &endpoint);
  ASSERT_FALSE(error) << error->message;
  EXPECT_EQ(endpoint.events, (std::vector<std::string>{"email.sent", "email.bounced"}));
  const auto again = parse_endpoint(endpoint_record(endpoint));
  ASSERT_TRUE(again);
  EXPECT_EQ(endpoint_record(*again), endpoint_record(endpoint));
  EXPECT_EQ(again->id, endpoint.id);
  EXPECT_TRUE(again->wants("a \"b\"", "email.sent"));
  EXPECT_FALSE(again->wants("a \"b\"", "email.delivered"));
  EXPECT_FALSE(again->wants("other", "email.sent"));
  EXPECT_NE(view_endpoint(*again, EndpointView::kWhole).find("whsec_"), std::string::npos);
  EXPECT_EQ(view_endpoint(*again, EndpointView::kListed).find("whsec_"), std::string::npos);
  for (const std::string_view record : {"", "{}", "{\"id\":\"x\",\"secret\":\"whsec_\"}"}) {
    EXPECT_FALSE(parse_endpoint(record)) << record;
  }
}

TEST(Endpoint, Refused) {
  const struct {
    std::string_view body, name, param;
  } cases[] = {
      {R"({"events":["email.sent"]})", "missing_required_field", "endpoint"},
      {R"({"endpoint":"https://a.example"})", "missing_required_field", "events"},
      {R"({"endpoint":7,"events":["email.sent"]})", "validation_error", "endpoint"},
      {R"({"endpoint":"a","events":["email.sent"]})", "validation_error", "endpoint"},
      {R"({"endpoint":"ftp://a.example","events":["email.sent"]})", "validation_error", "endpoint"},
      {R"({"endpoint":"https://u:p@a.example","events":["email.sent"]})", "validation_error",
       "endpoint"},
      {R"({"endpoint":"http://10.1.2.3/","events":["email.sent"]})", "validation_error",
       "endpoint"},
      {R"({"endpoint":"http://0x7f.1/","events":["email.sent"]})", "validation_error", "endpoint"},
      {R"({"endpoint":"http://2130706433/","events":["email.sent"]})", "validation_error",
       "endpoint"},
      {R"({"endpoint":"http://[::ffff:127.0.0.1]/","events":["email.sent"]})", "validation_error",
       "endpoint"},
      {R"({"endpoint":"http://192.168.1.1./","events":["email.sent"]})", "validation_error",
       "endpoint"},
      {R"({"endpoint":"http://localhost:80/","events":["email.sent"]})", "validation_error",
       "endpoint"},
      {R"({"endpoint":"https://a.example","events":[]})", "validation_error", "events"},
      {R"({"endpoint":"https://a.example","events":["email.nosuch"]})", "validation_error",
       "events"},
      {R"({"endpoint":"https://a.example","events":["email.sent"],"status":"on"})",
       "validation_error", "status"},
      {R"([])", "validation_error", "body"},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.body);
    Endpoint endpoint;
    const auto error = read_endpoint(*parse_json(one.body), EndpointChange::kCreate,
                                     AddressPolicy(), kNow, &endpoint);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->status, 422);
    EXPECT_EQ(error->name, one.name);
    EXPECT_EQ(error->param, one.param);
  }
}

TEST(Endpoint, EnabledAgainStartsAnew) {
  Endpoint endpoint{.enabled = false, .disabled_reason = "gone"};
  const auto body = parse_json(R"({"status":"enabled"})");
  ASSERT_FALSE(read_endpoint(*body, EndpointChange::kUpdate, AddressPolicy(), kNow, &endpoint));
  EXPECT_TRUE(endpoint.enabled);
  EXPECT_EQ(endpoint.disabled_reason, "");
  EXPECT_EQ(endpoint.since, kNow);
}

TEST(AddressPolicy, PublicOnlyUnlessNamed) {
  std::string problem;
  const AddressPolicy policy = AddressPolicy::parse("127.0.0.0/8, [fd00:1::]/32", &problem);
  ASSERT_EQ(problem, "");
  const struct {
    std::string_view address;
    bool usually, named;
  } cases[] = {
      {"93.184.216.34", true, true},
      {"127.0.0.1", false, true},
      {"10.0.0.1", false, false},
      {"172.16.0.1", false, false},
      {"172.32.0.1", true, true},
      {"192.168.1.1", false, false},
      {"169.254.169.254", false, false},
      {"100.64.0.1", false, false},
      {"0.0.0.0", false, false},
      {"224.0.0.1", false, false},
      {"255.255.255.255", false, false},
      {"::", false, false},
      {"::1", false, false},
      {"fe80::1", false, false},
      {"fd00:1::5", false, true},
      {"fd00:2::5", false, false},
      {"::ffff:10.0.0.1", false, false},
      {"::ffff:127.0.0.1", false, true},
      {"64:ff9b::a00:1", false, false},
      {"64:ff9b::5db8:d822", true, true},
      {"2002:a00:1::1", false, false},
      {"2606:2800:220:1::1", true, true},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.address);
    const auto address = lookup::IpAddress::parse(one.address);
    ASSERT_TRUE(address);
    EXPECT_EQ(AddressPolicy().allows(*address), one.usually);
    EXPECT_EQ(policy.allows(*address), one.named);
  }
  static_cast<void>(AddressPolicy::parse("10.0.0.1/8", &problem));
  EXPECT_NE(problem.find("10.0.0.1/8"), std::string::npos);
}

TEST(Signature, AsTheStandardSays) {
  EXPECT_EQ(sign_webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
                         1614265330, "{\"test\": 2432232314}"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  const auto fields = webhook_fields("whsec_AAAA", "id", 5, "{}");
  ASSERT_EQ(fields.size(), 6u);
  EXPECT_EQ(fields[0], "webhook-id: id");
  EXPECT_EQ(fields[4], "svix-timestamp: 5");
  EXPECT_EQ(fields[2].substr(fields[2].find(' ')), fields[5].substr(fields[5].find(' ')));
}

TEST(EndpointList, VersionsAndTenants) {
  EndpointList list;
  const uint64_t before = list.version();
  list.put({.id = {.micros = 1}, .tenant = "a"});
  list.put({.id = {.micros = 2}, .tenant = "b"});
  list.put({.id = {.micros = 1}, .tenant = "a", .enabled = false});
  EXPECT_EQ(list.version(), before + 3);
  EXPECT_EQ(list.size(), 2u);
  EXPECT_FALSE(list.find({.micros = 1})->enabled);
  EXPECT_EQ(list.of("b").size(), 1u);
  list.erase({.micros = 1});
  EXPECT_FALSE(list.find({.micros = 1}));
}

}  // namespace
}  // namespace barid::http
