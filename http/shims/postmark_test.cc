// Goal: a Postmark message means what it says there; what cannot be had is refused by name; a batch
// tells each message's fate. Method: rows of JSON.
#include "http/shims/postmark.h"

#include <gtest/gtest.h>

namespace barid::http {
namespace {

std::optional<ApiError> translate(const Dialect& dialect, std::string_view text,
                                  ForeignRequest* request) {
  auto body = parse_json(text);
  EXPECT_TRUE(body.has_value()) << text;
  return dialect.translate(*body, 3, request);
}

TEST(Postmark, AllFields) {
  ForeignRequest request;
  const auto error = translate(postmark_dialect(), R"({
    "From":"Ann <a@a.example>","To":"\"B, \\\"b\\\"\" <b@b.example>, c@b.example,","cc":"d@b.example",
    "Bcc":"e@b.example","Subject":"s","Tag":"Welcome mail","HtmlBody":"<p>h</p>","TextBody":"t",
    "ReplyTo":"r@a.example, q@a.example","Headers":[{"Name":"X-A","Value":"1"}],"TrackOpens":true,
    "TrackLinks":"HtmlOnly","Metadata":{"k":"v"},"MessageStream":"broadcast",
    "Attachments":[{"Name":"a.txt","Content":"aGk=","ContentType":"text/plain"},
      {"Name":"b.png","Content":"aGk=","ContentType":"image/png","ContentID":"cid:b"}]})",
                               &request);
  ASSERT_FALSE(error.has_value()) << error->message;
  ASSERT_EQ(request.emails.size(), 1u);
  EXPECT_EQ(request.emails[0].tags, R"([{"name":"tag","value":"Welcome mail"}])");
  std::string email;
  append_json(email, take_email(request, 0));
  EXPECT_EQ(
      email,
      R"({"from":"Ann <a@a.example>","to":["\"B, \\\"b\\\"\" <b@b.example>","c@b.example"],)"
      R"("cc":["d@b.example"],"bcc":["e@b.example"],"reply_to":["r@a.example","q@a.example"],)"
      R"("subject":"s","text":"t","html":"<p>h</p>","headers":{"X-A":"1"},)"
      R"("attachments":[{"filename":"a.txt","content":"aGk=","content_type":"text/plain"},)"
      R"({"filename":"b.png","content":"aGk=","content_type":"image/png","content_id":"b"}],)"
      R"("metadata":{"k":"v"},"stream":"bulk","track":{"opens":true,"clicks":true}})");
  request.emails[0].id = "id-1";
  EXPECT_EQ(postmark_dialect().answer(request, wall_from_micros(1'700'000'000'000'000)),
            R"({"To":"\"B, \\\"b\\\"\" <b@b.example>, c@b.example,","Cc":"d@b.example",)"
            R"("Bcc":"e@b.example","SubmittedAt":"2023-11-14T22:13:20.000Z","MessageID":"id-1",)"
            R"("ErrorCode":0,"Message":"OK"})"
            "\n");
}

struct BadRow {
  std::string_view members;  ///< beside those of a good message
  std::string_view param;
};

TEST(Postmark, RefusedByName) {
  constexpr std::string_view kGood =
      R"("From":"a@a.example","To":"b@b.example","Subject":"s","TextBody":"x",)";
  constexpr std::array kRows = {
      BadRow{R"("TemplateId":1)", "TemplateId"},
      BadRow{R"("TemplateAlias":"x")", "TemplateAlias"},
      BadRow{R"("Anything":1)", "Anything"},
      BadRow{R"("FROM":"x@a.example")", "FROM"},
      BadRow{R"("MessageStream":"inbound")", "MessageStream"},
      BadRow{R"("TrackLinks":"HtmlAndText")", "TrackLinks"},
      BadRow{R"("TrackOpens":"yes")", "TrackOpens"},
      BadRow{R"("Metadata":{"a":1})", "Metadata.a"},
      BadRow{R"("Headers":{"a":"b"})", "Headers"},
      BadRow{R"("Headers":[{"Value":"b"}])", "Headers.0.Name"},
      BadRow{R"("Headers":[{"Name":"X","Value":1}])", "Headers.0.Value"},
      BadRow{R"("Attachments":[{"Name":"x","Content":""}])", "Attachments.0.ContentType"},
      BadRow{R"("Attachments":["x"])", "Attachments.0"},
      BadRow{R"("Cc":["x@a.example"])", "Cc"},
      BadRow{R"("Tag":7)", "Tag"},
  };
  for (const BadRow& row : kRows) {
    std::string text = "{";
    text.append(kGood).append(row.members) += '}';
    ForeignRequest request;
    const auto error = translate(postmark_dialect(), text, &request);
    ASSERT_TRUE(error.has_value()) << text;
    EXPECT_EQ(error->param, row.param) << error->message;
  }
  constexpr std::array kWhole = {
      BadRow{R"({"To":"b@b.example","TextBody":"x"})", "From"},
      BadRow{R"({"From":"a@a.example","TextBody":"x"})", "To"},
      BadRow{R"({"From":"a@a.example","To":" , ","TextBody":"x"})", "To"},
      BadRow{R"({"From":"a@a.example","To":"b@b.example"})", ""},
      BadRow{R"([])", ""},
  };
  for (const BadRow& row : kWhole) {
    ForeignRequest request;
    const auto error = translate(postmark_dialect(), row.members, &request);
    ASSERT_TRUE(error.has_value()) << row.members;
    EXPECT_EQ(error->param, row.param) << error->message;
  }
}

TEST(Postmark, Batches) {
  ForeignRequest request;
  const std::string good = R"({"From":"a@a.example","To":"b@b.example","TextBody":"x"})";
  ASSERT_FALSE(
      translate(postmark_batch_dialect(), "[" + good + R"(,{"From":"a@a.example"}])", &request)
          .has_value());
  EXPECT_TRUE(request.partial);
  ASSERT_EQ(request.emails.size(), 2u);
  EXPECT_FALSE(request.emails[0].problem.has_value());
  ASSERT_TRUE(request.emails[1].problem.has_value());
  request.emails[0].id = "id-1";
  EXPECT_EQ(postmark_batch_dialect().answer(request, wall_from_micros(0)),
            R"([{"To":"b@b.example","SubmittedAt":"1970-01-01T00:00:00.000Z","MessageID":"id-1",)"
            R"("ErrorCode":0,"Message":"OK"},{"ErrorCode":300,"Message":"`To` is required."}])"
            "\n");
  ForeignRequest four;
  const auto error = translate(postmark_batch_dialect(),
                               "[" + good + "," + good + "," + good + "," + good + "]", &four);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(postmark_error(*error, "r").body,
            "{\"ErrorCode\":410,\"Message\":\"A batch may hold up to 3 messages.\"}\n");
  ForeignRequest none;
  EXPECT_TRUE(translate(postmark_batch_dialect(), "[]", &none).has_value());
  EXPECT_TRUE(translate(postmark_batch_dialect(), "{}", &none).has_value());
}

TEST(Postmark, Errors) {
  struct Row {
    ApiError error;
    uint16_t status;
    std::string_view body;
  };
  const std::array kRows = {
      Row{{.status = 401, .name = "missing_api_key", .message = "m"},
          401,
          R"({"ErrorCode":10,"Message":"The header X-Postmark-Server-Token is missing."})"},
      Row{{.status = 403, .name = "invalid_api_key", .message = "m"},
          401,
          R"({"ErrorCode":10,"Message":"m"})"},
      Row{{.status = 403, .name = "validation_error", .message = "m"},
          422,
          R"({"ErrorCode":400,"Message":"m"})"},
      Row{{.status = 400, .name = "validation_error", .message = "m"},
          422,
          R"({"ErrorCode":402,"Message":"m"})"},
      Row{{.status = 422, .name = "validation_error", .message = "m"},
          422,
          R"({"ErrorCode":300,"Message":"m"})"},
      Row{{.status = 413, .name = "payload_too_large", .message = "m"},
          413,
          R"({"ErrorCode":300,"Message":"m"})"},
      Row{{.status = 503, .name = "service_unavailable", .message = "m"},
          503,
          R"({"ErrorCode":100,"Message":"m"})"},
  };
  for (const Row& row : kRows) {
    const Response response = postmark_error(row.error, "r");
    EXPECT_EQ(response.status, row.status);
    EXPECT_EQ(response.body, std::string(row.body) + '\n');
  }
  ApiError error{.status = 422, .message = "Invalid `reply_to`: x", .param = "reply_to"};
  rename_field(error, postmark_dialect(), 0);
  EXPECT_EQ(error.message, "Invalid `ReplyTo`: x");
}

}  // namespace
}  // namespace barid::http
