// Goal: what an AWS SDK signs is verified, and nothing else: not another body, field, path, time or
// secret. Method: the vector get-vanilla of AWS's test suite, and what botocore signs; rows of
// changes.
#include "http/submit/signature_v4.h"

#include <gtest/gtest.h>

#include "http/submit/api_keys.h"

namespace barid::http {
namespace {

constexpr std::string_view kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr int64_t kSignedAt = 1'440'938'160;  // 2015-08-30 12:36:00

std::string authorization(std::string_view service, std::string_view headers,
                          std::string_view signature) {
  return "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/" + std::string(service) +
         "/aws4_request, SignedHeaders=" + std::string(headers) +
         ", Signature=" + std::string(signature);
}

Request request_of(std::string method, std::string target, std::string_view body) {
  Request request{.method_text = std::move(method), .target_text = std::move(target)};
  request.fields = {{.name = "X-Amz-Date", .value = "20150830T123600Z"}};
  request.body = ContentRef::make();
  request.body->append(body);
  return request;
}

/// As botocore signs it.
Request ses_request() {
  Request request = request_of("POST", "/v2/email/outbound-emails", R"({"a":1})");
  request.fields.push_back({.name = "Host", .value = "127.0.0.1:8025"});
  request.fields.push_back({.name = "Content-Type", .value = "application/json"});
  request.fields.push_back({.name = "X-Amz-User-Agent", .value = "a  b   c"});
  request.fields.push_back(
      {.name = "Authorization",
       .value = authorization("ses", "content-type;host;x-amz-date;x-amz-user-agent",
                              "de6cc89e1024ff0de02c29e9dde4cf6471b26e6fd90e99024a643852829ab6a0")});
  return request;
}

TEST(SignatureV4, AsOthersSign) {
  std::string problem;
  constexpr std::string_view kVanilla =
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
  auto claim = parse_signature_v4(authorization("service", "host;x-amz-date", kVanilla), &problem);
  ASSERT_TRUE(claim.has_value()) << problem;
  Request request = request_of("GET", "/", "");
  request.fields.push_back({.name = "host", .value = "example.amazonaws.com"});
  EXPECT_EQ(sign_v4(*claim, request, signature_v4_digest(request), kSecret), kVanilla);
  constexpr std::string_view kEncoded =
      "4dee10c7e28b1412b3c33dd4084f98ad1f6f88defed2485ff26785adba028790";
  claim = parse_signature_v4(authorization("ses", "host;x-amz-date", kEncoded), &problem);
  ASSERT_TRUE(claim.has_value()) << problem;
  request = request_of("POST", "/a%20b/c*d", "");
  request.fields.push_back({.name = "host", .value = "127.0.0.1:8025"});
  EXPECT_EQ(sign_v4(*claim, request, signature_v4_digest(request), kSecret), kEncoded);
}

ApiKeys keys_with(std::string_view secret) {
  const lookup::OpenContext context;
  return {{},
          true,
          lookup::TableList(
              "http_access_key_maps",
              "inline:{ {AKIDEXAMPLE = secret=" + std::string(secret) + " tenant=t scopes=send} }",
              context)};
}

Field& field_of(Request& request, std::string_view name) {
  for (Field& field : request.fields) {
    if (field.name == name) return field;
  }
  return request.fields.emplace_back(Field{.name = std::string(name), .value = ""});
}

TEST(SignatureV4, OnlyWhatWasSigned) {
  const ApiKeys keys = keys_with(kSecret);
  ASSERT_TRUE(keys.needs_key());
  const auto error_at = [&](const Request& request, int64_t seconds, Scope scope = kScopeSend) {
    return std::string(
        keys.authorize(request, scope, wall_from_micros(seconds * 1'000'000)).error.name);
  };
  const ApiKeys::Answer good =
      keys.authorize(ses_request(), kScopeSend, wall_from_micros(kSignedAt * 1'000'000));
  ASSERT_TRUE(good.principal.has_value()) << good.error.message;
  EXPECT_EQ(good.principal->tenant, "t");
  EXPECT_EQ(good.principal->key_digest.size(), 64u);
  EXPECT_EQ(error_at(ses_request(), kSignedAt + 300), "");
  EXPECT_EQ(error_at(ses_request(), kSignedAt - 300), "");
  EXPECT_EQ(error_at(ses_request(), kSignedAt + 301), "invalid_signature");
  EXPECT_EQ(error_at(ses_request(), kSignedAt - 301), "invalid_signature");
  EXPECT_EQ(error_at(ses_request(), kSignedAt, kScopeAdmin), "restricted_api_key");
  struct Row {
    std::string_view what;
    void (*change)(Request&);
  };
  constexpr std::array kRows = {
      Row{"body", [](Request& r) { r.body->append(" "); }},
      Row{"path", [](Request& r) { r.target_text = "/v2/email/outbound-bulk-emails"; }},
      Row{"query", [](Request& r) { r.target_text += "?a=b"; }},
      Row{"method", [](Request& r) { r.method_text = "PUT"; }},
      Row{"host", [](Request& r) { field_of(r, "Host").value = "other.example"; }},
      Row{"type", [](Request& r) { field_of(r, "Content-Type").value = "text/plain"; }},
      Row{"date", [](Request& r) { field_of(r, "X-Amz-Date").value = "20150830T123601Z"; }},
      Row{"day", [](Request& r) { field_of(r, "X-Amz-Date").value = "20150831T123600Z"; }},
      Row{"no date", [](Request& r) { field_of(r, "X-Amz-Date").value = "yesterday"; }},
      Row{"month", [](Request& r) { field_of(r, "X-Amz-Date").value = "20151330T123600Z"; }},
      Row{"twice",
          [](Request& r) { r.fields.push_back({.name = "host", .value = "127.0.0.1:8025"}); }},
      Row{"unsigned", [](Request& r) { field_of(r, "x-amz-target").value = "x"; }},
      Row{"token", [](Request& r) { field_of(r, "x-amz-security-token").value = "x"; }},
      Row{"coding", [](Request& r) { field_of(r, "content-encoding").value = "gzip"; }},
      Row{"digest", [](Request& r) { field_of(r, "x-amz-content-sha256").value = "x"; }},
      Row{"signature",
          [](Request& r) {
            std::string& value = field_of(r, "Authorization").value;
            value.back() = value.back() == '0' ? '1' : '0';
          }},
  };
  for (const Row& row : kRows) {
    Request request = ses_request();
    row.change(request);
    EXPECT_EQ(error_at(request, kSignedAt), "invalid_signature") << row.what;
  }
  const ApiKeys other = keys_with("anothersecretthatislong");
  const auto now = wall_from_micros(kSignedAt * 1'000'000);
  EXPECT_EQ(other.authorize(ses_request(), kScopeSend, now).error.name, "invalid_signature");
  const ApiKeys short_secret = keys_with("short");
  EXPECT_EQ(short_secret.authorize(ses_request(), kScopeSend, now).error.status, 503);
  Request unknown = ses_request();
  std::string& value = field_of(unknown, "Authorization").value;
  value.replace(value.find("AKID"), 4, "NONE");
  EXPECT_EQ(error_at(unknown, kSignedAt), "invalid_api_key");
}

TEST(SignatureV4, MalformedFields) {
  const std::string digits(64, 'a');
  for (const std::string& bad : {
           std::string("Bearer x"),
           std::string("AWS4-HMAC-SHA256"),
           "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=" + digits,
           "AWS4-HMAC-SHA256 Credential=A/20150830/r/ses/aws4_request, Signature=" + digits,
           std::string("AWS4-HMAC-SHA256 Credential=A/20150830/r/ses/aws4_request, "
                       "SignedHeaders=host"),
           authorization("ses", "host", "A" + digits.substr(1)),
           authorization("ses", "host", digits.substr(1)),
           authorization("ses", "x-amz-date;host", digits),
           authorization("ses", "host;host", digits),
           authorization("ses", "Host", digits),
           authorization("ses/x", "host", digits),
           authorization("", "host", digits),
           authorization("ses", "host", digits) + ", Signature=" + digits,
           authorization("ses", "host", digits) + ", Other=x",
       }) {
    std::string problem;
    EXPECT_FALSE(parse_signature_v4(bad, &problem).has_value()) << bad;
    EXPECT_TRUE(problem.ends_with('.')) << bad;
  }
}

}  // namespace
}  // namespace barid::http
