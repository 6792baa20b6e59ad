// Goal: XCLIENT and XFORWARD take what Postfix takes and refuse the rest with its replies.
// Method: rows of arguments; the dialogues are in machine_forward_test.cc.
#include "smtp/server/client_attributes.h"

#include <gtest/gtest.h>

namespace barid::smtp {
namespace {

struct Row {
  Verb command;
  std::string_view arguments;
  std::string_view refusal;
};

TEST(ClientAttributes, Refusals) {
  const std::string long_value = "HELO=" + std::string(256, 'x');
  const Row rows[] = {
      {Verb::kXclient, "NAME", "501 5.5.4 Error: attribute=value expected"},
      {Verb::kXclient, "NAME=", "501 5.5.4 Error: attribute=value expected"},
      {Verb::kXclient, "=x", "501 5.5.4 Bad XCLIENT attribute name: "},
      {Verb::kXclient, "FOO=bar", "501 5.5.4 Bad XCLIENT attribute name: FOO"},
      {Verb::kXforward, "FOO=bar", "501 5.5.4 Bad XFORWARD attribute name: FOO"},
      {Verb::kXclient, "IDENT=bar", "501 5.5.4 Bad XCLIENT attribute name: IDENT"},
      {Verb::kXforward, "LOGIN=bar", "501 5.5.4 Bad XFORWARD attribute name: LOGIN"},
      {Verb::kXclient, "NAME=bad..name", "501 5.5.4 Bad NAME syntax: bad..name"},
      {Verb::kXclient, "NAME=[192.0.2.1]", "501 5.5.4 Bad NAME syntax: [192.0.2.1]"},
      {Verb::kXclient, "REVERSE_NAME=-x", "501 5.5.4 Bad REVERSE_NAME syntax: -x"},
      {Verb::kXclient, "ADDR=1.2.3.999", "501 5.5.4 Bad ADDR syntax: 1.2.3.999"},
      {Verb::kXclient, "ADDR=2001:db8::1", "501 5.5.4 Bad ADDR syntax: 2001:db8::1"},
      {Verb::kXclient, "ADDR=IPV6:192.0.2.1", "501 5.5.4 Bad ADDR syntax: IPV6:192.0.2.1"},
      {Verb::kXclient, "DESTADDR=x", "501 5.5.4 Bad DESTADDR syntax: x"},
      {Verb::kXclient, "PORT=abc", "501 5.5.4 Bad PORT syntax: abc"},
      {Verb::kXclient, "PORT=65536", "501 5.5.4 Bad PORT syntax: 65536"},
      {Verb::kXclient, "DESTPORT=-1", "501 5.5.4 Bad DESTPORT syntax: -1"},
      {Verb::kXclient, "PROTO=FOO", "501 5.5.4 Bad PROTO syntax: FOO"},
      {Verb::kXclient, "PROTO=[UNAVAILABLE]", "501 5.5.4 Bad PROTO syntax: [UNAVAILABLE]"},
      {Verb::kXforward, "SOURCE=ELSEWHERE", "501 5.5.4 Bad SOURCE syntax: ELSEWHERE"},
      {Verb::kXclient, "HELO=+zz", "501 5.5.4 Bad attribute value syntax: +zz"},
      {Verb::kXclient, "HELO=a+0D+0Ab", "501 5.5.4 Bad attribute value syntax: a+0D+0Ab"},
      {Verb::kXclient, "NAME=a.example=b", "501 5.5.4 Bad attribute value syntax: a.example=b"},
      {Verb::kXclient, long_value, "501 5.5.4 Error: attribute value too long"},
      {Verb::kXclient, "NAME=a.example FOO=x", "501 5.5.4 Bad XCLIENT attribute name: FOO"},
  };
  for (const Row& row : rows) {
    ClientAttributes attributes;
    EXPECT_EQ(parse_client_attributes(row.command, row.arguments, &attributes), row.refusal)
        << row.arguments;
    EXPECT_FALSE(attributes.find(ClientAttribute::kName)) << row.arguments;
  }
}

TEST(ClientAttributes, Values) {
  ClientAttributes attributes;
  ASSERT_EQ(
      parse_client_attributes(Verb::kXclient,
                              "name=spike.example  ADDR=IPV6:2001:DB8:0::1 PORT=65535 "
                              "PROTO=esmtp HELO=a+20b LOGIN=joe DESTADDR=IPV6:::ffff:10.0.0.1 "
                              "DESTPORT=25 REVERSE_NAME=[TEMPUNAVAIL]",
                              &attributes),
      "");
  using enum ClientAttribute;
  EXPECT_EQ(attributes.find(kName), "spike.example");
  EXPECT_EQ(attributes.find(kAddress), "2001:db8::1");
  EXPECT_EQ(attributes.find(kPort), "65535");
  EXPECT_EQ(attributes.find(kProtocol), "ESMTP");
  EXPECT_EQ(attributes.find(kHelo), "a b");
  EXPECT_EQ(attributes.find(kLogin), "joe");
  EXPECT_EQ(attributes.find(kServerAddress), "10.0.0.1");
  EXPECT_EQ(attributes.find(kServerPort), "25");
  EXPECT_EQ(attributes.find(kReverseName), "");
  EXPECT_FALSE(attributes.find(kIdent));
}

TEST(ClientAttributes, LaterOnesReplace) {
  ClientAttributes attributes;
  ASSERT_EQ(parse_client_attributes(Verb::kXforward, "NAME=a.example SOURCE=local", &attributes),
            "");
  ASSERT_EQ(parse_client_attributes(Verb::kXforward, "NAME=[UNAVAILABLE] PROTO=HTTP", &attributes),
            "");
  using enum ClientAttribute;
  EXPECT_EQ(attributes.find(kName), "");
  EXPECT_EQ(attributes.find(kSource), "LOCAL");
  EXPECT_EQ(attributes.find(kProtocol), "HTTP");
}

}  // namespace
}  // namespace barid::smtp
