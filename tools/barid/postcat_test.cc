// Goal: a message reads as Postfix's postcat(1) prints it, record for record.
// Method: rows against what Postfix 3.7 printed for the same mail, attributes that are not kept
// left out.
#include "tools/barid/postcat.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace barid::tools {
namespace {

constexpr std::string_view kMessage =
    R"({"queue_name": "deferred", "queue_id": "4jZS1n4f2wz1", "arrival_time": 1795629149,
 "message_size": 52, "forced_expire": false, "sender": "MAILER-DAEMON", "create_time": 1795629149,
 "stream": "transactional", "priority": 0, "envid": "q+z", "dsn_return": "HDRS",
 "body_type": "8BITMIME", "smtputf8": false, "client_name": "unknown",
 "client_address": "127.0.0.1", "helo": "client.example", "protocol": "ESMTP", "all_recipients": [
 {"address": "x@one.example", "state": "pending", "original": "rfc822;o@one.example", "notify": 12},
 {"address": "y@one.example", "state": "delivered", "notify": 0}]})";
constexpr std::string_view kContent = "Subject: x\r\n folded\r\n\r\nbody\r\n.dot\r\n";

class Postcat : public ::testing::Test {
 protected:
  Postcat() {
    setenv("TZ", "UTC", 1);
    tzset();
  }
  static std::string text(const PostcatOptions& options) {
    Result<std::string> text = postcat_text(kMessage, kContent, options);
    EXPECT_TRUE(text.ok());
    return text.ok() ? *text : "";
  }
};

TEST_F(Postcat, EnvelopeHeaderBody) {
  EXPECT_EQ(text({.envelope = true, .header = true, .body = true}),
            "*** ENVELOPE RECORDS deferred/4jZS1n4f2wz1 ***\n"
            "message_size:              52             614               2               0      "
            "        52               0\n"
            "message_arrival_time: Wed Nov 25 17:52:29 2026\n"
            "create_time: Wed Nov 25 17:52:29 2026\n"
            "named_attribute: log_ident=4jZS1n4f2wz1\n"
            "named_attribute: envelope_id=q+z\n"
            "named_attribute: ret_flags=2\n"
            "sender: \n"
            "named_attribute: encoding=8bit\n"
            "named_attribute: log_client_name=unknown\n"
            "named_attribute: log_client_address=127.0.0.1\n"
            "named_attribute: log_message_origin=unknown[127.0.0.1]\n"
            "named_attribute: log_helo_name=client.example\n"
            "named_attribute: log_protocol_name=ESMTP\n"
            "named_attribute: client_name=unknown\n"
            "named_attribute: client_address=127.0.0.1\n"
            "named_attribute: helo_name=client.example\n"
            "named_attribute: protocol_name=ESMTP\n"
            "named_attribute: client_address_type=2\n"
            "named_attribute: stream=transactional\n"
            "named_attribute: notify_flags=12\n"
            "named_attribute: dsn_orig_rcpt=rfc822;o@one.example\n"
            "original_recipient: x@one.example\n"
            "recipient: x@one.example\n"
            "original_recipient: y@one.example\n"
            "done_recipient: y@one.example\n"
            "*** MESSAGE CONTENTS deferred/4jZS1n4f2wz1 ***\n"
            "Subject: x\n folded\n\nbody\n.dot\n"
            "*** HEADER EXTRACTED deferred/4jZS1n4f2wz1 ***\n"
            "*** MESSAGE FILE END deferred/4jZS1n4f2wz1 ***\n");
}

TEST_F(Postcat, PartsAndDecorations) {
  EXPECT_EQ(text({.header = true}), "Subject: x\n folded\n");
  EXPECT_EQ(text({.body = true}), "\nbody\n.dot\n");
  EXPECT_EQ(text({.body = true, .text_names = true}),
            "regular_text: \nregular_text: body\nregular_text: .dot\n");
  EXPECT_EQ(text({.body = true, .decimal_types = true}), " 78 \n 78 body\n 78 .dot\n");
  const std::string offsets = text({.envelope = true, .header = true, .offsets = true});
  EXPECT_NE(offsets.find("        0 message_size: "), std::string::npos) << offsets;
  EXPECT_NE(offsets.find("       97 message_arrival_time: "), std::string::npos) << offsets;
  EXPECT_NE(offsets.find("      116 create_time: "), std::string::npos) << offsets;
  EXPECT_NE(offsets.find("      140 named_attribute: log_ident"), std::string::npos) << offsets;
  EXPECT_NE(offsets.find("      614 Subject: x\n      626  folded\n"), std::string::npos)
      << offsets;
  EXPECT_EQ(text({.header = true, .decimal_types = true, .file_names = true}),
            "deferred/4jZS1n4f2wz1:  78 Subject: x\ndeferred/4jZS1n4f2wz1:  78  folded\n");
  EXPECT_TRUE(
      text({.envelope = true, .file_names = true})
          .starts_with("deferred/4jZS1n4f2wz1: *** ENVELOPE RECORDS deferred/4jZS1n4f2wz1"));
  EXPECT_EQ(text({.header = true, .body = true, .offset_min = 630}), "\nbody\n.dot\n");
}

TEST_F(Postcat, HeaderEndsAtTheFirstLineThatIsNoField) {
  const auto header = [](std::string_view content) {
    return *postcat_text(kMessage, content, {.header = true});
  };
  EXPECT_EQ(header("A: b\nno field\nC: d\n"), "A: b\n");
  EXPECT_EQ(header(" folded first\nA: b\n"), "");
  EXPECT_EQ(header("A : b\n\tmore\n: none\n"), "A : b\n\tmore\n");
  EXPECT_EQ(header("A: no line end"), "A: no line end\n");
  EXPECT_EQ(header(""), "");
}

TEST_F(Postcat, AnswersThatAreNone) {
  for (const std::string_view answer :
       {"", "[]", "{}", R"({"queue_name": "hold", "queue_id": "x", "message_size": 1})",
        R"({"queue_name": "hold", "queue_id": "x", "message_size": 1, "arrival_time": 1,
            "create_time": 1, "all_recipients": [1]})"}) {
    const Result<std::string> text = postcat_text(answer, kContent, {.body = true});
    ASSERT_FALSE(text.ok()) << answer;
    EXPECT_EQ(text.error().code, Code::kMalformed);
  }
}

}  // namespace
}  // namespace barid::tools
