// Goal: `barid config` prints, edits and refuses as postconf(1) does, and explains what is ours.
// Method: a configuration directory on disk, the command run in process, golden output.
#include "tools/barid/config_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace barid::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ConfigCommandTest : public ::testing::Test {
 protected:
  struct Outcome {
    int status = -1;
    std::string out;
    std::string err;
  };

  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "barid-config-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void put(const std::string& name, std::string_view contents) {
    std::ofstream(directory_ + "/" + name) << contents;
  }
  std::string get(const std::string& name) {
    std::ifstream in(directory_ + "/" + name);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }

  /// Runs with -c DIRECTORY in front; the directory's name becomes DIR in the output.
  Outcome run(std::vector<const char*> args) {
    args.insert(args.begin(), {"-c", directory_.c_str()});
    char* out_text = nullptr;
    char* err_text = nullptr;
    size_t out_bytes = 0;
    size_t err_bytes = 0;
    std::FILE* out = ::open_memstream(&out_text, &out_bytes);
    std::FILE* err = ::open_memstream(&err_text, &err_bytes);
    Outcome outcome;
    outcome.status = run_config_command(args, "postconf", out, err);
    std::fclose(out);
    std::fclose(err);
    outcome.out = short_paths(out_text);
    outcome.err = short_paths(err_text);
    std::free(out_text);
    std::free(err_text);
    return outcome;
  }

  std::string short_paths(std::string text) const {
    for (size_t at; (at = text.find(directory_)) != std::string::npos;) {
      text.replace(at, directory_.size(), "DIR");
    }
    return text;
  }

  std::string directory_;
};

constexpr std::string_view kMain =
    "# main\n"
    "myhostname = mx.example.com\n"
    "smtpd_banner = $myhostname ESMTP\n"
    "mydestination = $myhostname,\n"
    "    localhost\n"
    "relayhost =\n"
    "site = corp\n"
    "mail_name = $site mail\n";

constexpr std::string_view kMaster =
    "smtp inet n - n - - smtpd\n"
    "587 inet n - n - - smtpd\n"
    "  -o smtpd_banner=$service_name -o { relayhost = a b }\n"
    "# comment\n"
    "slow unix - - n - 2 smtp\n";

TEST_F(ConfigCommandTest, ShowsMainCf) {
  put("main.cf", kMain);
  struct Case {
    std::vector<const char*> args;
    std::string_view out;
  };
  const Case cases[] = {
      {{"-n"},
       "mail_name = $site mail\nmydestination = $myhostname, localhost\n"
       "myhostname = mx.example.com\nrelayhost =\nsite = corp\n"
       "smtpd_banner = $myhostname ESMTP\n"},
      {{"-nC", "user"}, "site = corp\n"},
      {{"-nH"}, "mail_name\nmydestination\nmyhostname\nrelayhost\nsite\nsmtpd_banner\n"},
      {{"-x", "mail_name", "smtpd_banner"},
       "mail_name = corp mail\nsmtpd_banner = mx.example.com ESMTP\n"},
      {{"-xh", "mydestination"}, "mx.example.com, localhost\n"},
      {{"-h", "relayhost"}, "\n"},
      {{"-d", "mail_name"}, "mail_name = Barid\n"},
      {{"-d", "smtpd_banner", "myhostname"},
       "smtpd_banner = $myhostname ESMTP $mail_name\nmyhostname ="},
      {{"-o", "site=other", "-xh", "mail_name"}, "other mail\n"},
      {{"-osite=other", "-xh", "mail_name"}, "other mail\n"},
      {{"-j", "mail_name"}, "{\"mail_name\": \"$site mail\"}\n"},
      {{"smtp_destination_concurrency_limit"},
       "smtp_destination_concurrency_limit = $default_destination_concurrency_limit\n"},
      {{"-xh", "smtp_destination_concurrency_limit"}, "20\n"},
      {{"-h", "default_rbl_reply", "-x"},
       "$rbl_code Service unavailable; $rbl_class [$rbl_what] blocked using "
       "$rbl_domain${rbl_reason?; $rbl_reason}\n"},
      {{"-h", "config_directory"}, "DIR\n"},
      {{"-m"},
       "aliases\nbtree\ncdb\ncidr\nfail\nhash\ninline\nlmdb\npcre\nregexp\nstatic\ntexthash\nunionm"
       "ap\n"
       "unix\n"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.args.back());
    const Outcome got = run(c.args);
    EXPECT_EQ(got.status, 0);
    EXPECT_EQ(got.err, "");
    EXPECT_THAT(got.out, StartsWith(std::string(c.out)));
    if (c.out.ends_with('\n')) EXPECT_EQ(got.out, c.out);
  }
}

TEST_F(ConfigCommandTest, ShowsEverythingSorted) {
  const Outcome got = run({"-H"});
  EXPECT_EQ(got.status, 0);
  std::vector<std::string> names;
  std::istringstream lines(got.out);
  for (std::string line; std::getline(lines, line);) names.push_back(line);
  EXPECT_GT(names.size(), 1000u);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
}

TEST_F(ConfigCommandTest, Warnings) {
  put("main.cf", "smtpd_baner = x\nrelayhost = $nowhere\nmail_name = a\nmail_name = b\n");
  const std::string syntax =
      "postconf: warning: DIR/main.cf, line 4: overriding earlier entry: mail_name=a\n";
  EXPECT_EQ(run({"-n"}).err, syntax +
                                 "postconf: warning: DIR/main.cf: undefined parameter: nowhere\n"
                                 "postconf: warning: DIR/main.cf: unused parameter: smtpd_baner=x "
                                 "(did you mean smtpd_banner?)\n");
  EXPECT_EQ(run({"-nq"}).err, syntax);
  const Outcome unknown = run({"smtpd_baner", "mail_name"});
  EXPECT_EQ(unknown.status, 0);
  EXPECT_EQ(unknown.out, "mail_name = b\n");
  EXPECT_EQ(unknown.err, "postconf: warning: smtpd_baner: unknown parameter\n" + syntax +
                             "postconf: warning: DIR/main.cf: undefined parameter: nowhere\n");
}

TEST_F(ConfigCommandTest, ShowsMasterCf) {
  put("main.cf", kMain);
  put("master.cf", kMaster);
  struct Case {
    std::vector<const char*> args;
    std::string_view out;
  };
  const Case cases[] = {
      {{"-M", "smtp"}, "smtp       inet  n       -       n       -       -       smtpd\n"},
      {{"-M", "*/unix"}, "slow       unix  -       -       n       -       2       smtp\n"},
      {{"-Mf", "587/inet"},
       "587        inet  n       -       n       -       -       smtpd\n"
       "    -o smtpd_banner=$service_name\n    -o {relayhost=a b}\n"},
      {{"-F", "slow/unix/process_limit", "*/inet/service"},
       "slow/unix/process_limit = 2\nsmtp/inet/service = smtp\n587/inet/service = 587\n"},
      {{"-Fh", "587/inet/command"}, "smtpd -o smtpd_banner=$service_name -o {relayhost=a b}\n"},
      {{"-P"}, "587/inet/relayhost = a b\n587/inet/smtpd_banner = $service_name\n"},
      {{"-Px", "587/inet/smtpd_banner"}, "587/inet/smtpd_banner = 587\n"},
      {{"-Mx", "587/inet"},
       "587        inet  n       -       n       -       -       smtpd -o smtpd_banner=587 "
       "-o {relayhost=a b}\n"},
      {{"-Fxh", "587/inet/command"}, "smtpd -o smtpd_banner=587 -o {relayhost=a b}\n"},
      {{"slow_destination_recipient_limit"},
       "slow_destination_recipient_limit = $default_destination_recipient_limit\n"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.args.back());
    const Outcome got = run(c.args);
    EXPECT_EQ(got.status, 0);
    EXPECT_EQ(got.out, c.out);
    EXPECT_EQ(got.err, "");
  }
  EXPECT_EQ(run({"-M", "none/inet"}).err, "postconf: warning: unmatched request: \"none/inet\"\n");
}

TEST_F(ConfigCommandTest, DefaultsAreThoseOfAnEmptyFile) {
  const std::string empty = run({"-dx", "smtpd_banner", "myorigin"}).out;
  put("main.cf", kMain);
  EXPECT_EQ(run({"-dx", "smtpd_banner", "myorigin"}).out, empty);
  EXPECT_EQ(run({"-d", "-o", "mail_name=other", "mail_name"}).out, "mail_name = Barid\n");
}

TEST_F(ConfigCommandTest, TheLastRequestOfANameCounts) {
  const Outcome got = run({"-e", "a=1", "a=2"});
  EXPECT_EQ(got.err, "postconf: warning: ignoring earlier request: 'a = 1'\n");
  EXPECT_EQ(get("main.cf"), "a = 2\n");
}

TEST_F(ConfigCommandTest, EditsMainCf) {
  put("main.cf", kMain);
  EXPECT_EQ(run({"-e", "relayhost = [mx.example]", "zeta=1", "alpha=2"}).status, 0);
  EXPECT_EQ(run({"mydestination="}).status, 0);
  EXPECT_EQ(run({"-X", "site"}).status, 0);
  EXPECT_EQ(run({"-#", "mail_name"}).status, 0);
  EXPECT_EQ(get("main.cf"),
            "# main\nmyhostname = mx.example.com\nsmtpd_banner = $myhostname ESMTP\n"
            "mydestination = \nrelayhost = [mx.example]\n#mail_name = $site mail\n"
            "alpha = 2\nzeta = 1\n");
}

TEST_F(ConfigCommandTest, EditRefusals) {
  put("main.cf", kMain);
  struct Case {
    std::vector<const char*> args;
    int status;
    std::string_view err;
  };
  const Case cases[] = {
      {{"-e", "header_checks=x", "postfix", "reload"},
       65,
       "postconf: fatal: missing '=' after attribute name: \"postfix\"\n"},
      {{"-e", "a=b\nc=d"}, 65, "postconf: fatal: -e, -X, or -# accepts no multi-line input\n"},
      {{"-e", "#a=b"}, 65, "postconf: fatal: -e, -X, or -# accepts no comment input\n"},
      {{"-X", "a=b"}, 65, "postconf: fatal: -X or -# requires names without value\n"},
      {{"-e"}, 64, "postconf: fatal: no parameter or service given\nusage: postconf --help\n"},
      {{"-eX", "a"},
       64,
       "postconf: fatal: specify one of -e, -X, -#, -m, check\nusage: postconf --help\n"},
      {{"-z"}, 64, "postconf: fatal: unknown option: -z\nusage: postconf --help\n"},
      {{"-l"},
       64,
       "postconf: fatal: option -l is not available in this version\n"
       "usage: postconf --help\n"},
      {{"-C"}, 64, "postconf: fatal: option -C needs a value\nusage: postconf --help\n"},
      {{"-C", "x"},
       64,
       "postconf: fatal: unknown class: x (builtin, service, user, all)\nusage: postconf --help\n"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.args.back());
    const Outcome got = run(c.args);
    EXPECT_EQ(got.status, c.status);
    EXPECT_EQ(got.err, c.err);
    EXPECT_EQ(get("main.cf"), kMain);
  }
}

TEST_F(ConfigCommandTest, EditsMasterCf) {
  put("master.cf", kMaster);
  EXPECT_EQ(run({"-Me", "new/unix=new unix - - n - - lmtp -v"}).status, 0);
  EXPECT_EQ(run({"-Fe", "slow/unix/process_limit=7"}).status, 0);
  EXPECT_EQ(run({"-Pe", "*/inet/stress=yes", "587/inet/smtpd_banner=hi there"}).status, 0);
  EXPECT_EQ(run({"-PX", "587/inet/relayhost"}).status, 0);
  EXPECT_EQ(get("master.cf"),
            "smtp       inet  n       -       n       -       -       smtpd\n"
            "    -o stress=yes\n"
            "587        inet  n       -       n       -       -       smtpd\n"
            "    -o {smtpd_banner=hi there}\n"
            "    -o stress=yes\n"
            "# comment\n"
            "slow       unix  -       -       n       -       7       smtp\n"
            "new        unix  -       -       n       -       -       lmtp -v\n");
  EXPECT_EQ(run({"-MX", "587/inet"}).status, 0);
  EXPECT_EQ(run({"-M#", "slow/unix"}).status, 0);
  EXPECT_THAT(get("master.cf"), HasSubstr("# comment\n#slow "));
  EXPECT_EQ(get("master.cf").find("587"), std::string::npos);

  EXPECT_EQ(run({"-Fe", "new/unix/wakeup=soon"}).err,
            "postconf: fatal: field \"wakeup time\": bad value: \"soon\"\n");
  EXPECT_EQ(run({"-Me", "a/unix=b unix - - n - - smtp"}).err,
            "postconf: fatal: the entry for a/unix is named b/unix\n");
  EXPECT_EQ(run({"-Fe", "nobody/unix/wakeup=1"}).status, 65);
  EXPECT_EQ(run({"-Fe", "new/unix/colour=1"}).err, "postconf: fatal: unknown field: colour\n");
}

TEST_F(ConfigCommandTest, Check) {
  EXPECT_EQ(run({"check"}).status, 0);
  EXPECT_EQ(run({"check"}).err, "");
  put("main.cf", "queue_run_delay = 100s\nsmtpd_baner = x\n");
  put("master.cf", "smtp inet n - n - - smtpd\nqmgr unix n - n 300 1 qmgr\n");
  const Outcome good = run({"check"});
  EXPECT_EQ(good.status, 0);
  EXPECT_EQ(
      good.err,
      "postconf: warning: DIR/main.cf, line 2: unused parameter: smtpd_baner=x (did you mean "
      "smtpd_banner?)\n"
      "postconf: note: DIR/main.cf, line 1: queue_run_delay has no effect: nothing is polled: "
      "every retry starts at its exact time\n"
      "postconf: note: DIR/master.cf, line 2: service qmgr/unix has no effect: qmgr is part "
      "of every shard\n");
  put("master.cf", "smtp inet n - n - - smtpd -o biff=no\nlists unix - n n - - pipe argv=x\n");
  EXPECT_EQ(
      run({"check"}).err,
      "postconf: warning: DIR/main.cf, line 2: unused parameter: smtpd_baner=x (did you mean "
      "smtpd_banner?)\n"
      "postconf: note: DIR/main.cf, line 1: queue_run_delay has no effect: nothing is polled: "
      "every retry starts at its exact time\n"
      "postconf: note: DIR/master.cf, line 1: service smtp/inet: biff has no "
      "effect: not used by this version\n"
      "postconf: note: DIR/master.cf, line 2: service lists/unix has no effect: pipe "
      "deliveries are not made by this version\n");
  put("main.cf", "smtpd_helo_required = maybe\n");
  const Outcome bad = run({"check", "--json"});
  EXPECT_EQ(bad.status, 78);
  EXPECT_EQ(bad.out,
            "{\"severity\": \"error\", \"file\": \"DIR/main.cf\", \"line\": 1, \"text\": \"bad "
            "boolean configuration: smtpd_helo_required = maybe; need yes or no\"}\n");
}

TEST_F(ConfigCommandTest, BrokenFilesAreFatal) {
  put("main.cf", "my destination = x\n");
  const Outcome got = run({"-n"});
  EXPECT_EQ(got.status, 78);
  EXPECT_EQ(got.err,
            "postconf: fatal: DIR/main.cf, line 1: missing '=' after attribute name: \"my "
            "destination = x\"\n");
  put("main.cf", "relayhost = $relayhost\n");
  EXPECT_EQ(run({"-x", "relayhost"}).status, 78);
}

TEST_F(ConfigCommandTest, Explain) {
  put("main.cf", "inet_interfaces = loopback-only\n");
  EXPECT_EQ(run({"--explain", "inet_interfaces"}).out,
            "inet_interfaces\n"
            "    meaning  addresses to listen on: all, loopback-only, or a list\n"
            "    type     text\n"
            "    default  all\n"
            "    change   restart: read when the server starts\n"
            "    set to   loopback-only (DIR/main.cf, line 1)\n");
  EXPECT_EQ(
      run({"-d", "--explain", "io_backend"}).out,
      "io_backend\n"
      "    meaning  kernel interface for input and output; auto tries io_uring first and falls "
      "back to epoll\n"
      "    type     text\n"
      "    default  auto\n"
      "    limits   one of auto, epoll, io_uring\n"
      "    change   restart: read when the server starts\n");
  EXPECT_THAT(run({"--explain", "queue_run_delay"}).out,
              HasSubstr("change   none: accepted, without effect\n"));
  EXPECT_EQ(
      run({"--json", "--explain", "inet_interfaces"}).out,
      R"({"name": "inet_interfaces", "meaning": "addresses to listen on: all, loopback-only, )"
      R"(or a list", "type": "text", "default": "all", "limits": "", "change": "restart", )"
      R"("set_to": "loopback-only", "file": "DIR/main.cf", "line": 1})"
      "\n");
  EXPECT_THAT(run({"-m", "-j"}).out, HasSubstr("{\"type\": \"lmdb\"}\n"));
  put("main.cf", "smtp_sasl_password_maps = inline:{ {a.example = user:secret} }\n");
  for (const char* form : {"-q", "--json"}) {
    const std::string hidden = run({form, "--explain", "smtp_sasl_password_maps"}).out;
    EXPECT_THAT(hidden, HasSubstr("inline:(hidden)"));
    EXPECT_EQ(hidden.find("secret}"), std::string::npos);
  }
  const Outcome unknown = run({"--explain", "inet_interface"});
  EXPECT_EQ(unknown.status, 65);
  EXPECT_EQ(unknown.err,
            "postconf: warning: inet_interface: unknown parameter (did you mean "
            "inet_interfaces?)\n");
}

TEST_F(ConfigCommandTest, HelpAndFacts) {
  const Outcome help = run({"--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.out, HasSubstr("EXAMPLES"));
  const config::HostFacts facts = read_host_facts();
  EXPECT_FALSE(facts.host_name.empty());
  const auto loopback = config::InterfaceAddress{lookup::IpAddress::v4(0x7f000001), 8};
  EXPECT_THAT(facts.interfaces, ::testing::Contains(loopback));
}

}  // namespace
}  // namespace barid::tools
