// Goal: signatures are those of the RFCs' examples and verify; who is not to be signed is not; a
// key that cannot be had defers; one signature a turn, also when RSA finds no room in the pool.
// Method: published messages and keys, real key files, a reactor whose turns are counted.
#include "policy/dkim_signer.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "core/crypto/digest.h"
#include "core/text/ascii.h"
#include "core/text/base64.h"
#include "shard/runtime/scope.h"
#include "shard/runtime/test_shard.h"

namespace barid::policy {
namespace {

using dkim::Canonical;

class Hasher final : public dkim::ByteSink {
 public:
  void take(std::string_view bytes) override { digest.add(bytes); }
  crypto::Sha256 digest;
};

std::string body_hash(std::string_view body, Canonical form) {
  Hasher sink;
  dkim::BodyCanonicalizer canonicalizer(form, sink);
  canonicalizer.add(body);
  canonicalizer.finish();
  std::string encoded;
  text::append_base64(encoded, sink.digest.finish());
  return encoded;
}

/// The value of a tag, without folds and blanks.
std::string tag(std::string_view field, std::string_view name) {
  for (size_t at = field.find(':') + 1; at < field.size();) {
    size_t end = std::min(field.find(';', at), field.size());
    std::string item;
    for (const char c : field.substr(at, end - at)) {
      if (!std::isspace(static_cast<unsigned char>(c))) item += c;
    }
    if (item.starts_with(std::string(name) + "=")) return item.substr(name.size() + 1);
    at = end + 1;
  }
  return {};
}

/// Verifies the signature field at `index` of a message, by this test's own reading of it.
bool verifies(const std::string& message, size_t index, std::string_view public_key) {
  const std::string_view spans[] = {message};
  std::string scratch;
  const MessageParts parts = split_message(spans, &scratch);
  const auto header = split_header(parts.header);
  const std::string_view field = header[index].whole;
  const auto form_of = [](std::string_view text) {
    return text == "simple" ? Canonical::kSimple : Canonical::kRelaxed;
  };
  const std::string forms = tag(field, "c");
  const Canonical header_form = form_of(forms.substr(0, forms.find('/')));
  const Canonical body_form = form_of(forms.substr(forms.find('/') + 1));
  EXPECT_EQ(body_hash(message.substr(parts.body_offset), body_form), tag(field, "bh"));
  std::string data;
  std::vector<bool> used(header.size());
  const std::string names = tag(field, "h") + ":";
  for (size_t at = 0; at < names.size(); at = names.find(':', at) + 1) {
    const std::string name = names.substr(at, names.find(':', at) - at);
    for (size_t i = header.size(); i-- > 0;) {
      if (used[i] || !text::equals_ignore_case(header[i].name, name)) continue;
      used[i] = true;
      dkim::append_canonical_field(data, header[i].whole, header_form);
      break;
    }
  }
  const size_t before_b = std::min(field.find(" b="), field.find("\tb="));
  const size_t b = before_b + 3;
  std::string bare(field.substr(0, b));
  if (const size_t end = field.find(';', b); end != std::string_view::npos) {
    bare += field.substr(end);
  }
  dkim::append_canonical_field(data, bare, header_form);
  data.resize(data.size() - 2);
  const auto type =
      tag(field, "a") == "rsa-sha256" ? crypto::KeyType::kRsa : crypto::KeyType::kEd25519;
  return crypto::verify(type, public_key, crypto::sha256({data}),
                        *text::decode_base64(tag(field, "b")));
}

std::string with_crlf(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

constexpr std::string_view kDinner =
    "From: Joe SixPack <joe@football.example.com>\n"
    "To: Suzie Q <suzie@shopping.example.net>\n"
    "Subject: Is dinner ready?\n"
    "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\n"
    "Message-ID: <20030712040037.46341.5F8J@football.example.com>\n"
    "\n"
    "Hi.\n\nWe lost the game. Are you hungry yet?\n\nJoe.\n";

TEST(DkimGolden, Rfc6376A2) {
  const std::string message = with_crlf(
      "DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\n"
      "      c=simple/simple; q=dns/txt; i=joe@football.example.com;\n"
      "      h=Received : From : To : Subject : Date : Message-ID;\n"
      "      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"
      "      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\n"
      "      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut\n"
      "      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV\n"
      "      4bmp/YzhwvcubU4=;\n"
      "Received: from client1.football.example.com  [192.0.2.1]\n"
      "      by submitserver.example.com with SUBMISSION;\n"
      "      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)\n" +
      std::string(kDinner));
  EXPECT_TRUE(verifies(
      message, 0,
      *text::decode_base64(
          "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFC"
          "jxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9"
          "tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB")));
}

TEST(DkimGolden, Rfc8463A3) {
  const std::string message = with_crlf(
      "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\n"
      " d=football.example.com; i=@football.example.com;\n"
      " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\n"
      " subject : date : message-id : from : subject : date;\n"
      " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"
      " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\n"
      " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\n"
      "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\n"
      " d=football.example.com; i=@football.example.com;\n"
      " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\n"
      " date : message-id : from : subject : date;\n"
      " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"
      " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\n"
      " DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\n"
      " dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\n" +
      std::string(kDinner));
  EXPECT_TRUE(
      verifies(message, 0, *text::decode_base64("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")));
  EXPECT_TRUE(verifies(
      message, 1,
      *text::decode_base64(
          "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi"
          "Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZy"
          "VYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB")));
}

class DkimSignerTest : public ::testing::Test {
 protected:
  DkimSignerTest() : offload_(shard_.reactor), scope_(shard_.reactor) {
    std::string name = ::testing::TempDir() + "dkimXXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    envelope_.origin = MailOrigin::kHttp;
  }
  ~DkimSignerTest() override {
    for (const std::string& path : files_) ::unlink(path.c_str());
    ::rmdir(directory_.c_str());
  }

  std::string write(const std::string& name, std::string_view text, mode_t mode = 0600) {
    const std::string path = directory_ + "/" + name;
    std::FILE* const file = std::fopen(path.c_str(), "w");
    EXPECT_NE(file, nullptr);
    EXPECT_EQ(std::fwrite(text.data(), 1, text.size(), file), text.size());
    EXPECT_EQ(std::fclose(file), 0);
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    files_.push_back(path);
    return path;
  }
  std::string new_key(const std::string& name, crypto::KeyType type, unsigned bits = 2048) {
    const auto key = crypto::PrivateKey::generate(type, bits);
    public_keys_.push_back(key->public_key());
    return write(name, key->pem());
  }
  void set(const std::string& table, bool send_unsigned = false) {
    std::string bad;
    signer_.set({.rules = DkimRules({"dkim_signing_maps", table, {}}, {}),
                 .fields = {.oversigned = {"from", "subject"}, .others = {"received"}},
                 .origins = parse_dkim_sources("http, notices", &bad),
                 .send_unsigned = send_unsigned});
    EXPECT_EQ(bad, "");
  }
  static ContentRef content(std::string_view text) {
    ContentRef content = ContentRef::make();
    content->append(text);
    return content;
  }
  rt::Task<void> into(ContentRef content, std::optional<Signing>* out) {
    Signing signing = co_await signer_.sign(envelope_, std::move(content));
    out->emplace(std::move(signing));
  }
  static rt::Task<void> digest_into(DkimSigner& signer, crypto::PrivateKey key, std::string digest,
                                    std::optional<std::string>* out) {
    std::string made = co_await signer.sign_digest(std::move(key), std::move(digest));
    out->emplace(std::move(made));
  }
  Signing sign(std::string_view text) {
    std::optional<Signing> signing;
    scope_.spawn(into(content(text), &signing));
    EXPECT_TRUE(shard_.run_until([&] { return signing.has_value(); }));
    return std::move(*signing);
  }

  rt::TestShard shard_;
  rt::InlineOffload offload_;
  rt::Scope scope_;
  Counters counters_;
  DkimSigner signer_{shard_.reactor, offload_, counters_};
  Envelope envelope_;
  std::string directory_;
  std::vector<std::string> files_;
  std::vector<std::string> public_keys_;
};

TEST_F(DkimSignerTest, SignsWithEveryRule) {
  const std::string rsa = new_key("rsa", crypto::KeyType::kRsa);
  const std::string ed = new_key("ed", crypto::KeyType::kEd25519);
  const std::string big = new_key("big", crypto::KeyType::kRsa, 3072);
  set("inline:{ { example.com = selector=r key=" + rsa +
      " canonicalization=simple/simple, selector=e key=" + ed + ", selector=b key=" + big +
      " canonicalization=simple/relaxed lifetime=1d } }");
  const std::string message =
      "Received: 1\r\nFROM : Me\r\n <me@Example.COM>\r\nSubject:  odd \t\r\n\r\nbody  \r\n\r\n\r\n";
  Signing signing = sign(message);
  ASSERT_EQ(signing.state, Signing::State::kSigned) << signing.problem;
  const std::string sent = signing.fields + message;
  for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(verifies(sent, i, public_keys_[i])) << i;
  EXPECT_EQ(counters_.get(Counter::kDkimSignatures), 3u);
  const auto header = split_header(sent);
  EXPECT_EQ(tag(header[0].whole, "h"), "from:from:subject:subject:received");
  EXPECT_EQ(tag(header[0].whole, "x"), "");
  EXPECT_EQ(std::stoll(tag(header[2].whole, "x")), std::stoll(tag(header[2].whole, "t")) + 86400);
  // What is changed or added is noticed.
  EXPECT_FALSE(verifies(signing.fields + "Subject: x\r\n" + message, 0, public_keys_[0]));
}

TEST_F(DkimSignerTest, BodiesInManyBlocks) {
  const std::string ed = new_key("ed", crypto::KeyType::kEd25519);
  set("inline:{ { * = selector=e key=" + ed + ", selector=f key=" + ed +
      " canonicalization=simple/simple } }");
  std::string message = "From: a@b.example\r\n";
  for (int i = 0; i < 3000; ++i) message += "X-Filler: " + std::to_string(i) + "\r\n";
  message += "\r\n";
  while (message.size() < 900'000) message += "a line of  text with\tblanks \r\n\r\n";
  Signing signing = sign(message);
  const std::string sent = signing.fields + message;
  EXPECT_TRUE(verifies(sent, 0, public_keys_[0]));
  EXPECT_TRUE(verifies(sent, 1, public_keys_[0]));
}

TEST_F(DkimSignerTest, WhoIsNotSigned) {
  const std::string ed = new_key("ed", crypto::KeyType::kEd25519);
  set("inline:{ { example.com = selector=e key=" + ed + " tenant=acme } }");
  for (const char* message :
       {"From: a@example.com\r\n\r\n", "From: a@other.example\r\n\r\n", "Subject: x\r\n\r\n", ""}) {
    const Signing signing = sign(message);
    EXPECT_EQ(signing.state, Signing::State::kUnsigned) << message;
    EXPECT_EQ(signing.fields + signing.problem, "") << message;
  }
  EXPECT_TRUE(signer_.concerns(envelope_));
  envelope_.tenant = "acme";
  EXPECT_EQ(sign("From: a@example.com\r\n\r\n").state, Signing::State::kSigned);
  envelope_.origin = MailOrigin::kForeign;
  EXPECT_FALSE(signer_.concerns(envelope_));
}

TEST_F(DkimSignerTest, WithoutItsKeyMailWaits) {
  const std::string path = directory_ + "/later";
  set("inline:{ { example.com = selector=e key=" + path + " } }");
  const std::string message = "From: a@example.com\r\n\r\nx\r\n";
  Signing signing = sign(message);
  EXPECT_EQ(signing.state, Signing::State::kDeferred);
  EXPECT_EQ(signing.problem, "open " + path + ": No such file or directory");
  EXPECT_EQ(signing.domain, "example.com");
  EXPECT_EQ(signing.fields, "");
  EXPECT_EQ(counters_.get(Counter::kDkimFailures), 1u);
  // The key comes.
  new_key("later", crypto::KeyType::kEd25519);
  shard_.advance(DkimKeys::kCheckInterval);
  EXPECT_EQ(sign(message).state, Signing::State::kSigned);
  // Another one takes its place, and is used once it was looked at.
  new_key("later", crypto::KeyType::kRsa);
  shard_.advance(DkimKeys::kCheckInterval);
  signing = sign(message);
  EXPECT_TRUE(verifies(signing.fields + message, 0, public_keys_.back()));
  // Others may read it.
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  shard_.advance(DkimKeys::kCheckInterval);
  EXPECT_EQ(sign(message).state, Signing::State::kDeferred);
  set("inline:{ { example.com = selector=e key=" + path + " } }", /*send_unsigned=*/true);
  signing = sign(message);
  EXPECT_EQ(signing.state, Signing::State::kUnsigned);
  EXPECT_NE(signing.problem.find("mode 0644"), std::string::npos);
  // A short key is none.
  new_key("short", crypto::KeyType::kRsa, 512);
  EXPECT_EQ(load_dkim_key(directory_ + "/short").problem,
            directory_ + "/short: an RSA key of 512 bits, at least 1024 are needed");
}

TEST_F(DkimSignerTest, OneSignatureATurn) {
  const std::string ed = new_key("ed", crypto::KeyType::kEd25519);
  set("inline:{ { * = selector=e key=" + ed + ", selector=f key=" + ed + " } }");
  static_cast<void>(sign("From: a@b.example\r\n\r\n"));  // the key is known from here on
  std::vector<std::optional<Signing>> signings(5);
  uint64_t made = counters_.get(Counter::kDkimSignatures);
  for (auto& signing : signings) {
    scope_.spawn(into(content("From: a@b.example\r\n\r\nbody\r\n"), &signing));
  }
  for (int turns = 0; scope_.tasks_count() > 0; ++turns) {
    ASSERT_LT(turns, 50);
    shard_.turn();
    const uint64_t now = counters_.get(Counter::kDkimSignatures);
    EXPECT_LE(now - made, 1u);
    made = now;
  }
  EXPECT_EQ(made, 12u);
}

TEST_F(DkimSignerTest, OneRsaSignatureATurnWhereThePoolHasNoRoom) {
  rt::InlineOffload full(shard_.reactor, 0);
  DkimSigner signer(shard_.reactor, full, counters_);
  const auto key = crypto::PrivateKey::generate(crypto::KeyType::kRsa, 1024);
  std::vector<std::optional<std::string>> signatures(5);
  for (auto& signature : signatures) {
    scope_.spawn(digest_into(signer, *key, crypto::sha256({"a"}), &signature));
  }
  const auto made = [&] {
    return std::count_if(signatures.begin(), signatures.end(),
                         [](const auto& one) { return one.has_value(); });
  };
  for (int turns = 0; scope_.tasks_count() > 0; ++turns) {
    ASSERT_LT(turns, 50);
    const auto before = made();
    shard_.turn();
    EXPECT_LE(made() - before, 1);
  }
  EXPECT_EQ(made(), 5);
  EXPECT_EQ(full.counters().rejected, 5u);
}

TEST_F(DkimSignerTest, RsaSignsOnThePoolAndOnTheShardWhenThatIsFull) {
  const std::string message = "From: a@b.example\r\n\r\nbody\r\n";
  set("inline:{ { * = selector=r key=" + new_key("rsa", crypto::KeyType::kRsa) + " } }");
  const uint64_t before = offload_.counters().finished;
  ASSERT_EQ(sign(message).state, Signing::State::kSigned);
  // One to read the key, one to sign.
  EXPECT_EQ(offload_.counters().finished, before + 2);

  rt::InlineOffload full(shard_.reactor, 0);
  DkimSigner signer(shard_.reactor, full, counters_);
  std::optional<std::string> signature;
  const auto key = crypto::PrivateKey::generate(crypto::KeyType::kRsa, 2048);
  const std::string digest = crypto::sha256({message});
  scope_.spawn(digest_into(signer, *key, digest, &signature));
  ASSERT_TRUE(shard_.run_until([&] { return signature.has_value(); }));
  EXPECT_EQ(full.counters().rejected, 1u);
  EXPECT_EQ(*signature, key->sign(digest)) << "RSA with this padding has one signature a text";
}

TEST(DkimSettings, Words) {
  std::string bad;
  EXPECT_EQ(parse_field_names("From, To\nX-Own", &bad),
            (std::vector<std::string>{"from", "to", "x-own"}));
  EXPECT_EQ(bad, "");
  static_cast<void>(parse_field_names("From a:b", &bad));
  EXPECT_EQ(bad, "a:b");
  bad.clear();
  EXPECT_EQ(parse_dkim_sources("HTTP mynetworks", &bad), 0b1010u);
  static_cast<void>(parse_dkim_sources("http friends", &bad));
  EXPECT_EQ(bad, "friends");
}

}  // namespace
}  // namespace barid::policy
