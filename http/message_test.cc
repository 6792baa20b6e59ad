// Goal: names of methods, JSON text and error bodies are exact. Method: rows.
#include "http/message.h"

#include "core/text/json.h"

#include <gtest/gtest.h>

namespace barid::http {
namespace {

TEST(Message, Methods) {
  for (const std::string_view name : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
    EXPECT_EQ(method_name(parse_method(name)), name);
  }
  for (const std::string_view name : {"get", "", "TRACE", "CONNECT", "GETX"}) {
    EXPECT_EQ(parse_method(name), Method::kOther) << name;
  }
}

TEST(Message, JsonText) {
  struct Case {
    std::string_view in, out;
  };
  for (const Case& c :
       {Case{"", "\"\""}, Case{"a\"b\\c", R"("a\"b\\c")"}, Case{"\n\r\t\x01", R"("\n\r\t\u0001")"},
        Case{"\xc3\xa9\xff", "\"\xc3\xa9\xef\xbf\xbd\""}}) {
    std::string out;
    text::append_json_string(out, c.in);
    EXPECT_EQ(out, c.out);
  }
}

TEST(Message, ErrorBody) {
  const Response plain =
      error_response({.status = 404, .name = "not_found", .message = "no"}, "r1");
  EXPECT_EQ(plain.status, 404);
  EXPECT_EQ(
      plain.body,
      "{\"statusCode\":404,\"name\":\"not_found\",\"message\":\"no\",\"request_id\":\"r1\"}\n");
  EXPECT_TRUE(plain.fields.empty());
  const Response busy = error_response({.status = 503,
                                        .name = "service_unavailable",
                                        .message = "a \"b\"",
                                        .param = "to",
                                        .retry_after_seconds = 7},
                                       "r2");
  EXPECT_EQ(busy.body,
            "{\"statusCode\":503,\"name\":\"service_unavailable\",\"message\":\"a \\\"b\\\"\","
            "\"param\":\"to\",\"request_id\":\"r2\"}\n");
  ASSERT_EQ(busy.fields.size(), 1u);
  EXPECT_EQ(busy.fields[0].name, "retry-after");
  EXPECT_EQ(busy.fields[0].value, "7");
}

TEST(Message, FieldsAreFoundInAnyCase) {
  Request request;
  request.fields = {{.name = "X-A", .value = "1"}, {.name = "x-a", .value = "2"}};
  EXPECT_EQ(request.field("x-A"), "1");
  EXPECT_EQ(request.find_field("x-b"), nullptr);
}

}  // namespace
}  // namespace barid::http
