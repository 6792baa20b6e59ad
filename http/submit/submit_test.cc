// Goal: what a submission means, field by field, and every refusal with its name and field.
// Method: rows of JSON.
#include <gtest/gtest.h>

#include "core/crypto/digest.h"
#include "core/text/base64.h"
#include "http/submit/api_keys.h"
#include "http/submit/email_id.h"
#include "http/submit/ledger.h"
#include "http/submit/merge.h"
#include "http/submit/moment.h"
#include "http/submit/raw_message.h"

namespace barid::http {
namespace {

const WallTime kNow = wall_from_micros(1'700'000'000'000'000);

std::optional<JsonValue> parse(std::string_view text) { return parse_json(text); }

TEST(EmailRequest, AllFields) {
  const auto value = parse(R"({
    "from":"Ann <ann@example.org>","to":["b@example.net","C <c@example.net>"],"cc":"d@example.net",
    "bcc":["e@example.net"],"replyTo":"r@example.org","subject":"S","text":"t","html":"<p>h</p>",
    "headers":{"X-A":"1","X-N":2},"tags":[{"name":"n","value":"v"}],"metadata":{"k":[1,{}]},
    "attachments":[{"filename":"a.txt","content":"aGk="},
                   {"filename":"b.png","content":{"type":"Buffer","data":[1,2,255]},
                    "content_type":"image/png","contentId":"logo"}],
    "stream":"bulk","priority":-4,"return_path":"bounce@example.org","pool":"p",
    "unsubscribe":{"url":"https://example.org/u"},
    "scheduled_at":"in 1 min","expires_at":"2030-01-01T00:00:00Z","unknown":[1]})");
  ASSERT_TRUE(value.has_value());
  EmailRequest email;
  const auto error = read_email(*value, kNow, &email);
  ASSERT_FALSE(error.has_value()) << error->message;
  EXPECT_EQ(email.composition.from.name, "Ann");
  EXPECT_EQ(email.composition.to.size(), 2u);
  EXPECT_EQ(email.composition.cc.size(), 1u);
  EXPECT_EQ(email.bcc[0].address(), "e@example.net");
  EXPECT_EQ(email.composition.reply_to[0].address(), "r@example.org");
  EXPECT_EQ(email.composition.fields[1].value, "2");
  EXPECT_EQ(email.composition.files[0].bytes, "hi");
  EXPECT_EQ(email.composition.files[1].bytes, "\x01\x02\xff");
  EXPECT_EQ(email.composition.files[1].content_id, "logo");
  EXPECT_EQ(email.stream, Stream::kBulk);
  EXPECT_EQ(email.priority, -4);
  EXPECT_EQ(email.return_path, "bounce@example.org");
  EXPECT_TRUE(email.composition.unsubscribe_one_click);
  EXPECT_EQ(email.scheduled_at, kNow + std::chrono::minutes(1));
  EXPECT_EQ(email.metadata, R"({"k":[1,{}]})");
  EXPECT_EQ(email.tags, R"([{"name":"n","value":"v"}])");
}

TEST(EmailRequest, DomainsInAsciiUnlessTheLocalPartIsNot) {
  EmailRequest email;
  const auto value = parse(
      "{\"from\":\"a@b\xc3\xbc"
      "cher.example\",\"to\":\"j\xc3\xbc@b\xc3\xbc"
      "cher.example\",\"subject\":\"\"}");
  ASSERT_FALSE(read_email(*value, kNow, &email).has_value());
  EXPECT_EQ(email.composition.from.domain, "xn--bcher-kva.example");
  EXPECT_EQ(email.composition.to[0].domain,
            "b\xc3\xbc"
            "cher.example");
  EXPECT_TRUE(needs_smtputf8(email.composition));
}

TEST(EmailRequest, Refused) {
  struct Case {
    std::string_view members, name, param;
  };
  constexpr std::string_view kBase = R"("from":"a@b.c","to":"d@e.f","subject":"s")";
  const Case cases[] = {
      {R"("to":"d@e.f","subject":"s")", "missing_required_field", "from"},
      {R"("from":null,"to":"d@e.f","subject":"s")", "missing_required_field", "from"},
      {R"("from":"a@b.c","subject":"s")", "missing_required_field", "to"},
      {R"("from":"a@b.c","to":"d@e.f")", "missing_required_field", "subject"},
      {R"("from":"a","to":"d@e.f","subject":"s")", "validation_error", "from"},
      {R"("from":"a@b.c\r\nBcc: x@y.z","to":"d@e.f","subject":"s")", "validation_error", "from"},
      {R"("from":"a@b.c","to":"d@e.f","subject":"s\r\nBcc: x@y.z")", "validation_error", "subject"},
      {R"("from":"a@b.c","to":["d@e.f",7],"subject":"s")", "validation_error", "to"},
      {R"("from":"a@b.c","to":"d@e.f","subject":7)", "validation_error", "subject"},
      {R"(*,"text":7)", "validation_error", "text"},
      {R"(*,"headers":[])", "validation_error", "headers"},
      {R"(*,"headers":{"X":"a\nb"})", "validation_error", "headers.X"},
      {R"(*,"headers":{"Bcc":"x@y.z"})", "validation_error", "headers.Bcc"},
      {R"(*,"attachments":{})", "validation_error", "attachments"},
      {R"(*,"attachments":[{"filename":"x"}])", "validation_error", "attachments.0"},
      {R"(*,"attachments":[{"path":"http://x/"}])", "validation_error", "attachments.0"},
      {R"(*,"attachments":[{"content":"a b c!"}])", "validation_error", "attachments.0.content"},
      {R"(*,"attachments":[{"content":{"type":"Buffer","data":[256]}}])", "validation_error",
       "attachments.0.content"},
      {R"(*,"attachments":["x"])", "validation_error", "attachments.0"},
      {R"(*,"attachments":[{"content":"","filename":7}])", "validation_error",
       "attachments.0.filename"},
      {R"(*,"attachments":[{"content":"","contentType":7}])", "validation_error",
       "attachments.0.content_type"},
      {R"(*,"attachments":[{"content":"","content_id":[]}])", "validation_error",
       "attachments.0.content_id"},
      {R"(*,"stream":"x")", "validation_error", "stream"},
      {R"(*,"priority":10)", "validation_error", "priority"},
      {R"(*,"scheduled_at":"soon")", "validation_error", "scheduled_at"},
      {R"(*,"scheduled_at":"in 31 days")", "validation_error", "scheduled_at"},
      {R"(*,"scheduled_at":"2508-09-16T00:00:00Z")", "validation_error", "scheduled_at"},
      {R"(*,"expires_at":"2001-01-01T00:00:00Z")", "validation_error", "expires_at"},
      {R"(*,"tags":[{"name":"a b","value":"c"}])", "validation_error", "tags"},
      {R"(*,"metadata":[])", "validation_error", "metadata"},
      {R"(*,"unsubscribe":{"url":"javascript:x"})", "validation_error", "unsubscribe.url"},
      {R"(*,"unsubscribe":{"url":"https://x/","one_click":"no"})", "validation_error",
       "unsubscribe.one_click"},
      {R"(*,"track":{"opens":1})", "validation_error", "track.opens"},
      {R"(*,"raw":"!")", "validation_error", "raw"},
      {R"(*,"raw":"QTogYgoKYw==","html":"x")", "validation_error", "html"},
      {R"(*,"raw":"QTogYgoKYw==","text":"x")", "validation_error", "text"},
      {R"(*,"raw":"QTogYgoKYw==","attachments":[])", "validation_error", "attachments"},
      {R"(*,"raw":"QTogYgoKYw==","headers":{})", "validation_error", "headers"},
      {R"(*,"recipients":[{"email":"x@y.z"}])", "validation_error", "recipients"},
      {R"("from":"a@b.c","subject":"s","recipients":[{}])", "missing_required_field",
       "recipients.0.email"},
      {R"("from":"a@b.c","subject":"s","recipients":["x@y.z"])", "validation_error",
       "recipients.0"},
      {R"("from":"a@b.c","subject":"s","recipients":[{"email":"x@y.z","name":7}])",
       "validation_error", "recipients.0.name"},
      {R"("from":"a@b.c","subject":"s","recipients":[{"email":"x@y.z","metadata":[]}])",
       "validation_error", "recipients.0.metadata"},
      {R"("from":"a@b.c","subject":"s","recipients":[{"email":"x@y.z"}],
          "headers":{"message-id":"<a@b>"})",
       "validation_error", "headers.Message-ID"},
  };
  for (const Case& c : cases) {
    std::string text = "{" + std::string(c.members) + "}";
    if (const size_t star = text.find('*'); star != std::string::npos) {
      text.replace(star, 1, kBase);
    }
    SCOPED_TRACE(text);
    const auto value = parse(text);
    ASSERT_TRUE(value.has_value());
    EmailRequest email;
    const auto error = read_email(*value, kNow, &email);
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->status, 422);
    EXPECT_EQ(error->name, c.name);
    EXPECT_EQ(error->param, c.param);
  }
}

TEST(EmailRequest, SaysWhichOfMany) {
  for (const auto& [member, which] :
       {std::pair<std::string_view, std::string_view>{R"("cc":["a@b.c","a@b.c","nobody"])",
                                                      "(address 3 of 3)"},
        {R"("tags":[{"name":"a","value":"b"},{"name":"a"}])", "(tag 2 of 2)"}}) {
    const auto value =
        parse(R"({"from":"a@b.c","to":"d@e.f","subject":"s",)" + std::string(member) + '}');
    ASSERT_TRUE(value.has_value());
    EmailRequest email;
    const auto error = read_email(*value, kNow, &email);
    ASSERT_TRUE(error.has_value());
    EXPECT_NE(error->message.find(which), std::string::npos) << error->message;
  }
}

TEST(EmailRequest, Moments) {
  struct Case {
    std::string_view text;
    int64_t seconds;  // after kNow; -1 = refused
  };
  for (const Case& c : {Case{"2023-11-14T22:13:21Z", 1}, Case{"2023-11-14T23:13:21+01:00", 1},
                        Case{"2023-11-14T22:13:21.000Z", 1}, Case{"2023-11-14 21:13:21-0100", 1},
                        Case{"in 1 min", 60}, Case{"In 2 Hours", 7200}, Case{"in a day", 86400},
                        Case{"in 30 seconds", 30}, Case{"", -1}, Case{"yesterday", -1},
                        Case{"in min", -1}, Case{"in -1 min", -1}, Case{"in 1 year", -1},
                        Case{"2023-13-14T22:13:21Z", -1}, Case{"2023-02-30T22:13:21Z", -1},
                        Case{"2023-11-14T25:13:21Z", -1}, Case{"2023-11-14T22:13:21", -1},
                        Case{"2023-11-14T22:13:21Zx", -1}, Case{"2023-11-14", -1}}) {
    SCOPED_TRACE(c.text);
    const auto moment = parse_moment(c.text, kNow);
    ASSERT_EQ(moment.has_value(), c.seconds >= 0);
    if (moment) EXPECT_EQ(*moment, kNow + std::chrono::seconds(c.seconds));
  }
}

TEST(Merge, Tags) {
  MergeRecipient recipient{.mailbox = *parse_mailbox("Bob <bob@example.net>"),
                           .variables = {{"x", "a<b>&\"'"}, {"n", "7"}}};
  struct Case {
    std::string_view in, plain, html, tag;
  };
  for (const Case& c :
       {Case{"none", "none", "none", ""},
        Case{"{{x}}-{{ n }}", "a<b>&\"'-7", "a&lt;b&gt;&amp;&quot;&#39;-7", ""},
        Case{"{{{x}}}", "a<b>&\"'", "a<b>&\"'", ""},
        Case{"{{email}} {{name}}", "bob@example.net Bob", "bob@example.net Bob", ""},
        Case{"a {{y}}", "", "", "y"}, Case{"a {{x", "", "", "x"},
        Case{"{ {x} }", "{ {x} }", "{ {x} }", ""}}) {
    SCOPED_TRACE(c.in);
    std::string tag;
    const auto plain = merge_text(c.in, recipient, MergeStyle::kPlain, &tag);
    const auto html = merge_text(c.in, recipient, MergeStyle::kHtml, &tag);
    EXPECT_EQ(plain.has_value(), c.tag.empty());
    EXPECT_EQ(plain.value_or(""), c.plain);
    EXPECT_EQ(html.value_or(""), c.html);
    EXPECT_EQ(tag, c.tag);
  }
}

TEST(EmailRequest, NullIsNoValue) {
  const auto value = parse(R"({"from":"a@b.c","subject":"s","recipients":[
      {"email":"d@e.f","name":null,"metadata":null,"variables":{"x":null,"y":0}}]})");
  EmailRequest email;
  ASSERT_FALSE(read_email(*value, kNow, &email).has_value());
  ASSERT_EQ(email.recipients.size(), 1u);
  EXPECT_EQ(email.recipients[0].metadata, "");
  ASSERT_EQ(email.recipients[0].variables.size(), 1u);
  EXPECT_EQ(email.recipients[0].variables[0].first, "y");
}

TEST(Merge, AMissingValueNamesTagAndRecipient) {
  Composition composition;
  composition.from = *parse_mailbox("a@b.c");
  composition.subject = "Hi {{who}}";
  Composition merged;
  const auto error = merge(composition, {.mailbox = *parse_mailbox("bob@example.net")}, 3, &merged);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->message, "The tag `who` has no value for bob@example.net.");
  EXPECT_EQ(error->param, "recipients.3.variables.who");
  const auto injected = merge(
      composition,
      {.mailbox = *parse_mailbox("bob@example.net"), .variables = {{"who", "x\r\nBcc: y@z.a"}}}, 0,
      &merged);
  ASSERT_TRUE(injected.has_value());
  EXPECT_EQ(injected->status, 422);
}

TEST(RawMessage, Prepared) {
  const RawMessage message = prepare_raw(
      "From: a@b.c\nBcc: secret@x.y,\n other@x.y\nSubject: s\n f\nMessage-ID: <1@b>\n\nbody\n"
      "Bcc: in the body\n");
  EXPECT_EQ(message.problem, "");
  EXPECT_EQ(message.text,
            "From: a@b.c\r\nSubject: s\r\n f\r\nMessage-ID: <1@b>\r\n\r\nbody\r\n"
            "Bcc: in the body\r\n");
  EXPECT_EQ(message.subject, "s f");
  EXPECT_EQ(message.message_id, "1@b");
  for (const std::string& bad :
       {std::string(""), std::string("\r\nbody"), std::string("no field\r\n\r\n"),
        std::string("A: b\rc\r\n\r\n"), std::string("A: b\r\n\r\n") + std::string(999, 'x'),
        std::string("A: b\r\n\r\n\0", 9)}) {
    EXPECT_NE(prepare_raw(bad).problem, "") << bad;
  }
}

TEST(RawMessage, SaysWhomItIsFrom) {
  EXPECT_EQ(prepare_raw("From: A <a@X.example>\r\n\r\nx").from_domain, "x.example");
  EXPECT_EQ(prepare_raw("To: a@x.example\r\n\r\nx").from_domain, "");
  EXPECT_EQ(
      prepare_raw("From: a@x.example\r\nTo: b@x.example\r\nfrom : c@y.example\r\n\r\n").problem,
      "there are two From fields");
}

TEST(ApiKeys, Entries) {
  const auto full =
      parse_key_entry("tenant=acme scopes=send,read rate=5/s from=A.example,b.example");
  ASSERT_TRUE(full.has_value());
  EXPECT_EQ(full->tenant, "acme");
  EXPECT_EQ(full->scopes, kScopeSend | kScopeRead);
  EXPECT_EQ(full->rate, 5u);
  EXPECT_EQ(full->from_domains, (std::vector<std::string>{"a.example", "b.example"}));
  EXPECT_EQ(parse_key_entry("tenant=a scopes=admin")->scopes, kAllScopes);
  for (const std::string_view bad :
       {"tenant", "scopes=", "scopes=x", "rate=5", "rate=0/s", "rate=x/s", "color=blue", "from="}) {
    EXPECT_FALSE(parse_key_entry(bad).has_value()) << bad;
  }
}

ApiKeys::Answer authorize(const ApiKeys& keys, std::string_view authorization, Scope scope) {
  Request request;
  if (!authorization.empty()) {
    request.fields.push_back({.name = "Authorization", .value = std::string(authorization)});
  }
  return keys.authorize(request, scope, wall_from_micros(0));
}

TEST(ApiKeys, Authorization) {
  std::string digest;
  text::append_hex(digest, crypto::sha256({"re_secret"}));
  std::string broken;
  text::append_hex(broken, crypto::sha256({"re_broken"}));
  const lookup::OpenContext context;
  lookup::TableList tables(
      "http_api_key_maps",
      "inline:{ {" + digest + " = tenant=t scopes=send} {" + broken + " = tenant} }", context);
  const ApiKeys keys(std::move(tables), true);
  EXPECT_EQ(authorize(keys, "", kScopeSend).error.name, "missing_api_key");
  EXPECT_EQ(authorize(keys, "", kScopeSend).error.status, 401);
  EXPECT_EQ(authorize(keys, "Bearer wrong", kScopeSend).error.status, 403);
  EXPECT_EQ(authorize(keys, "Basic x", kScopeSend).error.name, "invalid_api_key");
  const ApiKeys::Answer good = authorize(keys, "Bearer re_secret", kScopeSend);
  ASSERT_TRUE(good.principal.has_value());
  EXPECT_EQ(good.principal->tenant, "t");
  EXPECT_EQ(authorize(keys, "Bearer re_secret", kScopeRead).error.name, "restricted_api_key");
  EXPECT_EQ(authorize(keys, "Bearer re_broken", kScopeSend).error.status, 503);
  const ApiKeys open({}, true);
  EXPECT_TRUE(authorize(open, "", kScopeAdmin).principal.has_value());
  const ApiKeys closed({}, false);
  EXPECT_FALSE(authorize(closed, "Bearer any", kScopeSend).principal.has_value());
}

TEST(EmailId, HoldsTheQueueId) {
  const QueueId id{.micros = 1'795'626'000'123'456, .partition = 513};
  const std::string text = make_email_id(id, 0xfedcba9876543210);
  EXPECT_EQ(text.size(), 36u);
  EXPECT_EQ(parse_email_id(text), id);
  EXPECT_NE(make_email_id(id, 1), make_email_id(id, 2));
  for (const std::string_view bad :
       {"", "x", "00000000-0000-0000-0000-000000000000", "01a213c0-bd7a-40ae-9681-0000930841b6",
        "01a213c0-bd7a-80ae-1681-0000930841b6", "01a213c0-bd7a-80ae-9681-0000930841bg"}) {
    EXPECT_FALSE(parse_email_id(bad).has_value()) << bad;
  }
}

TEST(RequestLedger, KeysAndRates) {
  RequestLedger ledger;
  EXPECT_TRUE(ledger.begin("k"));
  EXPECT_FALSE(ledger.begin("k"));
  ledger.end("k");
  EXPECT_TRUE(ledger.begin("k"));
  const MonoTime start = MonoTime() + std::chrono::hours(1);
  EXPECT_TRUE(ledger.take("a", 2, start).allowed);
  EXPECT_EQ(ledger.take("a", 2, start).remaining, 0u);
  EXPECT_FALSE(ledger.take("a", 2, start).allowed);
  EXPECT_TRUE(ledger.take("b", 2, start).allowed);
  EXPECT_TRUE(ledger.take("a", 2, start + std::chrono::seconds(1)).allowed);
}

TEST(RequestLedger, WhatIsTakenBeyondIsOwed) {
  RequestLedger ledger;
  const MonoTime start = MonoTime() + std::chrono::hours(1);
  const auto after = [start](int seconds) { return start + std::chrono::seconds(seconds); };
  EXPECT_TRUE(ledger.take("a", 10, start, 45).allowed);
  const RequestLedger::Rate owed = ledger.take("a", 10, after(1), 1);
  EXPECT_FALSE(owed.allowed);
  EXPECT_EQ(owed.remaining, 0u);
  EXPECT_EQ(owed.reset_seconds, 3u);
  EXPECT_FALSE(ledger.take("a", 10, after(3), 1).allowed);
  const RequestLedger::Rate paid = ledger.take("a", 10, after(4), 1);
  EXPECT_TRUE(paid.allowed);
  EXPECT_EQ(paid.remaining, 4u);
}

}  // namespace
}  // namespace barid::http
