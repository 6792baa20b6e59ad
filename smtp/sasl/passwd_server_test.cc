// Goal: who has the right password gets in by each mechanism, and nobody else. Method: dialogues on
// an inline offload; the client's side of SCRAM is GNU SASL's.
#include "smtp/sasl/passwd_server.h"

#include <gsasl.h>
#include <gtest/gtest.h>

#include "core/crypto/password_hash.h"
#include "core/text/base64.h"
#include "shard/runtime/scope.h"
#include "shard/runtime/test_shard.h"

namespace barid::sasl {
namespace {

std::string encode(std::string_view bytes) {
  std::string out;
  text::append_base64(out, bytes);
  return out;
}

class TestKeys final : public KeyDirectory {
 public:
  Answer find_key(std::string_view key) const override {
    if (key == "broken") return {.status = Answer::Status::kTemporary};
    if (key != "key_1") return {};
    return {.status = Answer::Status::kFound, .tenant = "acme", .from_domains = {"acme.example"}};
  }
};

class PasswdServerTest : public ::testing::Test {
 protected:
  PasswdServerTest() : offload_(shard_.reactor), scope_(shard_.reactor) { make({}); }

  void make(SecurityOptions options) {
    const std::string table =
        "inline:{ { user = " +
        crypto::format_scram_secret(crypto::make_scram_secret("pencil", "saltsaltsalt")) +
        " tenant=bee } { old = "
        "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5 } { bad = plain } }";
    server_ = make_passwd_server({.users = {"smtpd_sasl_passwd_maps", table, {}},
                                  .keys = std::make_unique<const TestKeys>(),
                                  .options = options,
                                  .options_encrypted = 0,
                                  .mechanism_filter = std::nullopt});
  }
  rt::Task<void> start_into(Exchange* exchange, std::optional<std::string> initial,
                            std::optional<Step>* out) {
    Step step = co_await exchange->start(std::move(initial));
    out->emplace(std::move(step));
  }
  rt::Task<void> respond_into(Exchange* exchange, std::string response, std::optional<Step>* out) {
    Step step = co_await exchange->respond(std::move(response));
    out->emplace(std::move(step));
  }
  Step wait(std::optional<Step>& step) {
    EXPECT_TRUE(shard_.run_until([&] { return step.has_value(); }));
    return std::move(*step);
  }
  Step start(std::string_view mechanism, std::optional<std::string> initial = std::nullopt) {
    exchange_ = server_->begin({.reactor = shard_.reactor, .offload = offload_}, mechanism, {});
    std::optional<Step> step;
    scope_.spawn(start_into(exchange_.get(), std::move(initial), &step));
    return wait(step);
  }
  Step respond(std::string response) {
    std::optional<Step> step;
    scope_.spawn(respond_into(exchange_.get(), std::move(response), &step));
    return wait(step);
  }
  /// GNU SASL as the client of SCRAM-SHA-256.
  Step scram(const char* user, const char* password, const char* acts_as = nullptr) {
    Gsasl* library = nullptr;
    Gsasl_session* client = nullptr;
    EXPECT_EQ(gsasl_init(&library), GSASL_OK);
    EXPECT_EQ(gsasl_client_start(library, "SCRAM-SHA-256", &client), GSASL_OK);
    gsasl_property_set(client, GSASL_AUTHID, user);
    gsasl_property_set(client, GSASL_PASSWORD, password);
    if (acts_as != nullptr) gsasl_property_set(client, GSASL_AUTHZID, acts_as);
    Step step = start("SCRAM-SHA-256");
    int code = GSASL_NEEDS_MORE;
    while (step.kind == Step::Kind::kChallenge) {
      char* output = nullptr;
      code = gsasl_step64(client, step.text.c_str(), &output);
      const std::string said = output == nullptr ? "" : output;
      gsasl_free(output);
      if (code != GSASL_OK && code != GSASL_NEEDS_MORE) break;
      step = respond(said);
    }
    client_convinced_ = code == GSASL_OK;
    gsasl_finish(client);
    gsasl_done(library);
    return step;
  }

  rt::TestShard shard_;
  rt::InlineOffload offload_;
  rt::Scope scope_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Exchange> exchange_;
  bool client_convinced_ = false;
};

TEST_F(PasswdServerTest, Plain) {
  using Kind = Step::Kind;
  const auto plain = [](std::string_view acts_as, std::string_view user,
                        std::string_view password) {
    return encode(std::string(acts_as) + '\0' + std::string(user) + '\0' + std::string(password));
  };
  const struct {
    std::string response;
    Kind kind;
    const char* user;
    const char* tenant;
  } kRows[] = {
      {plain("", "user", "pencil"), Kind::kSuccess, "user", "bee"},
      {plain("user", "user", "pencil"), Kind::kSuccess, "user", "bee"},
      {plain("other", "user", "pencil"), Kind::kFailure, "user", ""},
      {plain("", "user", "pen"), Kind::kFailure, "user", ""},
      {plain("", "user", ""), Kind::kFailure, "user", ""},
      {plain("", "nobody", "pencil"), Kind::kFailure, "nobody", ""},
      {plain("", "old", "Hello world!"), Kind::kSuccess, "old", ""},
      {plain("", "old", "Hello"), Kind::kFailure, "old", ""},
      {plain("", "bad", "plain"), Kind::kTemporary, "bad", ""},
      {plain("", "apikey", "key_1"), Kind::kSuccess, "apikey", "acme"},
      {plain("", "apikey", "key_2"), Kind::kFailure, "apikey", ""},
      {plain("", "apikey", "broken"), Kind::kTemporary, "apikey", ""},
      {encode("no nul"), Kind::kFailure, "", ""},
      {"!!!", Kind::kFailure, "", ""},
  };
  for (const auto& row : kRows) {
    for (const bool initial : {true, false}) {
      Step step = initial ? start("PLAIN", row.response) : start("PLAIN");
      if (!initial) {
        EXPECT_EQ(step.kind, Kind::kChallenge);
        EXPECT_EQ(step.text, "");
        step = respond(row.response);
      }
      EXPECT_EQ(step.kind, row.kind) << row.response << " " << step.text;
      if (row.kind == Kind::kSuccess) {
        EXPECT_EQ(step.login.user, row.user);
        EXPECT_EQ(step.login.method, "PLAIN");
        EXPECT_EQ(step.login.tenant, row.tenant);
      }
    }
  }
  Step step = start("PLAIN", plain("", "apikey", "key_1"));
  EXPECT_EQ(step.login.from_domains, std::vector<std::string>{"acme.example"});
}

TEST_F(PasswdServerTest, NobodyAnswersNothingForEver) {
  Step step = start("PLAIN", "=");
  int rounds = 0;
  for (; step.kind == Step::Kind::kChallenge && rounds < 100; ++rounds) step = respond("");
  EXPECT_EQ(step.kind, Step::Kind::kFailure);
  EXPECT_LT(rounds, 20);
}

TEST_F(PasswdServerTest, Login) {
  EXPECT_EQ(start("LOGIN").kind, Step::Kind::kChallenge);
  EXPECT_EQ(respond(encode("user")).kind, Step::Kind::kChallenge);
  Step step = respond(encode("pencil"));
  EXPECT_EQ(step.kind, Step::Kind::kSuccess);
  EXPECT_EQ(step.login.user, "user");
  // Some clients say the user at once.
  EXPECT_EQ(start("LOGIN", encode("user")).kind, Step::Kind::kChallenge);
  EXPECT_EQ(respond(encode("pencil")).kind, Step::Kind::kSuccess);
  EXPECT_EQ(start("LOGIN", encode("user")).kind, Step::Kind::kChallenge);
  EXPECT_EQ(respond(encode("wrong")).kind, Step::Kind::kFailure);
}

TEST_F(PasswdServerTest, Scram) {
  Step step = scram("user", "pencil");
  EXPECT_EQ(step.kind, Step::Kind::kSuccess) << step.text;
  EXPECT_TRUE(client_convinced_);  // the server knew the password's keys, too
  EXPECT_EQ(step.login.user, "user");
  EXPECT_EQ(step.login.method, "SCRAM-SHA-256");
  EXPECT_EQ(step.login.tenant, "bee");
  EXPECT_EQ(scram("user", "pen").kind, Step::Kind::kFailure);
  EXPECT_EQ(scram("nobody", "pencil").kind, Step::Kind::kFailure);
  EXPECT_EQ(scram("old", "Hello world!").kind, Step::Kind::kFailure);  // has no SCRAM keys
  EXPECT_EQ(scram("user", "pencil", "other").kind, Step::Kind::kFailure);
}

TEST_F(PasswdServerTest, OauthBearer) {
  const auto bearer = [](std::string_view token) {
    return encode(
        "n,a=x@y.example,\x01host=mx\x01"
        "auth=Bearer " +
        std::string(token) + "\x01\x01");
  };
  Step step = start("OAUTHBEARER", bearer("key_1"));
  EXPECT_EQ(step.kind, Step::Kind::kSuccess);
  EXPECT_EQ(step.login.tenant, "acme");
  // A refusal is told and acknowledged.
  step = start("OAUTHBEARER", bearer("key_2"));
  EXPECT_EQ(step.kind, Step::Kind::kChallenge);
  EXPECT_EQ(step.text, encode(R"({"status":"invalid_token"})"));
  EXPECT_EQ(respond("AQ==").kind, Step::Kind::kFailure);
  EXPECT_EQ(start("OAUTHBEARER", encode("x")).kind, Step::Kind::kFailure);
}

TEST_F(PasswdServerTest, BearerGrammar) {
  EXPECT_EQ(parse_oauth_bearer("n,,\x01"
                               "auth=bearer t\x01\x01"),
            "t");
  for (const std::string_view bad : {"", "n,,",
                                     "p=x,,\x01"
                                     "auth=Bearer t\x01\x01",
                                     "n,,\x01"
                                     "auth=Basic t\x01\x01",
                                     "n,,\x01"
                                     "auth=Bearer t\x01",
                                     "n,,\x01"
                                     "auth=Bearer \x01\x01",
                                     "n,,\x01\x01",
                                     "n,,\x01"
                                     "auth=Bearer t\x01"
                                     "auth=Bearer u\x01\x01",
                                     "n,,\x01"
                                     "auth=Bearer t\x01\x01x"}) {
    EXPECT_FALSE(parse_oauth_bearer(bad).has_value()) << bad;
  }
}

TEST_F(PasswdServerTest, MechanismsFitTheOptions) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(server_->mechanisms({}), (Names{"SCRAM-SHA-256", "PLAIN", "LOGIN", "OAUTHBEARER"}));
  make(kNoPlaintext);
  EXPECT_EQ(server_->mechanisms({}), Names{"SCRAM-SHA-256"});
  const Peer encrypted{
      .client_address = {}, .server_address = {}, .encrypted = true, .channel_binding = "binding"};
  EXPECT_EQ(server_->mechanisms(encrypted),
            (Names{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN", "OAUTHBEARER"}));
}

TEST_F(PasswdServerTest, Entries) {
  EXPECT_FALSE(parse_passwd_entry("").has_value());
  EXPECT_FALSE(parse_passwd_entry("secret").has_value());
  EXPECT_FALSE(parse_passwd_entry("$6$salt$hash colour=red").has_value());
  EXPECT_FALSE(parse_passwd_entry("$6$salt$hash tenant=").has_value());
  const auto entry = parse_passwd_entry("{CRYPT}$6$salt$hash tenant=a");
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->hash, "$6$salt$hash");
  EXPECT_EQ(entry->tenant, "a");
}

}  // namespace
}  // namespace barid::sasl
