// Goal: a SendGrid request means what it says there, email by email; what cannot be had is refused
// by name. Method: rows of JSON.
#include "http/shims/sendgrid.h"

#include <gtest/gtest.h>

namespace barid::http {
namespace {

std::optional<ApiError> translate(std::string_view text, ForeignRequest* request) {
  auto body = parse_json(text);
  EXPECT_TRUE(body.has_value()) << text;
  return sendgrid_dialect().translate(*body, 1000, request);
}

std::string taken(ForeignRequest& request, size_t index) {
  std::string out;
  append_json(out, take_email(request, index));
  return out;
}

TEST(Sendgrid, EachPersonalizationIsAnEmail) {
  ForeignRequest request;
  const auto error = translate(R"({
    "from":{"email":"ann@a.example","name":"Ann \"A\""},"subject":"All",
    "reply_to":{"email":"r@a.example"},
    "personalizations":[
      {"to":[{"email":"b@b.example","name":"B, the \\ one"}],"cc":[{"email":"c@b.example"}],
       "substitutions":{"-name-":"<Bob>","-n":"no","{{x}}":"-name-"},"custom_args":{"a":"2","b":"3"}},
      {"to":[{"email":"d@b.example"}],"bcc":[{"email":"e@b.example"}],"subject":"Own -name-",
       "from":{"email":"eve@a.example"},"headers":{"x-one":"own"},"send_at":1700000000}],
    "content":[{"type":"text/plain","value":"Hi -name-{{x}}"},{"type":"text/html","value":"<p>-name</p>"}],
    "headers":{"X-One":"1 -name-","X-Two":"2"},"custom_args":{"a":"1"},"send_at":1800000000,
    "categories":["Order done","x"],"ip_pool_name":"p",
    "mail_settings":{"footer":{"enable":false,"text":"x"}},
    "tracking_settings":{"open_tracking":{"enable":true},"ganalytics":{"enable":false}}})",
                               &request);
  ASSERT_FALSE(error.has_value()) << error->message;
  ASSERT_EQ(request.emails.size(), 2u);
  EXPECT_FALSE(request.partial);
  EXPECT_FALSE(request.only_checks);
  EXPECT_EQ(request.emails[0].tags,
            R"([{"name":"category","value":"Order done"},{"name":"category_2","value":"x"}])");
  EXPECT_EQ(
      taken(request, 0),
      R"({"from":"\"Ann \\\"A\\\"\" <ann@a.example>","to":["\"B, the \\\\ one\" <b@b.example>"],)"
      R"("cc":["c@b.example"],"subject":"All","headers":{"X-One":"1 <Bob>","X-Two":"2"},)"
      R"("metadata":{"a":"2","b":"3"},"scheduled_at":"2027-01-15T08:00:00.000Z",)"
      R"("reply_to":"r@a.example","text":"Hi <Bob>-name-","html":"<p>noame</p>",)"
      R"("track":{"clicks":false,"opens":true},"pool":"p"})");
  EXPECT_EQ(taken(request, 1),
            R"({"from":"eve@a.example","to":["d@b.example"],"bcc":["e@b.example"],)"
            R"("subject":"Own -name-","headers":{"X-Two":"2","x-one":"own"},"metadata":{"a":"1"},)"
            R"("scheduled_at":"2023-11-14T22:13:20.000Z","reply_to":"r@a.example",)"
            R"("text":"Hi -name-{{x}}","html":"<p>-name</p>",)"
            R"("track":{"clicks":false,"opens":true},"pool":"p"})");
}

TEST(Sendgrid, Files) {
  ForeignRequest request;
  const auto error = translate(R"({"from":{"email":"a@a.example"},"subject":"s",
    "personalizations":[{"to":[{"email":"b@b.example"}]}],"content":[{"type":"text/html","value":"x"}],
    "attachments":[{"content":"aGk=","filename":"a.txt","content_id":"unused"},
      {"content":"aGk=","filename":"b.png","type":"image/png","disposition":"inline","contentId":"b"}],
    "mail_settings":{"sandbox_mode":{"enable":true}}})",
                               &request);
  ASSERT_FALSE(error.has_value()) << error->message;
  EXPECT_TRUE(request.only_checks);
  EXPECT_NE(
      taken(request, 0)
          .find(
              R"("attachments":[{"content":"aGk=","filename":"a.txt","content_type":""},)"
              R"({"content":"aGk=","filename":"b.png","content_type":"image/png","content_id":"b"}])"),
      std::string::npos);
}

struct BadRow {
  std::string_view members;  ///< beside those of a good request, or in their place
  std::string_view param;
};

TEST(Sendgrid, RefusedByName) {
  constexpr std::string_view kFrom = R"("from":{"email":"a@a.example"},)";
  constexpr std::string_view kTo = R"("personalizations":[{"to":[{"email":"b@b.example"}]}],)";
  constexpr std::string_view kText = R"("content":[{"type":"text/plain","value":"x"}],)";
  constexpr std::string_view kSubject = R"("subject":"s",)";
  const std::array kRows = {
      BadRow{R"("template_id":"d-1",)", "template_id"},
      BadRow{R"("sections":{},)", "sections"},
      BadRow{R"("asm":{"group_id":1},)", "asm"},
      BadRow{R"("batch_id":"x",)", "batch_id"},
      BadRow{R"("anything":1,)", "anything"},
      BadRow{R"("send_at":"tomorrow",)", "send_at"},
      BadRow{R"("send_at":1.5,)", "send_at"},
      BadRow{R"("headers":{"X":1},)", "headers.X"},
      BadRow{R"("custom_args":[],)", "custom_args"},
      BadRow{R"("categories":[true],)", "categories.0"},
      BadRow{R"("categories":"x",)", "categories"},
      BadRow{R"("reply_to":{"email":"r@a.example"},"reply_to_list":[],)", "reply_to_list"},
      BadRow{R"("reply_to":{"email":"r@a.example","x":1},)", "reply_to.x"},
      BadRow{R"("attachments":[{"content":"","filename":"x","disposition":"inline"}],)",
             "attachments.0.content_id"},
      BadRow{R"("attachments":[{"content":"","filename":"x","disposition":"odd"}],)",
             "attachments.0.disposition"},
      BadRow{R"("attachments":[{"content":""}],)", "attachments.0.filename"},
      BadRow{R"("attachments":[{"filename":"x"}],)", "attachments.0.content"},
      BadRow{R"("mail_settings":{"bypass_list_management":{"enable":true}},)",
             "mail_settings.bypass_list_management"},
      BadRow{R"("mail_settings":{"footer":{"enable":true}},)", "mail_settings.footer"},
      BadRow{R"("mail_settings":{"sandbox_mode":true},)", "mail_settings.sandbox_mode"},
      BadRow{R"("mail_settings":{"bcc":{"enable":true}},)", "mail_settings.bcc"},
      BadRow{R"("tracking_settings":{"ganalytics":{"enable":true}},)",
             "tracking_settings.ganalytics"},
      BadRow{R"("tracking_settings":{"click_tracking":{"enable":true,"enable_text":true}},)",
             "tracking_settings.click_tracking.enable_text"},
      BadRow{R"("tracking_settings":{"open_tracking":{"enable":true,"substitution_tag":"%x%"}},)",
             "tracking_settings.open_tracking.substitution_tag"},
  };
  for (const BadRow& row : kRows) {
    std::string text = "{";
    text.append(kFrom).append(kTo).append(kText).append(kSubject).append(row.members).pop_back();
    ForeignRequest request;
    const auto error = translate(text + '}', &request);
    ASSERT_TRUE(error.has_value()) << text;
    EXPECT_EQ(error->param, row.param) << error->message;
    EXPECT_EQ(error->status, 422);
  }
  const std::array kWhole = {
      BadRow{R"([])", ""},
      BadRow{R"({"subject":"s","content":[{"type":"text/plain","value":"x"}],)"
             R"("personalizations":[{"to":[{"email":"b@b.example"}]}]})",
             "from"},
      BadRow{R"({"from":{"email":"a@a.example"},"subject":"s"})", "content"},
      BadRow{R"({"from":{"email":"a@a.example"},"content":[{"type":"text/html","value":"x"},)"
             R"({"type":"text/plain","value":"x"}]})",
             "content.1.type"},
      BadRow{R"({"from":{"email":"a@a.example"},"content":[{"type":"text/calendar","value":"x"}]})",
             "content.0.type"},
      BadRow{R"({"from":{"email":"a@a.example"},"content":[{"type":"text/html","value":""}]})",
             "content.0.value"},
      BadRow{R"({"from":{"email":"a@a.example"},"content":[{"type":"text/html","value":"x"}]})",
             "personalizations"},
      BadRow{R"({"from":{"email":"a@a.example"},"content":[{"type":"text/html","value":"x"}],)"
             R"("personalizations":[{"to":[{"email":"b@b.example"}]}]})",
             "subject"},
      BadRow{R"({"from":{"email":"a@a.example"},"content":[{"type":"text/html","value":"x"}],)"
             R"("subject":"s","personalizations":[{"to":[{"email":"b@b.example"}]},{}]})",
             "personalizations.1.to"},
      BadRow{R"({"from":{"email":"a@a.example"},"content":[{"type":"text/html","value":"x"}],)"
             R"("subject":"s","personalizations":[{"to":[{"name":"b"}]}]})",
             "personalizations.0.to.0.email"},
      BadRow{R"({"from":{"email":"a@a.example"},"content":[{"type":"text/html","value":"x"}],)"
             R"("subject":"s","personalizations":[{"to":[],"dynamic_template_data":{"a":"b"}}]})",
             "personalizations.0.dynamic_template_data"},
      BadRow{R"({"from":{"email":"a@a.example"},"content":[{"type":"text/html","value":"x"}],)"
             R"("subject":"s","personalizations":[{"to":[{"email":"b@b.example"}],)"
             R"("substitutions":{"":"b"}}]})",
             "personalizations.0.substitutions"},
  };
  for (const BadRow& row : kWhole) {
    ForeignRequest request;
    const auto error = translate(row.members, &request);
    ASSERT_TRUE(error.has_value()) << row.members;
    EXPECT_EQ(error->param, row.param) << error->message;
  }
}

TEST(Sendgrid, WhatIsSentManyTimesIsBounded) {
  std::string text = R"({"from":{"email":"a@a.example"},"subject":"s","content":[)"
                     R"({"type":"text/plain","value":")" +
                     std::string(1024 * 1024, 'x') + R"("}],"personalizations":[)";
  for (int i = 0; i < 65; ++i) {
    if (i > 0) text += ',';
    text += R"({"to":[{"email":"b@b.example"}]})";
  }
  ForeignRequest request;
  const auto error = translate(text + "]}", &request);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->param, "personalizations");
}

TEST(Sendgrid, AnswersAndErrors) {
  const Dialect& dialect = sendgrid_dialect();
  ForeignRequest request;
  request.emails.resize(1);
  request.emails[0].id = "id-1";
  Response one = dialect.response(dialect.answer(request, {}));
  EXPECT_EQ(one.status, 202);
  EXPECT_EQ(one.body, "");
  EXPECT_EQ(one.fields[0].name, "x-message-id");
  EXPECT_EQ(one.fields[0].value, "id-1");
  request.emails.resize(2);
  request.emails[1].id = "id-2";
  const Response two = dialect.response(dialect.answer(request, {}));
  EXPECT_EQ(two.fields[0].value, "id-1");
  EXPECT_EQ(two.body, "{\"message_ids\":[\"id-1\",\"id-2\"]}\n");
  request.only_checks = true;
  EXPECT_EQ(dialect.response(dialect.answer(request, {})).status, 200);

  ApiError error{.status = 422,
                 .name = "validation_error",
                 .message = "Invalid `to.3`: is odd",
                 .param = "to.3"};
  rename_field(error, dialect, 7);
  const Response refused = sendgrid_error(error, "r");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.body, R"({"errors":[{"message":"Invalid `personalizations.7.to.3`: is odd",)"
                          R"("field":"personalizations.7.to.3","help":null}],"id":"r"})"
                          "\n");
  EXPECT_EQ(sendgrid_error({.status = 403, .name = "invalid_api_key"}, "r").status, 401);
  EXPECT_EQ(sendgrid_error({.status = 401, .name = "restricted_api_key"}, "r").status, 403);
  EXPECT_EQ(sendgrid_error({.status = 429, .retry_after_seconds = 2}, "r").fields[0].value, "2");
  for (const auto& [ours, theirs] : {std::pair("scheduled_at", "send_at"),
                                     std::pair("attachments.2.content_type", "attachments.2.type"),
                                     std::pair("headers.X", "headers.X"), std::pair("from", "from"),
                                     std::pair("html", "content")}) {
    EXPECT_EQ(dialect.field_name(ours, 0), theirs);
  }
}

}  // namespace
}  // namespace barid::http
