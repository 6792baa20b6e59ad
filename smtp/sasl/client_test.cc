// Goal: the client logs in by each mechanism, prefers the best that fits, and finds out a server
// that does not know the password, or who sits in between. Method: against the server of this
// folder, and rows.
#include "smtp/sasl/client.h"

#include <gtest/gtest.h>

#include "core/crypto/password_hash.h"
#include "core/text/base64.h"
#include "shard/runtime/scope.h"
#include "shard/runtime/test_shard.h"
#include "smtp/sasl/passwd_server.h"

namespace barid::sasl {
namespace {

class SaslClientTest : public ::testing::Test {
 protected:
  SaslClientTest() : offload_(shard_.reactor), scope_(shard_.reactor) {
    const std::string table =
        "inline:{ { user = " +
        crypto::format_scram_secret(crypto::make_scram_secret("pencil", "saltsaltsalt")) + " } }";
    server_ = make_passwd_server({.users = {"smtpd_sasl_passwd_maps", table, {}},
                                  .keys = nullptr,
                                  .options = 0,
                                  .options_encrypted = 0,
                                  .mechanism_filter = std::nullopt});
  }
  rt::Task<void> run(Client* client, std::string mechanism, Peer peer, std::optional<Step>* out) {
    auto exchange =
        server_->begin({.reactor = shard_.reactor, .offload = offload_}, mechanism, peer);
    Step step = co_await exchange->start(client->initial_response());
    while (step.kind == Step::Kind::kChallenge) {
      std::optional<std::string> answer = client->respond(step.text);
      if (!answer) break;
      step = co_await exchange->respond(*std::move(answer));
    }
    out->emplace(std::move(step));
  }
  /// Whether both sides are content.
  bool log_in(const char* mechanism, const char* password) {
    return log_in({.offered = mechanism, .mechanism = mechanism}, password);
  }
  struct Bound {
    const char* offered;    // as the client sees it
    const char* mechanism;  // what it takes
    std::string theirs{};   // what the server is bound to
    std::string ours{};     // and the client
  };
  bool log_in(const Bound& bound, const char* password) {
    const ClientRules rules{.options = 0, .options_encrypted = 0, .mechanism_filter = std::nullopt};
    const auto client = make_client(rules, {.user = "user", .password = password});
    EXPECT_EQ(client->choose(bound.offered, Channel::kClear, bound.ours), bound.mechanism);
    std::optional<Step> step;
    scope_.spawn(run(client.get(), bound.mechanism, {.channel_binding = bound.theirs}, &step));
    EXPECT_TRUE(shard_.run_until([&] { return step.has_value(); }));
    return step->kind == Step::Kind::kSuccess && client->satisfied();
  }

  rt::TestShard shard_;
  rt::InlineOffload offload_;
  rt::Scope scope_;
  std::unique_ptr<Server> server_;
};

TEST_F(SaslClientTest, Mechanisms) {
  for (const char* mechanism : {"PLAIN", "LOGIN", "SCRAM-SHA-256"}) {
    EXPECT_TRUE(log_in(mechanism, "pencil")) << mechanism;
    EXPECT_FALSE(log_in(mechanism, "wrong")) << mechanism;
  }
}

TEST_F(SaslClientTest, WhoSitsBetweenIsFoundOut) {
  constexpr const char* kPlain = "SCRAM-SHA-256";
  constexpr const char* kPlus = "SCRAM-SHA-256-PLUS";
  constexpr const char* kBoth = "SCRAM-SHA-256 SCRAM-SHA-256-PLUS PLAIN";
  const struct {
    const char* what;
    Bound bound;
    bool works;
  } rows[] = {
      {"one connection", {kBoth, kPlus, "here", "here"}, true},
      {"two connections, with somebody between", {kBoth, kPlus, "there", "here"}, false},
      {"a server that cannot bind", {kPlain, kPlain, "", "here"}, true},
      {"a client that cannot", {kBoth, kPlain, "here", ""}, true},
      {"neither can", {kPlain, kPlain, "", ""}, true},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(log_in(row.bound, "pencil"), row.works) << row.what;
    EXPECT_FALSE(log_in(row.bound, "wrong")) << row.what;
  }
}

TEST_F(SaslClientTest, AFilterMayForbidOrDemandTheBinding) {
  const struct {
    const char* filter;
    const char* offered;
    const char* chosen;
  } rows[] = {
      {"!scram-sha-256-plus, static:all", "SCRAM-SHA-256 SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"},
      {"scram-sha-256-plus", "SCRAM-SHA-256 SCRAM-SHA-256-PLUS", "SCRAM-SHA-256-PLUS"},
      {"scram-sha-256-plus", "SCRAM-SHA-256 PLAIN", ""}};
  for (const auto& row : rows) {
    const ClientRules rules{.options = 0,
                            .options_encrypted = 0,
                            .mechanism_filter = lookup::StringList("filter", row.filter, {})};
    const auto client = make_client(rules, {.user = "user", .password = "pencil"});
    EXPECT_EQ(client->choose(row.offered, Channel::kEncrypted, "here"), row.chosen) << row.filter;
  }
}

TEST_F(SaslClientTest, Preference) {
  const struct {
    SecurityOptions options;
    const char* offered;
    const char* chosen;
  } kRows[] = {
      {kNoAnonymous, "PLAIN LOGIN scram-sha-256", "SCRAM-SHA-256"},
      {kNoAnonymous, "LOGIN PLAIN", "PLAIN"},
      {kNoAnonymous, "GSSAPI NTLM", ""},
      {kNoAnonymous, "", ""},
      {kNoPlaintext | kNoAnonymous, "PLAIN LOGIN", ""},
      {kNoPlaintext | kNoAnonymous, "PLAIN CRAM-MD5", "CRAM-MD5"},
      {kMutualAuth, "PLAIN CRAM-MD5 SCRAM-SHA-256", "SCRAM-SHA-256"},
  };
  for (const auto& row : kRows) {
    const ClientRules rules{
        .options = row.options, .options_encrypted = 0, .mechanism_filter = std::nullopt};
    const auto client = make_client(rules, {.user = "u", .password = "p"});
    EXPECT_EQ(client->choose(row.offered, Channel::kClear, {}), row.chosen) << row.offered;
  }
}

TEST_F(SaslClientTest, AnImpostorIsFoundOut) {
  const ClientRules rules{.options = 0, .options_encrypted = 0, .mechanism_filter = std::nullopt};
  const auto client = make_client(rules, {.user = "user", .password = "pencil"});
  EXPECT_EQ(client->choose("SCRAM-SHA-256", Channel::kEncrypted, {}), "SCRAM-SHA-256");
  EXPECT_TRUE(client->initial_response().has_value());
  EXPECT_FALSE(client->satisfied());  // it says yes at once
  EXPECT_FALSE(client->respond("bm9uc2Vuc2U=").has_value());
  EXPECT_FALSE(client->respond("!").has_value());
}

// The work is the client's, the count the server's.
TEST_F(SaslClientTest, TooManyIterationsAreRefused) {
  const struct {
    const char* count;
    bool answered;
    bool costly;
  } kRows[] = {{"1000", true, false},        {"4096", true, true},
               {"50000", true, true},        {"50001", false, false},
               {"4294967295", false, false}, {"99999999999999999999", false, false},
               {"x", false, false}};
  for (const auto& row : kRows) {
    const ClientRules rules{.options = 0, .options_encrypted = 0, .mechanism_filter = std::nullopt};
    const auto client = make_client(rules, {.user = "user", .password = "pencil"});
    EXPECT_EQ(client->choose("SCRAM-SHA-256", Channel::kEncrypted, {}), "SCRAM-SHA-256");
    const std::string first = *text::decode_base64(*client->initial_response());
    const std::string nonce = first.substr(first.find(",r=") + 1);
    std::string challenge;
    text::append_base64(challenge, nonce + "server,s=c2FsdA==,i=" + row.count);
    EXPECT_EQ(client->is_costly(challenge), row.costly) << row.count;
    EXPECT_EQ(client->respond(challenge).has_value(), row.answered) << row.count;
  }
}

TEST(Credentials, Parse) {
  EXPECT_EQ(parse_credentials("user:pass:word", ":")->password, "pass:word");
  EXPECT_EQ(parse_credentials("user", ":")->password, "");
  EXPECT_EQ(parse_credentials("a/b", "/")->user, "a");
  EXPECT_FALSE(parse_credentials(":x", ":").has_value());
  EXPECT_FALSE(parse_credentials("", ":").has_value());
}

}  // namespace
}  // namespace barid::sasl
