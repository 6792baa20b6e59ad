// Goal: the bytes of composed messages. Method: whole messages as they must be; what a parser sees
// of random ones is checked by tests/mime/check_compose.py.
#include "core/mail/compose.h"

#include <gtest/gtest.h>

namespace barid {
namespace {

std::string composed(const Composition& composition) {
  ContentRef content = ContentRef::make();
  compose(composition, *content);
  std::string text;
  for (const std::string_view span : content->spans()) text += span;
  return text;
}

Composition base() {
  Composition composition;
  composition.from = *parse_mailbox("Ann <ann@example.org>");
  composition.to = {*parse_mailbox("bob@example.net")};
  composition.subject = "Hello";
  composition.message_id = "1@example.org";
  composition.boundary = "b";
  composition.unix_seconds = 1'700'000'000;
  return composition;
}

TEST(Compose, PlainText) {
  Composition composition = base();
  composition.text = "first line\nsecond";
  composition.unsubscribe_url = "https://example.org/u/1";
  composition.unsubscribe_mailto = "u@example.org";
  composition.unsubscribe_one_click = true;
  composition.fields = {{.name = "X-Note", .value = "as is"}};
  EXPECT_FALSE(find_problem(composition).has_value());
  EXPECT_EQ(composed(composition),
            "From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: Hello\r\n"
            "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <1@example.org>\r\n"
            "List-Unsubscribe:\r\n <https://example.org/u/1>,\r\n <mailto:u@example.org>\r\n"
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nX-Note: as is\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n"
            "Content-Transfer-Encoding: 7bit\r\n\r\nfirst line\r\nsecond\r\n");
}

TEST(Compose, EveryLevel) {
  Composition composition = base();
  composition.text = "t";
  composition.html = "<img src=\"cid:i\">\xc3\xa9";
  composition.files = {{.filename = "i.png", .content_id = "i", .bytes = "image"},
                       {.filename = "a.pdf", .bytes = "file"}};
  ASSERT_FALSE(find_problem(composition).has_value());
  const std::string text = composed(composition);
  const std::string body = text.substr(text.find("MIME-Version: 1.0\r\n"));
  EXPECT_EQ(body,
            "MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=\"=_b_0\"\r\n\r\n"
            "\r\n--=_b_0\r\nContent-Type: multipart/related; type=\"multipart/alternative\";\r\n"
            " boundary=\"=_b_1\"\r\n\r\n"
            "\r\n--=_b_1\r\nContent-Type: multipart/alternative;\r\n boundary=\"=_b_2\"\r\n\r\n"
            "\r\n--=_b_2\r\nContent-Type: text/plain; charset=us-ascii\r\n"
            "Content-Transfer-Encoding: 7bit\r\n\r\nt"
            "\r\n--=_b_2\r\nContent-Type: text/html; charset=utf-8\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\n\r\n<img src=3D\"cid:i\">=C3=A9"
            "\r\n--=_b_2--\r\n"
            "\r\n--=_b_1\r\nContent-Type: image/png;\r\n name=\"i.png\"\r\n"
            "Content-Transfer-Encoding: base64\r\nContent-Disposition: inline;\r\n"
            " filename=\"i.png\"\r\nContent-ID: <i>\r\n\r\naW1hZ2U=\r\n"
            "\r\n--=_b_1--\r\n"
            "\r\n--=_b_0\r\nContent-Type: application/pdf;\r\n name=\"a.pdf\"\r\n"
            "Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n"
            " filename=\"a.pdf\"\r\n\r\nZmlsZQ==\r\n"
            "\r\n--=_b_0--\r\n");
}

TEST(Compose, Smtputf8OnlyForAddresses) {
  Composition composition = base();
  composition.subject =
      "Gr\xc3\xbc\xc3\x9f"
      "e";
  composition.from.name = "J\xc3\xbcrgen";
  composition.text = "\xc3\xa9";
  EXPECT_FALSE(needs_smtputf8(composition));
  composition.cc = {*parse_mailbox("j\xc3\xbc@example.org")};
  EXPECT_TRUE(needs_smtputf8(composition));
}

TEST(Compose, SendersOwnFields) {
  Composition composition = base();
  composition.fields = {{.name = "Message-ID", .value = "<a=1@b.example>"},
                        {.name = "X-A", .value = "1"},
                        {.name = "x-a", .value = "2"},
                        {.name = "List-Unsubscribe", .value = "<https://b.example/>"},
                        {.name = "List-Unsubscribe-Post", .value = "List-Unsubscribe=One-Click"}};
  for (const std::string_view type :
       {"text/calendar; method=REQUEST;charset=\"utf-8\"", "a/b;c=\"d \\\" e\" ; f=g", "a/b"}) {
    composition.files = {{.content_type = std::string(type)}};
    const auto problem = find_problem(composition);
    EXPECT_FALSE(problem.has_value()) << type << ": " << problem->param;
  }
}

TEST(Compose, Problems) {
  struct Case {
    void (*spoil)(Composition&);
    std::string_view param;
  };
  const Case cases[] = {
      {[](Composition& c) { c.subject = "a\r\nBcc: x@y.z"; }, "subject"},
      {[](Composition& c) { c.from.name = "a\nb"; }, "from"},
      {[](Composition& c) { c.to[0].name = std::string("a\0b", 3); }, "to"},
      {[](Composition& c) { c.fields = {{.name = "Bcc", .value = "x"}}; }, "headers.Bcc"},
      {[](Composition& c) { c.fields = {{.name = "X-A", .value = "a\rb"}}; }, "headers.X-A"},
      {[](Composition& c) { c.fields = {{.name = "X A", .value = "b"}}; }, "headers"},
      {[](Composition& c) { c.fields = {{.name = "message-id", .value = "a@b"}}; },
       "headers.message-id"},
      {[](Composition& c) { c.fields = {{.name = "Message-ID", .value = "<a b@c>"}}; },
       "headers.Message-ID"},
      {[](Composition& c) {
         c.fields = {{.name = "Date", .value = "x"}, {.name = "date", .value = "y"}};
       },
       "headers.date"},
      {[](Composition& c) {
         c.unsubscribe_mailto = "a@b.example";
         c.fields = {{.name = "List-Unsubscribe", .value = "<https://b.example/>"}};
       },
       "headers.List-Unsubscribe"},
      {[](Composition& c) { c.files = {{.filename = "a\nb"}}; }, "attachments.0.filename"},
      {[](Composition& c) { c.files = {{.content_type = "text/plain; name=\"x"}}; },
       "attachments.0.content_type"},
      {[](Composition& c) { c.files = {{.content_type = "text/plain; x"}}; },
       "attachments.0.content_type"},
      {[](Composition& c) { c.files = {{.content_type = "text/plain; a=b c"}}; },
       "attachments.0.content_type"},
      {[](Composition& c) { c.files = {{.content_type = "pdf"}}; }, "attachments.0.content_type"},
      {[](Composition& c) { c.files = {{.content_id = "a>"}}; }, "attachments.0.content_id"},
      {[](Composition& c) { c.unsubscribe_url = "ftp://x"; }, "unsubscribe.url"},
      {[](Composition& c) { c.unsubscribe_url = "https://x/> , <a"; }, "unsubscribe.url"},
      {[](Composition& c) { c.unsubscribe_mailto = "nobody"; }, "unsubscribe.mailto"},
      {[](Composition& c) {
         c.unsubscribe_url = "http://x/";
         c.unsubscribe_one_click = true;
       },
       "unsubscribe.one_click"},
  };
  for (const Case& c : cases) {
    Composition composition = base();
    composition.text = "t";
    c.spoil(composition);
    const auto problem = find_problem(composition);
    ASSERT_TRUE(problem.has_value()) << c.param;
    EXPECT_EQ(problem->param, c.param);
  }
}

}  // namespace
}  // namespace barid
