// Goal: template files of bounce(5)'s form give notices their words; broken ones are told with file
// and line and change nothing. Method: whole files, rows of faults.
#include "deliver/notice_template.h"

#include <gtest/gtest.h>

#include "deliver/notice_test_names.h"

namespace barid {
namespace {

using namespace std::chrono_literals;

const TestNames& names() {
  static const TestNames kNames{{"myhostname", "mail.example.com"},
                                {"myorigin", "$mydomain"},
                                {"mydomain", "example.com"},
                                {"control", "a\tb\x01"}};
  return kNames;
}

constexpr TemplateTimes kTimes = {.delay_warning = 4h, .queue_lifetime = std::chrono::days(5)};

TEST(NoticeTemplate, BuiltIn) {
  const NoticeTemplates words = builtin_notice_templates(names(), kTimes);
  EXPECT_EQ(words.failure.charset, "us-ascii");
  EXPECT_EQ(words.failure.from, "Mail Delivery System <MAILER-DAEMON>");
  EXPECT_EQ(words.failure.subject, "Undelivered Mail Returned to Sender");
  EXPECT_EQ(words.failure.postmaster_subject, "Postmaster Copy: Undelivered Mail");
  EXPECT_TRUE(words.failure.text.starts_with("This is the mail server mail.example.com.\r\n\r\n"));
  EXPECT_TRUE(words.failure.text.ends_with(" postmaster@example.com.\r\n"));
  EXPECT_EQ(words.delay.subject, "Delayed Mail (still being retried)");
  EXPECT_EQ(words.delay.postmaster_subject, "Postmaster Warning: Delayed Mail");
  EXPECT_NE(words.delay.text.find("more than 4 hour(s)"), std::string::npos);
  EXPECT_NE(words.delay.text.find("it is 5 day(s) old"), std::string::npos);
  EXPECT_EQ(words.success.subject, "Successful Mail Delivery Report");
  EXPECT_EQ(words.verify.subject, "Mail Delivery Status Report");
  config::Diagnostics diagnostics;
  static_cast<void>(
      parse_notice_templates(builtin_template_file(), "b", names(), kTimes, &diagnostics));
  EXPECT_TRUE(diagnostics.ok() && diagnostics.warnings.empty());
}

TEST(NoticeTemplate, FileReplacesWhatItHas) {
  constexpr std::string_view kFile =
      "# ours\n"
      "\n"
      "  delay_template = << THE END\n"
      "charset: utf-8\n"
      "From: post@example.com\n"
      "Subject: Sp\n"
      "  at\n"
      "postmaster-subject: P\n"
      "\n"
      "Gr\xc3\xbc\xc3\x9f von ${myhostname} und $(myorigin):\r\n"
      "\n"
      " ${delay_warning_time_seconds} $delay_warning_time_minutes "
      "${delay_warning_time_hours} ${delay_warning_time_days} ${maximal_queue_lifetime_weeks} "
      "${maximal_queue_lifetime_days} $$5\n"
      "# part of the text$control.\n"
      "THE END\n";
  config::Diagnostics diagnostics;
  const NoticeTemplates words =
      parse_notice_templates(kFile, "/etc/t", names(), kTimes, &diagnostics);
  for (const config::Diagnostic& error : diagnostics.errors) ADD_FAILURE() << error.str();
  EXPECT_EQ(words.delay, (NoticeTemplate{.charset = "utf-8",
                                         .from = "post@example.com",
                                         .subject = "Sp at",
                                         .postmaster_subject = "P",
                                         .text = "Gr\xc3\xbc\xc3\x9f von mail.example.com und "
                                                 "example.com:\r\n\r\n"
                                                 " 14400 240 4 0 0 5 $5\r\n"
                                                 "# part of the texta\tb .\r\n"}));
  EXPECT_EQ(words.failure, builtin_notice_templates(names(), kTimes).failure);
}

TEST(NoticeTemplate, Faults) {
  struct Case {
    std::string file;
    std::string_view error;
  };
  constexpr std::string_view kHead = "Charset: us-ascii\nFrom: x\nSubject: y\n";
  const std::string head(kHead);
  const std::string success = "success_template = <<EOF\n" + head;
  const Case cases[] = {
      {"junk\n", "t, line 1: expected \"NAME_template = <<EOF\""},
      {"\nfailure_template = EOF\n", "t, line 2: expected \"NAME_template = <<EOF\""},
      {"failure_template = <<\n", "t, line 1: expected \"NAME_template = <<EOF\""},
      {"other = <<EOF\nx\nEOF\n",
       "t, line 1: unknown template \"other\": there are failure_template, delay_template, "
       "success_template and verify_template"},
      {"success_template = <<EOF\n\nx\n", "t, line 1: success_template: no line \"EOF\" ends it"},
      {"success_template = <<EOF\nno colon\n\nEOF\n",
       "t, line 2: success_template: expected a header \"Name: value\", or an empty line"},
      {"success_template = <<EOF\nTo: x\n\nEOF\n",
       "t, line 2: success_template: unknown header \"To\": there are Charset, From, Subject and "
       "Postmaster-Subject"},
      {"success_template = <<EOF\nSubject: \xc3\xbc\n\nEOF\n",
       "t, line 2: success_template: a header is of printable ASCII"},
      {"success_template = <<EOF\nCharset: a b\n\nEOF\n",
       "t, line 2: success_template: not a character set's name"},
      {"success_template = <<EOF\nPostmaster-Subject: x\n\nEOF\n",
       "t, line 2: success_template: the postmaster gets no copy of it"},
      {"success_template = <<EOF\n\nEOF\n", "t, line 1: success_template: no Charset"},
      {success + "\ncaf\xc3\xa9\nEOF\n",
       "t, line 1: success_template: its Charset is us-ascii and its text is not"},
      {success + "\na\nb ${c\nEOF\n", "t, line 7: "},
      {success + "\n" + std::string(999, 'x') + "\nEOF\n",
       "t, line 6: a line has at most 998 bytes"},
      {std::string(256 * 1024 + 1, '\n'), "t: a template file has at most 256 KiB"},
  };
  const NoticeTemplates builtin = builtin_notice_templates(names(), kTimes);
  for (const Case& c : cases) {
    SCOPED_TRACE(c.error);
    config::Diagnostics diagnostics;
    const NoticeTemplates words =
        parse_notice_templates(c.file, "t", names(), kTimes, &diagnostics);
    ASSERT_FALSE(diagnostics.ok());
    EXPECT_TRUE(diagnostics.errors.front().str().starts_with(c.error))
        << diagnostics.errors.front().str();
    EXPECT_EQ(words.success, builtin.success);
  }
}

TEST(NoticeTemplate, UndefinedNamesAreWarnedOf) {
  config::Diagnostics diagnostics;
  const NoticeTemplates words = parse_notice_templates(
      "success_template = <<EOF\nCharset: us-ascii\nFrom: x\nSubject: y\n\na$nothing!\nEOF\n", "t",
      names(), kTimes, &diagnostics);
  ASSERT_EQ(diagnostics.warnings.size(), 1u);
  EXPECT_EQ(diagnostics.warnings[0].str(), "t, line 6: $nothing is not defined");
  EXPECT_EQ(words.success.text, "a!\r\n");
}

}  // namespace
}  // namespace barid
