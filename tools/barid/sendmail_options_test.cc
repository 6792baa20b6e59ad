// Goal: sendmail's command line is read in all its forms, and what is wrong is named.
// Method: rows.
#include "tools/barid/sendmail_options.h"

#include <gtest/gtest.h>

namespace barid::tools {
namespace {

std::optional<SendmailOptions> parse(std::vector<const char*> words, std::string* problem) {
  return parse_sendmail_options(words, problem);
}

SendmailOptions good(std::vector<const char*> words) {
  std::string problem;
  std::optional<SendmailOptions> options = parse(std::move(words), &problem);
  EXPECT_EQ(problem, "");
  return options.value_or(SendmailOptions{});
}

TEST(SendmailOptions, Modes) {
  using Mode = SendmailOptions::Mode;
  struct Case {
    std::vector<const char*> words;
    Mode mode;
    std::string_view target;
  };
  const Case kCases[] = {
      {{"a@b"}, Mode::kDeliver, ""},
      {{"-bm", "a@b"}, Mode::kDeliver, ""},
      {{"-b", "m", "a@b"}, Mode::kDeliver, ""},
      {{"-bs"}, Mode::kSmtp, ""},
      {{"-bp"}, Mode::kList, ""},
      {{"-bi"}, Mode::kAliases, ""},
      {{"-I"}, Mode::kAliases, ""},
      {{"-bd"}, Mode::kStart, ""},
      {{"-bl"}, Mode::kStart, ""},
      {{"-bd", "-q30m"}, Mode::kStart, ""},
      {{"-q"}, Mode::kFlush, ""},
      {{"-q1h", "a@b"}, Mode::kDeliver, ""},
      {{"-qIABCDEF"}, Mode::kFlushId, "ABCDEF"},
      {{"-qRexample.org"}, Mode::kFlushDomain, "example.org"},
      {{"--help"}, Mode::kHelp, ""},
      {{"-bh", "-bH", "a"}, Mode::kDeliver, ""},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.words.front());
    const SendmailOptions options = good(c.words);
    EXPECT_EQ(options.mode, c.mode);
    EXPECT_EQ(options.target, c.target);
  }
}

TEST(SendmailOptions, ClustersAndValues) {
  const SendmailOptions all =
      good({"-ti", "-fme@a", "-F", "My Name", "-N", "success,FAILURE", "-Rhdrs", "-V", "id 1",
            "-B8BITMIME", "-XV+=", "-C", "/etc/x", "-G", "-Osmtputf8", "--", "-odd", "b@c"});
  EXPECT_TRUE(all.recipients_in_header);
  EXPECT_TRUE(all.dot_is_data);
  EXPECT_TRUE(all.relayed);
  EXPECT_TRUE(all.smtputf8);
  EXPECT_EQ(all.sender, "me@a");
  EXPECT_EQ(all.full_name, "My Name");
  EXPECT_EQ(all.notify, kNotifySuccess | kNotifyFailure);
  EXPECT_EQ(all.dsn_return, DsnReturn::kHeaders);
  EXPECT_EQ(all.envid, "id 1");
  EXPECT_EQ(all.body, BodyType::k8BitMime);
  EXPECT_EQ(all.verp, "+=");
  EXPECT_EQ(all.config_directory, "/etc/x");
  EXPECT_EQ(all.recipients, (std::vector<std::string>{"-odd", "b@c"}));
}

TEST(SendmailOptions, WhatChangesNothing) {
  const SendmailOptions options =
      good({"-oem", "-odi", "-om", "-o7", "-Am", "-Ac",      "-em", "-h",    "17", "-L",     "tag",
            "-m",   "-n",   "-U",  "-v",  "-X",  "/tmp/log", "-oi", "-d0.1", "-p", "smtp:x", "a"});
  EXPECT_TRUE(options.dot_is_data);
  EXPECT_EQ(options.recipients, std::vector<std::string>{"a"});
  EXPECT_FALSE(options.sender.has_value());
  EXPECT_FALSE(options.verp.has_value());
}

TEST(SendmailOptions, NullSenders) {
  EXPECT_EQ(good({"-f", "", "a"}).sender, "");
  EXPECT_EQ(good({"-f<>", "a"}).sender, "");
  EXPECT_EQ(good({"-r", "b@c", "a"}).sender, "b@c");
  EXPECT_EQ(good({"-oA/etc/aliases", "-bi"}).alias_files, std::vector<std::string>{"/etc/aliases"});
}

TEST(SendmailOptions, Problems) {
  struct Case {
    std::vector<const char*> words;
    std::string_view says;
  };
  const Case kCases[] = {
      {{"-y"}, "-y"},
      {{"-ty"}, "-y"},
      {{"-f"}, "-f needs"},
      {{"-bz"}, "-bz"},
      {{"-bv", "a"}, "-bv"},
      {{"-N", "x"}, "-N x"},
      {{"-N", ""}, "-N"},
      {{"-R", "half"}, "-R half"},
      {{"-B", "9BIT"}, "-B 9BIT"},
      {{"-qI"}, "-qI"},
      {{"-qSx"}, "-qS"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.says);
    std::string problem;
    EXPECT_FALSE(parse(c.words, &problem).has_value());
    EXPECT_NE(problem.find(c.says), std::string::npos) << problem;
  }
}

}  // namespace
}  // namespace barid::tools
