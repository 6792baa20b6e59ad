// Goal: smtp_tls_policy_maps is asked and read as postconf(5) says. Method: rows.
#include "smtp/client/tls_policy.h"

#include <gtest/gtest.h>

namespace barid::smtp {
namespace {

TlsPolicyRules rules(std::string_view table, TlsLevel level = TlsLevel::kMay) {
  TlsPolicyRules rules;
  rules.level = level;
  rules.maps = lookup::TableList("smtp_tls_policy_maps", table, {});
  return rules;
}

TEST(TlsPolicy, NextHopsAreAskedAsConfigured) {
  const TlsPolicyRules with = rules(
      "inline:{ {[mail.example.com]:587=secure} {example.org=encrypt} {.example.net=verify}"
      " {[mx.example.net]=none} }");
  struct Row {
    std::string_view nexthop;
    TlsLevel level;
  };
  const Row rows[] = {
      {"[mail.example.com]:587", TlsLevel::kSecure},
      {"[mail.example.com]", TlsLevel::kMay},
      {"mail.example.com", TlsLevel::kMay},
      {"example.org", TlsLevel::kEncrypt},
      {"sub.example.org", TlsLevel::kMay},
      {"a.b.example.net", TlsLevel::kVerify},
      {"example.net", TlsLevel::kMay},
      {"[a.example.net]", TlsLevel::kMay},
      {"a.example.net:26", TlsLevel::kMay},
      {"[mx.example.net]", TlsLevel::kNone},
  };
  for (const Row& row : rows) {
    const FoundTlsPolicy found = find_tls_policy(with, row.nexthop);
    EXPECT_EQ(found.error, "") << row.nexthop;
    EXPECT_EQ(found.policy.level, row.level) << row.nexthop;
  }
}

TEST(TlsPolicy, Attributes) {
  const FoundTlsPolicy found = parse_tls_policy(
      "secure match=mx.example:.example.com protocols=>=TLSv1.3 ciphers=high exclude=3DES "
      "servername=hostname connection_reuse=yes",
      {});
  EXPECT_EQ(found.error, "");
  EXPECT_EQ(found.policy.match, (std::vector<std::string>{"mx.example", ".example.com"}));
  ASSERT_TRUE(found.policy.versions.has_value());
  EXPECT_EQ(found.policy.versions->allowed, net::kTls13);
  EXPECT_EQ(found.policy.cipher_grade, "high");
  EXPECT_EQ(found.policy.excluded_ciphers, "3DES");
  EXPECT_EQ(found.policy.server_name, "hostname");
  const FoundTlsPolicy prints = parse_tls_policy("fingerprint match=AA:01|BB:02", {});
  EXPECT_EQ(prints.policy.match, (std::vector<std::string>{"AA:01", "BB:02"}));
}

TEST(TlsPolicy, Defaults) {
  TlsPolicyRules with;
  with.fingerprints = {"AA:01"};
  with.server_name = "nexthop";
  EXPECT_EQ(parse_tls_policy("verify", with).policy.match, std::vector<std::string>{"hostname"});
  EXPECT_EQ(parse_tls_policy("secure", with).policy.match,
            (std::vector<std::string>{"nexthop", "dot-nexthop"}));
  EXPECT_EQ(parse_tls_policy("fingerprint", with).policy.match, std::vector<std::string>{"AA:01"});
  EXPECT_EQ(parse_tls_policy("may", with).policy.server_name, "nexthop");
}

TEST(TlsPolicy, Errors) {
  struct Row {
    std::string_view value;
    std::string_view error;
  };
  const Row rows[] = {
      {"", "empty policy"},
      {"maybe", "unknown level \"maybe\""},
      {"secure match", "\"match\" is no attribute=value"},
      {"secure match=", "\"match=\" is no attribute=value"},
      {"encrypt match=x", "attribute \"match\" has no meaning at level encrypt"},
      {"encrypt protocols=TLSv9", "unknown protocol \"TLSv9\""},
      {"encrypt ciphers=best", "unknown cipher grade \"best\""},
      {"encrypt color=blue", "unknown attribute \"color\""},
      {"fingerprint", "level fingerprint needs match=, or smtp_tls_fingerprint_cert_match"},
  };
  for (const Row& row : rows) EXPECT_EQ(parse_tls_policy(row.value, {}).error, row.error);
  EXPECT_EQ(find_tls_policy(rules("inline:{ {a.example=maybe} }"), "a.example").error,
            "smtp_tls_policy_maps: a.example: unknown level \"maybe\"");
  EXPECT_NE(find_tls_policy(rules("fail:x"), "a.example").error, "");
}

TEST(TlsPolicy, TrustAnchors) {
  TlsPolicyRules with;
  with.anchors["/a"] = {{.usage = 2, .data = "a"}};
  with.anchors["/b"] = {{.usage = 2, .data = "b1"}, {.usage = 2, .data = "b2"}};
  EXPECT_TRUE(parse_tls_policy("secure", with).policy.anchors.empty());
  EXPECT_EQ(parse_tls_policy("verify tafile=/a tafile=/b", with).policy.anchors.size(), 3u);
  EXPECT_EQ(parse_tls_policy("secure tafile=/c", with).error,
            "the trust anchors of /c were not read with the configuration");
  EXPECT_EQ(parse_tls_policy("encrypt tafile=/a", with).error,
            "attribute \"tafile\" has no meaning at level encrypt");
  with.anchor_files = {"/a"};
  EXPECT_EQ(parse_tls_policy("secure", with).policy.anchors.size(), 1u);
  EXPECT_EQ(parse_tls_policy("secure tafile=/b", with).policy.anchors.size(), 2u);
  EXPECT_TRUE(parse_tls_policy("encrypt", with).policy.anchors.empty());
  EXPECT_NE(parse_tls_policy("secure tafile=/b", with).policy.key(),
            parse_tls_policy("secure", with).policy.key());
  EXPECT_EQ(anchor_files_in("secure tafile=/a,match=x tafile=/b tafile= tafile"),
            (std::vector<std::string>{"/a", "/b"}));
}

TEST(TlsPolicy, Names) {
  TlsPolicy policy{.level = TlsLevel::kSecure,
                   .match = {"hostname", "nexthop", "dot-nexthop", ".other.example"}};
  EXPECT_EQ(wanted_names(policy, "mx.example.net", "example.com"),
            (std::vector<std::string>{"mx.example.net", "example.com", ".example.com",
                                      ".other.example"}));
}

TEST(TlsPolicy, KeysTellPromisesApart) {
  const std::string may = find_tls_policy(rules(""), "a.example").policy.key();
  EXPECT_EQ(find_tls_policy(rules(""), "b.example").policy.key(), may);
  for (const std::string_view value :
       {"none", "encrypt", "secure", "secure match=mx.example", "may protocols=TLSv1.3",
        "may ciphers=high", "may exclude=RC4", "may servername=hostname"}) {
    EXPECT_NE(parse_tls_policy(value, {}).policy.key(), may) << value;
  }
}

}  // namespace
}  // namespace barid::smtp
