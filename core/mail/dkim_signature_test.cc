// Goal: the field says what it must, in short lines, and covers the right fields. Method: golden
// text, rows of headers and choices.
#include "core/mail/dkim_signature.h"

#include <gtest/gtest.h>

namespace barid::dkim {
namespace {

TEST(DkimSignature, FieldsFromTheBottomUp) {
  const auto header =
      split_header("Received: 2\r\nReceived: 1\r\nFROM: a@b\r\nTo: x\r\nto: y\r\nX-Own: z\r\n");
  const FieldChoice choice{.oversigned = {"from", "to", "subject"},
                           .others = {"received", "from", "list-id"}};
  std::string text;
  for (const SignedField& field : choose_fields(header, choice)) {
    text += std::string(field.name) + "=" +
            (field.field == nullptr ? "-" : std::string(field.field->body())) + ";";
  }
  EXPECT_EQ(text,
            "from= a@b\r\n;from=-;to= y\r\n;to= x\r\n;to=-;subject=-;received= 1\r\n;"
            "received= 2\r\n;");
}

TEST(DkimSignature, RepeatedFieldsAreBounded) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += "To: a\r\n";
  const auto header = split_header(text);
  EXPECT_EQ(choose_fields(header, {.oversigned = {"to"}, .others = {}}).size(),
            kFieldsOfOneNameMax);
}

TEST(DkimSignature, Golden) {
  const auto header = split_header("From: Joe <joe@example.com>\r\nSubject:  Is it\r\n ready?\r\n");
  const FieldChoice choice{
      .oversigned = {"from", "to", "cc", "subject", "date", "reply-to", "message-id"},
      .others = {}};
  const auto fields = choose_fields(header, choice);
  const SignatureTags tags{.algorithm = Algorithm::kEd25519Sha256,
                           .body = Canonical::kSimple,
                           .domain = "example.com",
                           .selector = "s1",
                           .identity = "@news.example.com",
                           .signed_at = 1'700'000'000,
                           .expires_at = 1'700'086'400};
  const std::string field = unsigned_field(tags, fields, std::string(32, 'h'));
  EXPECT_EQ(field,
            "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/simple; d=example.com;\r\n"
            "\ts=s1; i=@news.example.com; t=1700000000; x=1700086400;\r\n"
            "\th=from:from:to:cc:subject:subject:date:reply-to:message-id;\r\n"
            "\tbh=aGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGg=;\r\n"
            "\tb=");
  std::string data;
  append_signed_data(data, fields, field, Canonical::kRelaxed);
  EXPECT_EQ(data,
            "from:Joe <joe@example.com>\r\n"
            "subject:Is it ready?\r\n"
            "dkim-signature:v=1; a=ed25519-sha256; c=relaxed/simple; d=example.com; s=s1; "
            "i=@news.example.com; t=1700000000; x=1700086400; "
            "h=from:from:to:cc:subject:subject:date:reply-to:message-id; "
            "bh=aGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGg=; b=");
  const std::string whole = finished_field(field, std::string(256, '\xff'));
  EXPECT_TRUE(whole.starts_with(field + "////"));
  EXPECT_TRUE(whole.ends_with("/w==\r\n"));
  for (size_t at = 0; at < whole.size();) {
    const size_t end = whole.find("\r\n", at);
    EXPECT_LE(end - at, 78u);
    at = end + 2;
  }
}

}  // namespace
}  // namespace barid::dkim
