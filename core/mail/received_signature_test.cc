// Goal: signatures of others are read as the RFCs say, and what they sign is found. Method: rows of
// values, each with what is wrong; the bytes of a small header.
#include "core/mail/received_signature.h"

#include <gtest/gtest.h>

namespace barid::dkim {
namespace {

const std::string kHash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";  // 32 bytes

std::string value_with(std::string_view tag) {
  const std::string_view name = tag.substr(0, tag.find('='));
  std::string value;
  for (const std::string& item :
       {std::string("v=1"), std::string("a=rsa-sha256"), std::string("d=Example.ORG"),
        std::string("s=s1"), std::string("h=From : to"), "bh=" + kHash,
        std::string("b=YW\r\n Jj")}) {
    const bool replaced = item.substr(0, item.find('=')) == name;
    if (!replaced) value += " " + item + ";";
  }
  return tag.find('=') == std::string_view::npos ? value : value + " " + std::string(tag);
}

TEST(ReceivedSignature, Rows) {
  struct Case {
    std::string_view tag;  // takes the place of the one of its name; "v" alone: nothing replaced
    std::string_view problem;
  };
  constexpr Case kCases[] = {
      {"", ""},
      {"v=2", "v= is not accepted"},
      {"a=rsa-sha1", "a= is not accepted"},
      {"a=RSA-SHA256", ""},
      {"a=ed25519-sha256", ""},
      {"c=relaxed", ""},
      {"c=relaxed/odd", "c= names an unknown form"},
      {"d=", "d= is no name"},
      {"d=exa mple.org", "d= is no name"},
      {"s=.s", "s= is no name"},
      {"h=to:subject", "h= has no From"},
      {"h=from::to:", ""},
      {"h=", "h= has no From"},
      {"bh=YWJj", "bh= is no SHA-256"},
      {"bh=*", "bh= is not base64"},
      {"b=", "b= is not base64"},
      {"x=never", "x= is no time"},
      {"x=1234567890123", "x= is no time"},
      {"i=@sub.example.org", ""},
      {"i=me@example.org", ""},
      {"i=@example.com", "i= is not below d="},
      {"i=@badexample.org", "i= is not below d="},
      {"q=dns/txt", ""},
      {"q=http", "q= is not dns/txt"},
      {"l=10", ""},
      {"unknown=1", ""},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.tag);
    EXPECT_EQ(parse_signature(value_with(c.tag), SignatureKind::kDkim).problem, c.problem);
  }
}

TEST(ReceivedSignature, Values) {
  const ReceivedSignature signature = parse_signature(
      value_with("c=relaxed/simple; l=3; x=1700000000; i=@a.example.org"), SignatureKind::kDkim);
  EXPECT_EQ(signature.problem, "");
  EXPECT_EQ(signature.domain, "example.org");
  EXPECT_EQ(signature.identity_domain, "a.example.org");
  EXPECT_EQ(signature.names, (std::vector<std::string>{"from", "to"}));
  EXPECT_EQ(signature.signature, "abc");
  EXPECT_EQ(signature.header, Canonical::kRelaxed);
  EXPECT_EQ(signature.body, Canonical::kSimple);
  EXPECT_TRUE(signature.partial_body);
  EXPECT_EQ(signature.expires_at, 1'700'000'000);
}

TEST(ReceivedSignature, WhatIsMissing) {
  for (const std::string_view name : {"a", "b", "bh", "d", "h", "s", "v"}) {
    std::string value;
    const std::string whole = value_with("");
    for (size_t at = 0; at < whole.size();) {
      const size_t end = std::min(whole.find(';', at), whole.size());
      const std::string item = whole.substr(at, end - at);
      if (!item.starts_with(" " + std::string(name) + "=")) value += item + ";";
      at = end + 1;
    }
    EXPECT_EQ(parse_signature(value, SignatureKind::kDkim).problem,
              std::string(name) + "= is missing");
  }
}

TEST(ReceivedSignature, OfArc) {
  EXPECT_EQ(parse_signature(value_with(""), SignatureKind::kArcMessage).problem, "i= is missing");
  const auto second = parse_signature(value_with("i=2"), SignatureKind::kArcMessage);
  EXPECT_EQ(second.problem, "");
  EXPECT_EQ(second.instance, 2u);
  EXPECT_EQ(parse_signature(value_with("i=0"), SignatureKind::kArcMessage).problem,
            "i= is no instance");
  EXPECT_EQ(
      parse_signature(value_with("i=2; h=from:Arc-Seal").substr(0), SignatureKind::kArcMessage)
          .problem,
      "a tag is there twice");
  EXPECT_EQ(
      parse_signature("i=1;" + value_with("h=from:Arc-Seal"), SignatureKind::kArcMessage).problem,
      "h= has ARC-Seal");
}

TEST(ReceivedSignature, EmptiedSignature) {
  struct Case {
    std::string_view field;
    std::string_view out;
  };
  constexpr Case kCases[] = {
      {"A: a=1; b=xyz\r\n", "A: a=1; b="},
      {"A:b=x;\r\n bh=y; c=1\r\n", "A:b=;\r\n bh=y; c=1\r\n"},
      {"A: a=1;\r\n\tb =\r\n x y;", "A: a=1;\r\n\tb =;"},
      {"A: a=1; ab=x\r\n", "A: a=1; ab=x\r\n"},
      {"none", "none"},
  };
  for (const Case& c : kCases) EXPECT_EQ(without_signature(c.field), c.out);
}

TEST(ReceivedSignature, SignedBytes) {
  const auto header = split_header(
      "DKIM-Signature: h=dkim-signature:to; b=me\r\n"
      "To:  1\r\nDKIM-Signature: other\r\nTO: 2\r\nCc: 3\r\n");
  std::string out;
  append_verified_data(
      out, header, std::vector<std::string>{"to", "dkim-signature", "dkim-signature", "to", "to"},
      header[0], Canonical::kRelaxed);
  EXPECT_EQ(out,
            "to:2\r\ndkim-signature:other\r\nto:1\r\n"
            "dkim-signature:h=dkim-signature:to; b=");
}

}  // namespace
}  // namespace barid::dkim
