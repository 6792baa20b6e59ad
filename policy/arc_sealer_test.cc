// Goal: what others sent is sealed once, by the domain at which it came; the chain before is judged
// as RFC 8617 5.2 says; what cannot be told or sealed does what it must. Method: two sealers in a
// row with real keys and a scripted DNS; messages that are changed on their way.
#include "policy/arc_sealer.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "dns/scripted_resolver.h"
#include "policy/message_check.h"
#include "shard/runtime/scope.h"
#include "shard/runtime/test_shard.h"

namespace barid::policy {
namespace {

const std::string kMessage =
    "Received: by us\r\nFrom: me@author.example\r\nSubject:  odd \t\r\n\r\nbody  \r\n\r\n\r\n";

class ArcSealerTest : public ::testing::Test {
 protected:
  ArcSealerTest() : offload_(shard_.reactor), scope_(shard_.reactor) {
    std::string name = ::testing::TempDir() + "arcXXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    envelope_.client_address = "192.0.2.7";
    envelope_.recipients = {{.address = "\"a@b\"@Us.Example.", .original = {}}};
  }
  ~ArcSealerTest() override {
    for (const std::string& path : files_) ::unlink(path.c_str());
    ::rmdir(directory_.c_str());
  }

  /// Makes a key and its record for NAME._domainkey.us.example; returns the rule's text.
  std::string new_rule(const std::string& name, crypto::KeyType type = crypto::KeyType::kEd25519) {
    const auto key = crypto::PrivateKey::generate(type, 2048);
    const std::string path = directory_ + "/" + name;
    std::FILE* const file = std::fopen(path.c_str(), "w");
    const std::string pem = key->pem();
    EXPECT_EQ(std::fwrite(pem.data(), 1, pem.size(), file), pem.size());
    EXPECT_EQ(std::fclose(file), 0);
    EXPECT_EQ(::chmod(path.c_str(), 0600), 0);
    files_.push_back(path);
    add_record(name, dkim::format_key_record(type == crypto::KeyType::kRsa ? "rsa" : "ed25519",
                                             key->public_key()));
    return "selector=" + name + " key=" + path;
  }
  void add_record(const std::string& name, const std::string& text) {
    dns_ += name + "._domainkey.us.example TXT \"" + text + "\"\n";
  }
  void use(const std::string& rules, bool send_unsealed = false, const std::string& key = "*") {
    dns::ParsedScenario parsed = dns::parse_dns_scenario(dns_);
    ASSERT_EQ(parsed.error, "");
    resolver_ =
        std::make_unique<dns::ScriptedResolver>(shard_.reactor, *std::move(parsed.scenario));
    sealer_ = std::make_unique<ArcSealer>(shard_.reactor, *resolver_, counters_, signer_);
    std::string bad;
    sealer_->set(
        {.rules = DkimRules({"arc_signing_maps", "inline:{ { " + key + " = " + rules + " } }", {}},
                            {}, "arc_signing_maps"),
         .fields = {.oversigned = {"from", "subject"}, .others = {"dkim-signature"}},
         .origins = parse_dkim_sources("foreign", &bad),
         .send_unsealed = send_unsealed,
         .host_name = "mx.us.example"});
  }
  static ContentRef content(std::string_view text) {
    ContentRef content = ContentRef::make();
    content->append(text);
    return content;
  }
  rt::Task<void> seal_into(ContentRef received, ContentRef sent, std::string own,
                           std::optional<Signing>* out) {
    const ArcSealer::Forms forms{
        .received = std::move(received), .sent = std::move(sent), .own_fields = own};
    Signing signing = co_await sealer_->seal(envelope_, forms);
    out->emplace(std::move(signing));
  }
  Signing seal(const std::string& received, const std::string& sent, const std::string& own = {}) {
    std::optional<Signing> signing;
    scope_.spawn(seal_into(content(received), content(sent), own, &signing));
    EXPECT_TRUE(shard_.run_until([&] { return signing.has_value(); }));
    return std::move(*signing);
  }
  /// The message with its seal.
  std::string sealed(const std::string& message) {
    const Signing signing = seal(message, message);
    EXPECT_EQ(signing.state, Signing::State::kSigned) << signing.problem;
    return signing.fields + message;
  }
  rt::Task<void> check_into(ContentRef message, std::optional<MessageCheck::Chain>* out) {
    std::string scratch;
    const MessageParts parts = split_message(message->spans(), &scratch);
    const auto header = split_header(parts.header);
    BodyHashes bodies(shard_.reactor, message, parts.body_offset);
    MessageCheck check(shard_.reactor, *resolver_, header, bodies,
                       shard_.reactor.now() + std::chrono::seconds(10));
    const arc::ArcChain chain = arc::read_chain(header);
    MessageCheck::Chain result = co_await check.chain(chain);
    out->emplace(std::move(result));
  }
  MessageCheck::Chain check(const std::string& message) {
    std::optional<MessageCheck::Chain> result;
    scope_.spawn(check_into(content(message), &result));
    EXPECT_TRUE(shard_.run_until([&] { return result.has_value(); }));
    return *result;
  }
  static std::string changed(std::string text, std::string_view from, std::string_view to) {
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  }

  rt::TestShard shard_;
  rt::InlineOffload offload_;
  rt::Scope scope_;
  Counters counters_;
  DkimSigner signer_{shard_.reactor, offload_, counters_};
  std::unique_ptr<dns::ScriptedResolver> resolver_;
  std::unique_ptr<ArcSealer> sealer_;
  Envelope envelope_;
  std::string dns_;
  std::string directory_;
  std::vector<std::string> files_;
};

TEST_F(ArcSealerTest, TwoInARow) {
  use(new_rule("a", crypto::KeyType::kRsa));
  const std::string first = sealed(kMessage);
  EXPECT_TRUE(first.starts_with("ARC-Seal: i=1; a=rsa-sha256; t="));
  EXPECT_NE(first.find("cv=none; d=us.example; s=a;"), std::string::npos);
  EXPECT_NE(first.find("ARC-Authentication-Results: i=1; mx.us.example;\r\n\tdkim=none;\r\n"
                       "\tarc=none smtp.remote-ip=192.0.2.7\r\n"),
            std::string::npos);
  EXPECT_EQ(check(first).status, arc::ChainStatus::kPass);
  // The next one changes the subject, as lists do, and so breaks the first signature only.
  use(new_rule("b"));
  const std::string listed = changed(first, "Subject:  odd", "Subject: [list] odd");
  EXPECT_EQ(check(listed).problem, "ARC-Message-Signature of instance 1: fail");
  const Signing signing = seal(first, listed);
  const std::string second = signing.fields + listed;
  EXPECT_TRUE(second.starts_with("ARC-Seal: i=2; a=ed25519-sha256;"));
  EXPECT_NE(second.find("\tarc=pass smtp"), std::string::npos);
  EXPECT_EQ(check(second).status, arc::ChainStatus::kPass);
  EXPECT_EQ(counters_.get(Counter::kArcSeals), 2u);
  EXPECT_EQ(counters_.get(Counter::kArcFailures), 0u);
}

TEST_F(ArcSealerTest, WhatIsChangedIsNoticed) {
  use(new_rule("a"));
  const std::string first = sealed(kMessage);
  use(new_rule("b", crypto::KeyType::kRsa));
  const std::string second = sealed(first);
  ASSERT_EQ(check(second).status, arc::ChainStatus::kPass);
  const struct {
    std::string message;
    std::string_view problem;
  } kCases[] = {
      {changed(second, "\r\n\r\nbody", "\r\n\r\nbodx"),
       "ARC-Message-Signature of instance 2: fail"},
      {changed(second, "Subject:", "Cc: x\r\nSubject:"), ""},
      {changed(second, "odd", "old"), "ARC-Message-Signature of instance 2: fail"},
      {changed(second, "arc=none", "arc=pass"), "ARC-Seal of instance 2: fail"},
      {changed(second, "i=1; mx.us", "i=1; my.us"), "ARC-Seal of instance 2: fail"},
      {changed(second, "s=b;", "s=c;"), "ARC-Message-Signature of instance 2: permerror"},
      {changed(second, "ARC-Seal: i=1;", "ARC-Seal: i=3;"),
       "the set of instance 1: a field is missing"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.problem);
    const MessageCheck::Chain result = check(c.message);
    // The first selector of `second` is the seal's; which one is named depends on that only.
    if (c.problem.ends_with("permerror")) {
      EXPECT_TRUE(result.problem.ends_with("instance 2: permerror")) << result.problem;
    } else {
      EXPECT_EQ(result.problem, c.problem);
    }
    EXPECT_EQ(result.status, c.problem.empty() ? arc::ChainStatus::kPass : arc::ChainStatus::kFail);
  }
}

TEST_F(ArcSealerTest, AFailedChainIsSaidToBeOneAndEnds) {
  use(new_rule("a"));
  const std::string broken = changed(sealed(kMessage), "\r\n\r\nbody", "\r\n\r\nbodx");
  const std::string second = sealed(broken);
  EXPECT_NE(second.find("cv=fail"), std::string::npos);
  EXPECT_NE(second.find("\tarc=fail smtp"), std::string::npos);
  EXPECT_EQ(check(second).problem, "ARC-Seal of instance 2: cv=fail");
  const Signing third = seal(second, second);
  EXPECT_EQ(third.state, Signing::State::kUnsigned);
  EXPECT_EQ(third.fields + third.problem, "");
}

TEST_F(ArcSealerTest, OurOwnSignaturesAreCovered) {
  use(new_rule("a"));
  const Signing signing = seal(kMessage, kMessage, "DKIM-Signature: v=1; ours\r\n");
  ASSERT_EQ(signing.state, Signing::State::kSigned);
  const std::string sent = signing.fields + "DKIM-Signature: v=1; ours\r\n" + kMessage;
  EXPECT_EQ(check(sent).status, arc::ChainStatus::kPass);
  EXPECT_EQ(check(changed(sent, "ours", "theirs")).status, arc::ChainStatus::kFail);
}

TEST_F(ArcSealerTest, DkimResults) {
  DkimSigner author(shard_.reactor, offload_, counters_);
  const std::string rule = new_rule("d", crypto::KeyType::kRsa);
  std::string bad;
  author.set(
      {.rules = DkimRules(
           {"dkim_signing_maps", "inline:{ { * = " + rule + " domain=us.example } }", {}}, {}),
       .fields = {.oversigned = {"from"}, .others = {}},
       .origins = parse_dkim_sources("foreign", &bad)});
  std::optional<Signing> signing;
  const auto sign = [](DkimSigner& signer, const Envelope& envelope, ContentRef message,
                       std::optional<Signing>* out) -> rt::Task<void> {
    Signing made = co_await signer.sign(envelope, std::move(message));
    out->emplace(std::move(made));
  };
  scope_.spawn(sign(author, envelope_, content(kMessage), &signing));
  ASSERT_TRUE(shard_.run_until([&] { return signing.has_value(); }));
  use(new_rule("a"));
  const std::string signed_message = signing->fields + kMessage;
  const auto results_of = [&](const std::string& message) {
    const std::string fields = seal(message, message).fields;
    const size_t at = fields.find("dkim=");
    return fields.substr(at, fields.find(";\r\n\tarc=", at) - at);
  };
  EXPECT_TRUE(results_of(signed_message)
                  .starts_with("dkim=pass header.d=us.example header.s=d header.b=\""));
  EXPECT_TRUE(
      results_of(changed(signed_message, "body", "bodx")).starts_with("dkim=fail header.d"));
  EXPECT_TRUE(results_of(changed(signed_message, "s=d;", "s=e;")).starts_with("dkim=permerror"));
  EXPECT_TRUE(results_of(changed(signed_message, "s=d;", "s=d; l=3;")).starts_with("dkim=policy"));
  EXPECT_EQ(results_of("DKIM-Signature: rubbish\r\n" + kMessage), "dkim=permerror");
}

TEST_F(ArcSealerTest, WhatCannotBeToldIsNotSealed) {
  use(new_rule("a"));
  const std::string first = sealed(kMessage);
  const std::string rule = new_rule("b");
  dns_ = "a._domainkey.us.example TXT servfail\n";
  use(rule);
  const Signing signing = seal(first, first);
  EXPECT_EQ(signing.state, Signing::State::kUnsigned);
  EXPECT_EQ(signing.fields, "");
  EXPECT_EQ(signing.problem, "ARC-Message-Signature of instance 1: temperror");
  EXPECT_EQ(signing.domain, "us.example");
  // A name that does not exist is an answer.
  dns_.clear();
  use(rule);
  EXPECT_NE(seal(first, first).fields.find("cv=fail"), std::string::npos);
}

TEST_F(ArcSealerTest, KeysThatDoNotServe) {
  use(new_rule("a", crypto::KeyType::kRsa));
  const std::string first = sealed(kMessage);
  const std::string good = dns_;
  const struct {
    std::string_view from;
    std::string_view to;
  } kCases[] = {{"k=rsa", "k=ed25519"},
                {"k=rsa", "s=other; k=rsa"},
                {"k=rsa", "h=sha1; k=rsa"},
                {"p=M", "p=X"},
                {"v=DKIM1", "v=DKIM2"}};
  for (const auto& c : kCases) {
    dns_ = changed(good, c.from, c.to);
    use("selector=a key=" + files_.front());
    EXPECT_EQ(check(first).problem, "ARC-Message-Signature of instance 1: permerror") << c.to;
  }
}

TEST_F(ArcSealerTest, WhoIsNotSealed) {
  const std::string rule = new_rule("a") + " tenant=acme";
  use(rule);
  EXPECT_EQ(seal(kMessage, kMessage).state, Signing::State::kUnsigned);
  use(new_rule("a2"), false, "other.example");
  EXPECT_EQ(seal(kMessage, kMessage).state, Signing::State::kUnsigned);
  use(new_rule("a3"), false, "us.example");
  EXPECT_EQ(seal(kMessage, kMessage).state, Signing::State::kSigned);
  EXPECT_TRUE(sealer_->concerns(envelope_));
  envelope_.origin = MailOrigin::kOwnNetwork;
  EXPECT_FALSE(sealer_->concerns(envelope_));
  envelope_.recipients = {{.address = "postmaster", .original = {}}};
  EXPECT_EQ(seal(kMessage, kMessage).state, Signing::State::kUnsigned);
  EXPECT_EQ(arrival_domain(envelope_), "");
}

TEST_F(ArcSealerTest, WithoutOurKeyItWaits) {
  use("selector=x key=" + directory_ + "/none");
  Signing signing = seal(kMessage, kMessage);
  EXPECT_EQ(signing.state, Signing::State::kDeferred);
  EXPECT_EQ(signing.problem, "open " + directory_ + "/none: No such file or directory");
  use("selector=x key=" + directory_ + "/none", /*send_unsealed=*/true);
  signing = seal(kMessage, kMessage);
  EXPECT_EQ(signing.state, Signing::State::kUnsigned);
  EXPECT_EQ(signing.fields, "");
  EXPECT_EQ(counters_.get(Counter::kArcFailures), 2u);
}

}  // namespace
}  // namespace barid::policy
