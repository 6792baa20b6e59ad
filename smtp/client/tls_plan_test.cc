// Goal: a policy becomes the proof, the name and the ciphers that it stands for; sessions are
// resumed only under the promise they were made for. Method: rows of policies.
#include "smtp/client/tls_plan.h"

#include <gtest/gtest.h>

namespace barid::smtp {
namespace {

ClientTls settings() {
  ClientTls tls;
  tls.versions = net::parse_tls_versions(">=TLSv1");
  tls.mandatory_versions = net::parse_tls_versions(">=TLSv1.2");
  tls.ciphers = {{"medium", "MEDIUM"}, {"high", "HIGH"}};
  tls.excluded = ":!RC4";
  tls.mandatory_excluded = ":!SEED";
  return tls;
}

constexpr TlsTarget kTarget{.host = "mx.example.net",
                            .nexthop = "example.com",
                            .address = "192.0.2.1:25",
                            .mx_secure = true};

TlsPlan plan_of(std::string_view policy, const TlsTarget& target = kTarget,
                const DaneDecision* dane = nullptr) {
  const FoundTlsPolicy found = parse_tls_policy(policy, {});
  EXPECT_EQ(found.error, "");
  return make_tls_plan(settings(), found.policy, target, dane);
}

TEST(TlsPlan, OpportunisticIsLenient) {
  const TlsPlan plan = plan_of("may");
  EXPECT_EQ(plan.peer.proof, net::TlsProof::kNone);
  EXPECT_TRUE(plan.peer.lenient);
  EXPECT_TRUE(plan.peer.versions->allows(net::kTls10));
  EXPECT_EQ(plan.peer.ciphers, "MEDIUM:!RC4");
  EXPECT_EQ(plan.peer.server_name, "");
}

TEST(TlsPlan, MandatoryIsNot) {
  const TlsPlan plan = plan_of("encrypt ciphers=high exclude=3DES:MD5 servername=hostname");
  EXPECT_FALSE(plan.peer.lenient);
  EXPECT_FALSE(plan.peer.versions->allows(net::kTls10));
  EXPECT_EQ(plan.peer.ciphers, "HIGH:!RC4:!SEED:!3DES:!MD5");
  EXPECT_EQ(plan.peer.server_name, "mx.example.net");
}

TEST(TlsPlan, Proofs) {
  EXPECT_EQ(plan_of("none").context, nullptr);
  EXPECT_EQ(plan_of("verify").peer.names, std::vector<std::string>{"mx.example.net"});
  EXPECT_EQ(plan_of("secure").peer.names,
            (std::vector<std::string>{"example.com", ".example.com"}));
  EXPECT_EQ(plan_of("fingerprint match=AA:01").peer.fingerprints,
            std::vector<std::string>{"AA:01"});
  const DaneDecision dane{
      .level = TlsLevel::kDaneOnly,
      .records = {{.usage = 3, .selector = 1, .matching_type = 1, .data = "digest"}}};
  const TlsPlan proven = plan_of("dane", kTarget, &dane);
  EXPECT_EQ(proven.peer.proof, net::TlsProof::kDane);
  EXPECT_EQ(proven.peer.server_name, "mx.example.net");
  EXPECT_EQ(proven.peer.names, std::vector<std::string>{"example.com"});
  EXPECT_EQ(proven.peer.tlsa.size(), 1u);
  TlsTarget insecure = kTarget;
  insecure.mx_secure = false;
  EXPECT_TRUE(plan_of("dane", insecure, &dane).peer.names.empty());
  const DaneDecision none{.level = TlsLevel::kMay};
  EXPECT_EQ(plan_of("dane", kTarget, &none).level, TlsLevel::kMay);
}

TEST(TlsPlan, MtaSts) {
  const TlsPlan enforced = make_sts_plan(settings(), kTarget, /*testing=*/false);
  EXPECT_EQ(enforced.level, TlsLevel::kSecure);
  EXPECT_EQ(enforced.peer.names, std::vector<std::string>{"mx.example.net"});
  EXPECT_EQ(enforced.peer.server_name, "mx.example.net");
  EXPECT_FALSE(enforced.advisory);
  const TlsPlan testing = make_sts_plan(settings(), kTarget, /*testing=*/true);
  EXPECT_EQ(testing.level, TlsLevel::kMay);
  EXPECT_TRUE(testing.advisory);
  EXPECT_EQ(testing.peer.proof, net::TlsProof::kAuthority);
}

TEST(TlsPlan, SessionsAreResumedUnderTheSamePromiseOnly) {
  const std::string may = plan_of("may").peer.session_key;
  EXPECT_EQ(plan_of("may").peer.session_key, may);
  EXPECT_NE(plan_of("secure").peer.session_key, may);
  EXPECT_NE(plan_of("secure match=a.example").peer.session_key, plan_of("secure").peer.session_key);
  TlsTarget other = kTarget;
  other.address = "192.0.2.2:25";
  EXPECT_NE(plan_of("may", other).peer.session_key, may);
  const DaneDecision one{.level = TlsLevel::kDaneOnly,
                         .records = {{.usage = 3, .selector = 1, .matching_type = 1, .data = "a"}}};
  const DaneDecision two{.level = TlsLevel::kDaneOnly,
                         .records = {{.usage = 3, .selector = 1, .matching_type = 1, .data = "b"}}};
  EXPECT_NE(plan_of("dane", kTarget, &one).peer.session_key,
            plan_of("dane", kTarget, &two).peer.session_key);
}

TEST(TlsPlan, AddressesAreNoServerNames) {
  TlsTarget literal = kTarget;
  literal.host = "192.0.2.1";
  literal.is_literal = true;
  EXPECT_EQ(plan_of("encrypt servername=hostname", literal).peer.server_name, "");
}

}  // namespace
}  // namespace barid::smtp
