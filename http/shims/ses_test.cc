// Goal: an SES message means what it says there; what cannot be had is refused by name; a bulk
// tells each entry's fate; errors are the exceptions that the SDKs know. Method: rows of JSON.
#include "http/shims/ses.h"

#include <gtest/gtest.h>

#include "http/shims/ses_template.h"

namespace barid::http {
namespace {

std::optional<ApiError> translate(const Dialect& dialect, std::string_view text,
                                  ForeignRequest* request) {
  auto body = parse_json(text);
  EXPECT_TRUE(body.has_value()) << text;
  return dialect.translate(*body, 3, request);
}

std::string email_of(ForeignRequest& request, size_t index) {
  std::string email;
  append_json(email, take_email(request, index));
  return email;
}

TEST(Ses, AllFields) {
  ForeignRequest request;
  const auto error = translate(ses_dialect(), R"({
    "FromEmailAddress":"Ann <a@a.example>","ConfigurationSetName":"bulk-pool",
    "Destination":{"ToAddresses":["b@b.example"],"CcAddresses":["c@c.example"],"BccAddresses":["d@d.example"]},
    "ReplyToAddresses":["r@a.example"],"EmailTags":[{"Name":"kind","Value":"a.b@c"}],
    "EndpointId":null,
    "Content":{"Simple":{"Subject":{"Data":"s","Charset":"utf-8"},
      "Body":{"Text":{"Data":"t"},"Html":{"Data":"<p>h</p>","Charset":"UTF-8"}},
      "Headers":[{"Name":"X-A","Value":"1"}],
      "Attachments":[{"RawContent":"aGk=","FileName":"a.txt","ContentType":"text/plain"},
        {"RawContent":"aGk=","FileName":"b.png","ContentDisposition":"INLINE","ContentId":"b",
         "ContentTransferEncoding":"BASE64"}]}}})",
                               &request);
  ASSERT_FALSE(error.has_value()) << error->message;
  ASSERT_EQ(request.emails.size(), 1u);
  EXPECT_EQ(request.emails[0].tags, R"([{"name":"kind","value":"a.b@c"}])");
  EXPECT_EQ(email_of(request, 0),
            R"({"to":["b@b.example"],"cc":["c@c.example"],"bcc":["d@d.example"],)"
            R"("reply_to":["r@a.example"],"pool":"bulk-pool","subject":"s","text":"t",)"
            R"("html":"<p>h</p>","headers":{"X-A":"1"},"attachments":[)"
            R"({"filename":"a.txt","content":"aGk=","content_type":"text/plain"},)"
            R"({"filename":"b.png","content":"aGk=","content_type":"","content_id":"b"}],)"
            R"("from":"Ann <a@a.example>"})");
  request.emails[0].id = "id-1";
  EXPECT_EQ(ses_dialect().answer(request, wall_from_micros(0)), "{\"MessageId\":\"id-1\"}\n");
}

TEST(Ses, RawGoesWhereItSaysOrItsHeaderDoes) {
  // From: Ann <a@a.example> / To: b@b.example, "C, c" <c@c.example> / Bcc: d@d.example
  const std::string raw =
      "RnJvbTogQW5uIDxhQGEuZXhhbXBsZT4KVG86IGJAYi5leGFtcGxlLCAiQywgYyIgPGNAYy5leGFtcGxlPgpCY2M6IGRA"
      "ZC5leGFtcGxlCgp4Cg==";
  const std::string content = R"("Content":{"Raw":{"Data":")" + raw + R"("}})";
  ForeignRequest own;
  ASSERT_FALSE(translate(ses_dialect(), "{" + content + "}", &own).has_value());
  EXPECT_EQ(email_of(own, 0),
            R"({"to":["b@b.example","\"C, c\" <c@c.example>","d@d.example"],"raw":")" + raw +
                R"(","from":"Ann <a@a.example>"})");
  ForeignRequest said;
  ASSERT_FALSE(translate(ses_dialect(),
                         R"({"FromEmailAddress":"x@a.example",)" + content +
                             R"(,"Destination":{"BccAddresses":["e@e.example"]}})",
                         &said)
                   .has_value());
  EXPECT_EQ(email_of(said, 0),
            R"({"to":["e@e.example"],"raw":")" + raw + R"(","from":"x@a.example"})");
}

struct BadRow {
  std::string_view members;  ///< beside those of a good message
  std::string_view param;
};

TEST(Ses, RefusedByName) {
  constexpr std::string_view kGood =
      R"("FromEmailAddress":"a@a.example","Destination":{"ToAddresses":["b@b.example"]},)";
  constexpr std::string_view kContent =
      R"("Content":{"Simple":{"Subject":{"Data":"s"},"Body":{"Text":{"Data":"x"}}}},)";
  constexpr std::array kRows = {
      BadRow{R"("FeedbackForwardingEmailAddress":"x@a.example")", "FeedbackForwardingEmailAddress"},
      BadRow{R"("FromEmailAddressIdentityArn":"x")", "FromEmailAddressIdentityArn"},
      BadRow{R"("ListManagementOptions":{})", "ListManagementOptions"},
      BadRow{R"("EndpointId":"x")", "EndpointId"},
      BadRow{R"("TenantName":"x")", "TenantName"},
      BadRow{R"("Anything":1)", "Anything"},
      BadRow{R"("fromEmailAddress":"x")", "fromEmailAddress"},
      BadRow{R"("ReplyToAddresses":"x@a.example")", "ReplyToAddresses"},
      BadRow{R"("ReplyToAddresses":["x",1])", "ReplyToAddresses.1"},
      BadRow{R"("EmailTags":[{"Name":"a b","Value":"c"}])", "EmailTags.0.Name"},
      BadRow{R"("EmailTags":[{"Name":"a"}])", "EmailTags.0.Value"},
      BadRow{R"("ConfigurationSetName":7)", "ConfigurationSetName"},
  };
  for (const BadRow& row : kRows) {
    std::string text = "{";
    text.append(kGood).append(kContent).append(row.members) += '}';
    ForeignRequest request;
    const auto error = translate(ses_dialect(), text, &request);
    ASSERT_TRUE(error.has_value()) << text;
    EXPECT_EQ(error->param, row.param) << error->message;
  }
  constexpr std::array kContents = {
      BadRow{R"({})", "Content"},
      BadRow{R"({"Raw":{"Data":"aGk="},"Simple":{}})", "Content"},
      BadRow{R"({"Raw":{}})", "Content.Raw.Data"},
      BadRow{R"({"Template":{"TemplateName":"x"}})", "Content.Template.TemplateName"},
      BadRow{R"({"Template":{"TemplateArn":"x"}})", "Content.Template.TemplateArn"},
      BadRow{R"({"Template":{}})", "Content.Template.TemplateContent"},
      BadRow{R"({"Template":{"TemplateContent":{"Subject":"s","Text":"{{x}}"}}})",
             "Content.Template.TemplateContent"},
      BadRow{R"({"Template":{"TemplateContent":{"Subject":"s","Text":"x"},"TemplateData":"[]"}})",
             "Content.Template.TemplateData"},
      BadRow{R"({"Simple":{"Body":{"Text":{"Data":"x"}}}})", "Content.Simple.Subject"},
      BadRow{R"({"Simple":{"Subject":{"Data":"s"}}})", "Content.Simple.Body"},
      BadRow{R"({"Simple":{"Subject":{"Data":"s"},"Body":{}}})", "Content.Simple.Body"},
      BadRow{R"({"Simple":{"Subject":{},"Body":{"Text":{"Data":"x"}}}})",
             "Content.Simple.Subject.Data"},
      BadRow{
          R"({"Simple":{"Subject":{"Data":"s"},"Body":{"Text":{"Data":"x","Charset":"Shift_JIS"}}}})",
          "Content.Simple.Body.Text.Charset"},
      BadRow{R"({"Simple":{"Subject":{"Data":"s"},"Body":{"Text":{"Data":"x"}},"Headers":[{}]}})",
             "Content.Simple.Headers.0.Name"},
      BadRow{
          R"({"Simple":{"Subject":{"Data":"s"},"Body":{"Text":{"Data":"x"}},"Attachments":[{"FileName":"x"}]}})",
          "Content.Simple.Attachments.0.RawContent"},
      BadRow{
          R"({"Simple":{"Subject":{"Data":"s"},"Body":{"Text":{"Data":"x"}},"Attachments":[{"FileName":"x","RawContent":"","ContentDescription":"d"}]}})",
          "Content.Simple.Attachments.0.ContentDescription"},
      BadRow{
          R"({"Simple":{"Subject":{"Data":"s"},"Body":{"Text":{"Data":"x"}},"Attachments":[{"FileName":"x","RawContent":"","ContentTransferEncoding":"SEVEN_BIT"}]}})",
          "Content.Simple.Attachments.0.ContentTransferEncoding"},
      BadRow{
          R"({"Simple":{"Subject":{"Data":"s"},"Body":{"Text":{"Data":"x"}},"Attachments":[{"FileName":"x","RawContent":"","ContentDisposition":"INLINE"}]}})",
          "Content.Simple.Attachments.0.ContentId"},
  };
  for (const BadRow& row : kContents) {
    std::string text = "{";
    text.append(kGood).append("\"Content\":").append(row.members) += '}';
    ForeignRequest request;
    const auto error = translate(ses_dialect(), text, &request);
    ASSERT_TRUE(error.has_value()) << text;
    EXPECT_EQ(error->param, row.param) << error->message;
  }
  constexpr std::array kWhole = {
      BadRow{R"({"Content":{"Simple":{"Subject":{"Data":"s"},"Body":{"Text":{"Data":"x"}}}}})",
             "FromEmailAddress"},
      BadRow{R"({"FromEmailAddress":"a@a.example","Destination":{"CcAddresses":["b@b.example"]},)"
             R"("Content":{"Simple":{"Subject":{"Data":"s"},"Body":{"Text":{"Data":"x"}}}}})",
             "Destination.ToAddresses"},
      BadRow{R"({"FromEmailAddress":"a@a.example","Destination":{"ToAddresses":["b@b.example"]}})",
             "Content"},
      BadRow{R"([])", ""},
  };
  for (const BadRow& row : kWhole) {
    ForeignRequest request;
    const auto error = translate(ses_dialect(), row.members, &request);
    ASSERT_TRUE(error.has_value()) << row.members;
    EXPECT_EQ(error->param, row.param) << error->message;
  }
}

TEST(Ses, Templates) {
  const auto data = parse_json(R"({"a":"<A>","b":{"c":2},"d":true,"e":null,"f":[]})");
  const auto other = parse_json(R"({"a":"no","g":"G"})");
  const std::vector<const JsonValue*> both = {&*data, &*other};
  struct Row {
    std::string_view source, text, problem;
  };
  constexpr std::array kRows = {
      Row{"{{a}}{{{a}}} {{ b.c }}{{d}}{{g}}", "<A><A> 2trueG", ""},
      Row{"x{{! a comment }}y{z}", "xy{z}", ""},
      Row{"{{x}}", "", "{{x}} has no value"},
      Row{"{{a.x}}", "", "{{a.x}} has no value"},
      Row{"{{e}}", "", "{{e}} has no value"},
      Row{"{{f}}", "", "{{f}} must be text, number, true or false"},
      Row{"{{#if a}}", "", "{{#if a}} is no variable: blocks and helpers are not supported"},
      Row{"{{upper a}}", "", "{{upper a}} is no variable: blocks and helpers are not supported"},
      Row{"{{}}", "", "{{}} is no variable: blocks and helpers are not supported"},
      Row{"{{a", "", "{{a}} does not end"},
      Row{"0123456789012345678901234567890123456789", "", "is too long with its values"},
  };
  for (const Row& row : kRows) {
    const Rendering rendering = render_ses(row.source, both, 30);
    EXPECT_EQ(rendering.problem, row.problem) << row.source;
    if (row.problem.empty()) {
      EXPECT_EQ(rendering.text, row.text) << row.source;
    }
  }
}

TEST(Ses, Bulks) {
  ForeignRequest request;
  const auto error = translate(ses_bulk_dialect(), R"({
    "FromEmailAddress":"a@a.example","ReplyToAddresses":["r@a.example"],
    "DefaultEmailTags":[{"Name":"k","Value":"1"},{"Name":"l","Value":"2"}],
    "DefaultContent":{"Template":{"TemplateContent":{"Subject":"Hi {{n}}","Html":"<p>{{n}} {{m}}</p>"},
      "TemplateData":"{\"m\":\"M\"}","Headers":[{"Name":"X-A","Value":"1"},{"Name":"X-B","Value":"2"}]}},
    "BulkEmailEntries":[
      {"Destination":{"ToAddresses":["b@b.example"]},
       "ReplacementEmailContent":{"ReplacementTemplate":{"ReplacementTemplateData":"{\"n\":\"N\"}"}},
       "ReplacementHeaders":[{"Name":"x-a","Value":"3"}],"ReplacementTags":[{"Name":"k","Value":"9"}]},
      {"Destination":{"ToAddresses":["c@c.example"]}},
      {"Destination":{}}]})",
                               &request);
  ASSERT_FALSE(error.has_value()) << error->message;
  EXPECT_TRUE(request.partial);
  ASSERT_EQ(request.emails.size(), 3u);
  ASSERT_FALSE(request.emails[0].problem.has_value()) << request.emails[0].problem->message;
  EXPECT_EQ(request.emails[0].tags, R"([{"name":"l","value":"2"},{"name":"k","value":"9"}])");
  EXPECT_EQ(email_of(request, 0),
            R"({"to":["b@b.example"],"headers":{"X-B":"2","x-a":"3"},"subject":"Hi N",)"
            R"("html":"<p>N M</p>","from":"a@a.example","reply_to":["r@a.example"]})");
  ASSERT_TRUE(request.emails[1].problem.has_value());
  EXPECT_EQ(request.emails[1].problem->param, "BulkEmailEntries.1.ReplacementEmailContent");
  ASSERT_TRUE(request.emails[2].problem.has_value());
  request.emails[0].id = "id-1";
  EXPECT_EQ(
      ses_bulk_dialect().answer(request, wall_from_micros(0)),
      R"({"BulkEmailEntryResults":[{"Status":"SUCCESS","MessageId":"id-1"},)"
      R"({"Status":"INVALID_PARAMETER","Error":"`BulkEmailEntries.1.ReplacementEmailContent`: {{n}} has no value"},)"
      R"({"Status":"INVALID_PARAMETER","Error":"`BulkEmailEntries.2.Destination.ToAddresses` is required."}]})"
      "\n");
  for (
      const std::string_view bad :
      {"{}", "[]", R"({"FromEmailAddress":"a@a.example","BulkEmailEntries":[]})",
       R"({"FromEmailAddress":"a@a.example","BulkEmailEntries":[{}],"DefaultContent":{"Template":{"TemplateName":"x"}}})"}) {
    ForeignRequest none;
    EXPECT_TRUE(translate(ses_bulk_dialect(), bad, &none).has_value()) << bad;
  }
}

TEST(Ses, Errors) {
  struct Row {
    ApiError error;
    uint16_t status;
    std::string_view exception;
  };
  const std::array kRows = {
      Row{{.status = 401, .name = "missing_api_key"}, 403, "MissingAuthenticationTokenException"},
      Row{{.status = 403, .name = "invalid_api_key"}, 403, "UnrecognizedClientException"},
      Row{{.status = 403, .name = "invalid_signature"}, 403, "InvalidSignatureException"},
      Row{{.status = 401, .name = "restricted_api_key"}, 403, "AccessDeniedException"},
      Row{{.status = 403, .name = "validation_error"}, 400, "MessageRejected"},
      Row{{.status = 422, .name = "validation_error", .param = "ConfigurationSetName"},
          404,
          "NotFoundException"},
      Row{{.status = 422, .name = "validation_error"}, 400, "BadRequestException"},
      Row{{.status = 400, .name = "validation_error"}, 400, "BadRequestException"},
      Row{{.status = 415, .name = "unsupported_media_type"}, 400, "BadRequestException"},
      Row{{.status = 409, .name = "invalid_idempotent_request"}, 409, "ConflictException"},
      Row{{.status = 413, .name = "payload_too_large"}, 413, "RequestEntityTooLargeException"},
      Row{{.status = 429, .name = "rate_limit_exceeded"}, 429, "TooManyRequestsException"},
      Row{{.status = 503, .name = "service_unavailable"}, 503, "ServiceUnavailableException"},
  };
  for (const Row& row : kRows) {
    ApiError error = row.error;
    error.message = "m";
    const Response response = ses_error(error, "r");
    EXPECT_EQ(response.status, row.status) << row.exception;
    EXPECT_EQ(response.body, "{\"message\":\"m\"}\n");
    ASSERT_FALSE(response.fields.empty());
    EXPECT_EQ(response.fields.back().name, "x-amzn-errortype");
    EXPECT_EQ(response.fields.back().value, row.exception);
  }
  struct Name {
    std::string_view ours, single, bulk;
  };
  constexpr std::array kNames = {
      Name{"to", "Destination.ToAddresses", "BulkEmailEntries.2.Destination.ToAddresses"},
      Name{"pool", "ConfigurationSetName", "ConfigurationSetName"},
      Name{"headers.X-A", "Content.Simple.Headers.X-A", "DefaultContent.Template.Headers.X-A"},
      Name{"attachments.0.content", "Content.Simple.Attachments.0.RawContent",
           "DefaultContent.Template.Attachments.0.RawContent"},
      Name{"raw", "Content.Raw.Data", "Content.Raw.Data"},
      Name{"x-batch", "x-batch", "x-batch"},
  };
  for (const Name& row : kNames) {
    EXPECT_EQ(ses_dialect().field_name(row.ours, 2), row.single);
    EXPECT_EQ(ses_bulk_dialect().field_name(row.ours, 2), row.bulk);
  }
}

}  // namespace
}  // namespace barid::http
