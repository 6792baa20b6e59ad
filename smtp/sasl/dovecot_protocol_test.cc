// Goal: Dovecot's lines are read and written as its protocol says. Method: rows of lines.
#include "smtp/sasl/dovecot_protocol.h"

#include <gtest/gtest.h>

namespace barid::sasl {
namespace {

TEST(DovecotProtocol, Greeting) {
  DovecotGreeting greeting;
  for (const char* line :
       {"VERSION\t1\t2", "MECH\tPLAIN\tplaintext",
        "MECH\tDIGEST-MD5\tdictionary\tactive\tmutual-auth", "MECH\tEXTERNAL\tprivate",
        "MECH\tbad name", "NEWS\tx", "SPID\t7", "CUID\t1", "COOKIE\tab"}) {
    EXPECT_TRUE(greeting.add(line)) << line;
  }
  EXPECT_FALSE(greeting.done());
  EXPECT_TRUE(greeting.add("DONE"));
  EXPECT_TRUE(greeting.done());
  const std::vector<DovecotMechanism> wanted = {
      {.name = "PLAIN", .traits = {.violates = kNoPlaintext, .has = 0}, .hidden = false},
      {.name = "DIGEST-MD5",
       .traits = {.violates = kNoDictionary | kNoActive, .has = kMutualAuth},
       .hidden = false},
      {.name = "EXTERNAL", .traits = {}, .hidden = true}};
  EXPECT_EQ(greeting.mechanisms().size(), wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(greeting.mechanisms()[i].name, wanted[i].name);
    EXPECT_EQ(greeting.mechanisms()[i].traits.violates, wanted[i].traits.violates);
    EXPECT_EQ(greeting.mechanisms()[i].traits.has, wanted[i].traits.has);
    EXPECT_EQ(greeting.mechanisms()[i].hidden, wanted[i].hidden);
  }
}

TEST(DovecotProtocol, BadGreetings) {
  const struct {
    std::vector<const char*> lines;
    const char* problem;
  } kRows[] = {{{"VERSION\t2\t0"}, "another protocol version"},
               {{"VERSION\t1\t1", "SPID\t1"}, "this is auth-master, not a socket for clients"},
               {{"MECH\tPLAIN", "DONE"}, "it says no version"}};
  for (const auto& row : kRows) {
    DovecotGreeting greeting;
    bool good = true;
    for (const char* line : row.lines) good = good && greeting.add(line);
    EXPECT_FALSE(good);
    EXPECT_EQ(greeting.problem(), row.problem);
  }
}

TEST(DovecotProtocol, Replies) {
  using Kind = DovecotReply::Kind;
  const struct {
    const char* line;
    Kind kind;
    uint32_t id;
    const char* text;
    const char* user;
    bool temporary;
  } kRows[] = {
      {"CONT\t1\tUGFzcw==", Kind::kContinue, 1, "UGFzcw==", "", false},
      {"CONT\t1\t", Kind::kContinue, 1, "", "", false},
      {"CONT\t1\tno base64!", Kind::kOther, 1, "no base64!", "", false},
      {"OK\t7\tuser=me@a.example\tx=y", Kind::kOk, 7, "", "me@a.example", false},
      {"OK\t7\tuser=me\tresp=dj0x", Kind::kOk, 7, "dj0x", "me", false},
      {"FAIL\t1\tuser=a\001tb\treason=No\001nway\ttemp", Kind::kFail, 1, "No\nway", "a\tb", true},
      {"FAIL\t1", Kind::kFail, 1, "", "", false},
      {"FAIL\tx", Kind::kOther, 0, "", "", false},
      {"", Kind::kOther, 0, "", "", false},
  };
  for (const auto& row : kRows) {
    const DovecotReply reply = parse_dovecot_reply(row.line);
    EXPECT_EQ(reply.kind, row.kind) << row.line;
    EXPECT_EQ(reply.id, row.id) << row.line;
    EXPECT_EQ(reply.text, row.text) << row.line;
    EXPECT_EQ(reply.user, row.user) << row.line;
    EXPECT_EQ(reply.temporary, row.temporary) << row.line;
  }
}

TEST(DovecotProtocol, Requests) {
  EXPECT_EQ(dovecot_hello(42), "VERSION\t1\t0\nCPID\t42\n");
  EXPECT_EQ(
      dovecot_auth({.id = 1, .mechanism = "PLAIN", .service = "sm\ttp", .initial = "AGEAYg=="},
                   {.client_address = "192.0.2.1",
                    .server_address = "192.0.2.2",
                    .encrypted = true,
                    .channel_binding = {}}),
      "AUTH\t1\tPLAIN\tservice=sm\001ttp\tnologin\tlip=192.0.2.2\trip=192.0.2.1\tsecured\t"
      "resp=AGEAYg==\n");
  EXPECT_EQ(dovecot_auth({.id = 2, .mechanism = "LOGIN", .service = "smtp", .initial = {}}, {}),
            "AUTH\t2\tLOGIN\tservice=smtp\tnologin\n");
  EXPECT_EQ(dovecot_continue(2, "eA=="), "CONT\t2\teA==\n");
  EXPECT_TRUE(is_base64_text("aB+/9="));
  EXPECT_FALSE(is_base64_text("a\tb"));
}

TEST(Security, Options) {
  std::string bad;
  EXPECT_EQ(parse_security_options("noplaintext, NOANONYMOUS\n mutual_auth", &bad),
            kNoPlaintext | kNoAnonymous | kMutualAuth);
  EXPECT_EQ(bad, "");
  EXPECT_EQ(parse_security_options("", &bad), 0);
  static_cast<void>(parse_security_options("noactive nothing", &bad));
  EXPECT_EQ(bad, "nothing");
  EXPECT_TRUE(mechanism_traits("SCRAM-SHA-256").fits(kNoPlaintext | kNoActive | kMutualAuth));
  EXPECT_FALSE(mechanism_traits("SCRAM-SHA-256").fits(kForwardSecrecy));
  EXPECT_FALSE(mechanism_traits("PLAIN").fits(kNoPlaintext));
  EXPECT_TRUE(mechanism_traits("PLAIN").fits(kNoAnonymous));
}

}  // namespace
}  // namespace barid::sasl
