// Goal: the mailbox lists, shows and removes what is in it, and nothing else. Method: a directory.
#include "tools/barid/mailbox_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace barid::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Mailbox : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "barid-mailbox-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory); }
  void write(const std::string& name, std::string_view text) {
    std::ofstream(directory + "/" + name, std::ios::binary) << text;
  }
  std::string directory;
};

std::string message(std::string_view to, std::string_view subject) {
  return "X-Envelope-From: <ann@a.example>\r\nX-Envelope-To: <" + std::string(to) +
         ">\r\nFrom: Ann <ann@a.example>\r\nTo: " + std::string(to) +
         "\r\nSubject: " + std::string(subject) + "\r\n\r\nhello\r\n";
}

TEST(MailboxId, Rows) {
  for (const std::string_view good : {"1700000000000000-0001", "1-9999"}) {
    EXPECT_TRUE(is_mailbox_id(good)) << good;
  }
  for (const std::string_view bad :
       {"", "-", "1-", "-0001", "1-001", "1-00011", "../1-0001", "1-000a", "1 -0001", "1-0001.eml",
        "1700000000000000000000-0001"}) {
    EXPECT_FALSE(is_mailbox_id(bad)) << bad;
  }
}

TEST_F(Mailbox, Lists) {
  EXPECT_EQ(*list_mailbox(directory, {}),
            "{\"object\":\"list\",\"total\":0,\"has_more\":false,\"next\":null,\"data\":[]}\n");
  write("1700000001000000-0001.eml", message("one@b.example", "first"));
  write("1700000002000000-0002.eml", message("two@b.example", "=?utf-8?q?zw=C3=B6lf?="));
  write("1700000003000000-0003.eml", message("three@b.example", "<script>alert(1)</script>"));
  write("1700000004000000-0004.eml.tmp", "half");
  write("notes.txt", "x");
  const std::string all = *list_mailbox(directory, {});
  EXPECT_THAT(all, HasSubstr(R"("total":3,"has_more":false,"next":null)"));
  EXPECT_LT(all.find("three@"), all.find("two@"));
  EXPECT_THAT(all, HasSubstr(R"("received_at":1700000002)"));
  EXPECT_THAT(all, HasSubstr("\"subject\":\"zwölf\""));
  EXPECT_THAT(all, HasSubstr(R"("subject":"<script>alert(1)</script>")"));
  const std::string page = *list_mailbox(directory, {.limit = 2});
  EXPECT_THAT(page, HasSubstr(R"("has_more":true,"next":"1700000002000000-0002")"));
  const std::string rest =
      *list_mailbox(directory, {.limit = 2, .before = "1700000002000000-0002"});
  EXPECT_THAT(rest, HasSubstr(R"("has_more":false)"));
  EXPECT_THAT(rest, HasSubstr("one@b.example"));
  EXPECT_THAT(rest, Not(HasSubstr("two@b.example")));
  EXPECT_THAT(*list_mailbox(directory, {.text = "TWO@"}), Not(HasSubstr("one@b.example")));
  EXPECT_FALSE(list_mailbox(directory + "/absent", {}).ok());
}

TEST_F(Mailbox, ShowsAndRemoves) {
  write("1700000001000000-0001.eml", message("one@b.example", "first"));
  EXPECT_THAT(*load_mailbox_message(directory, "1700000001000000-0001"), HasSubstr("hello"));
  for (const std::string_view id : {"1700000001000000-0002", "../x", ""}) {
    EXPECT_EQ(load_mailbox_message(directory, id).error().code, Code::kNotFound);
    EXPECT_EQ(remove_mailbox_message(directory, id).error().code, Code::kNotFound);
  }
  write("1700000001000000-0009.eml", "x");
  EXPECT_TRUE(remove_mailbox_message(directory, "1700000001000000-0009").ok());
  EXPECT_EQ(*empty_mailbox(directory), 1u);
  EXPECT_EQ(*empty_mailbox(directory), 0u);
}

TEST(MailboxMessage, PicturesComeAlong) {
  const std::string_view source =
      "Subject: =?utf-8?q?sch=C3=B6n?=\r\nMIME-Version: 1.0\r\n"
      "Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\n"
      "Content-Type: text/html; charset=iso-8859-1\r\n\r\n"
      "<p>gr\xfc\xdf<img src=\"cid:pic@x\"><img src='cid:nothing'></p>\r\n--b\r\n"
      "Content-Type: image/png\r\nContent-ID: <pic@x>\r\n"
      "Content-Transfer-Encoding: base64\r\n\r\niVBORw==\r\n--b\r\n"
      "Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"a.pdf\"\r\n\r\n"
      "%PDF\r\n--b--\r\n";
  const std::string html = mailbox_message_html(source);
  EXPECT_THAT(html, HasSubstr("<img src=\"data:image/png;base64,iVBORw==\">"));
  EXPECT_THAT(html, HasSubstr("<img src='cid:nothing'>"));
  EXPECT_THAT(html, HasSubstr("grüß"));
  const std::string json = mailbox_message_json("1-0001", source);
  EXPECT_THAT(json, HasSubstr(R"(["Subject","schön"])"));
  EXPECT_THAT(json, HasSubstr(R"("text":null,"html":"<p>grüß)"));
  EXPECT_THAT(json, HasSubstr(R"({"type":"application/pdf","filename":"a.pdf","size":)"));
  EXPECT_EQ(mailbox_message_html("Subject: x\r\n\r\nplain"), "");
}

}  // namespace
}  // namespace barid::tools
