// Goal: access tables are asked with the keys of access(5), in its order, and every result means
// what it says there. Method: inline tables, one query, and the answer; then whole replies.
#include <gtest/gtest.h>

#include "policy/access_action.h"
#include "policy/access_lookup.h"
#include "policy/host_name.h"
#include "policy/restrictions.h"

namespace barid::policy {
namespace {

using Items = std::vector<std::string>;

std::unique_ptr<const lookup::Table> table_of(std::string_view spec) {
  return lookup::open_table(spec, {});
}

TEST(AccessLookup, DomainsAndTheirParents) {
  const auto table = table_of("inline:{ a.example=exact, example=parent, .org=dotted }");
  const AccessKeys bare;
  const AccessKeys dotted{.bare_parents = false, .delimiters = {}, .null_sender = {}};
  EXPECT_EQ(find_access_domain(*table, "a.example", bare).value(), "exact");
  EXPECT_EQ(find_access_domain(*table, "A.Example.", bare).value(), "exact");
  EXPECT_EQ(find_access_domain(*table, "x.y.example", bare).value(), "parent");
  EXPECT_FALSE(find_access_domain(*table, "xexample", bare).is_found());
  EXPECT_FALSE(find_access_domain(*table, "b.org", bare).is_found());
  EXPECT_EQ(find_access_domain(*table, "a.b.org", dotted).value(), "dotted");
  EXPECT_FALSE(find_access_domain(*table, "b.example", dotted).is_found());
  EXPECT_FALSE(find_access_domain(*table, "", bare).is_found());
}

TEST(AccessLookup, AddressesAndTheirNetworks) {
  const auto table = table_of("inline:{ 192.0.2.1=host, 192.0=net, 2001:db8=six }");
  EXPECT_EQ(find_access_address(*table, "192.0.2.1").value(), "host");
  EXPECT_EQ(find_access_address(*table, "192.0.9.9").value(), "net");
  EXPECT_FALSE(find_access_address(*table, "192.1.2.1").is_found());
  EXPECT_EQ(find_access_address(*table, "2001:db8::1").value(), "six");
}

TEST(AccessLookup, MailAddresses) {
  const auto table = table_of(
      "inline:{ u+x@a.example=extended, u@a.example=user, b.example=domain, v@=local,"
      " <>=null, a.@c.example=quoted }");
  const AccessKeys keys{.bare_parents = true, .delimiters = "+", .null_sender = "<>"};
  const auto found = [&](std::string_view address) {
    return std::string(find_access_mail(*table, address, keys).value());
  };
  EXPECT_EQ(found("u+x@a.example"), "extended");
  EXPECT_EQ(found("u+y@a.example"), "user");
  EXPECT_EQ(found("w@sub.b.example"), "domain");
  EXPECT_EQ(found("v+z@c.example"), "local");
  EXPECT_EQ(found("\"a.\"@c.example"), "quoted");
  EXPECT_EQ(found(""), "null");
  EXPECT_EQ(found("w@c.example"), "");
}

TEST(AccessLookup, PatternTablesSeeCompleteKeysOnly) {
  const auto table = table_of("cidr:{{192.0.2.0/24 net}}");
  ASSERT_EQ(table->key_style(), lookup::KeyStyle::kPattern);
  EXPECT_EQ(find_access_address(*table, "192.0.2.9").value(), "net");
  EXPECT_FALSE(find_access_address(*table, "192.0.3.9").is_found());
  // 192.0.2.1 stands here as the domain of an address: a part of the key.
  EXPECT_FALSE(find_access_mail(*table, "u@192.0.2.1", {}).is_found());
}

TEST(AccessAction, Grammar) {
  using Verb = AccessAction::Verb;
  struct Row {
    std::string_view value;
    Verb verb;
    uint16_t code;
    std::string_view status, text;
  };
  const Row rows[] = {
      {"OK", Verb::kOk, 0, "", ""},
      {"relay", Verb::kOk, 0, "", ""},
      {"1234", Verb::kOk, 0, "", ""},
      {"299", Verb::kOk, 0, "", ""},
      {"DUNNO", Verb::kDunno, 0, "", ""},
      {"reject go away", Verb::kReject, 0, "", "go away"},
      {"REJECT 5.7.9 go away", Verb::kReject, 0, "5.7.9", "go away"},
      {"550 no", Verb::kReply, 550, "", "no"},
      {"421 4.7.0 later", Verb::kReply, 421, "4.7.0", "later"},
      {"550 5.7 no", Verb::kReply, 550, "", "5.7 no"},
      {"550 5.7.1234 no", Verb::kReply, 550, "", "5.7.1234 no"},
      {"DEFER_IF_PERMIT wait", Verb::kDeferIfPermit, 0, "", "wait"},
      {"WARN look", Verb::kWarn, 0, "", "look"},
      {"PREPEND X-A: b", Verb::kPrepend, 0, "", "X-A: b"},
      {"PREPEND no header", Verb::kBad, 0, "", "no header"},
      {"PREPEND X-A: b\rX-B: c", Verb::kBad, 0, "", "X-A: b\rX-B: c"},
      {"PREPEND X-A: b\nX-B: c", Verb::kBad, 0, "", "X-A: b\nX-B: c"},
      {"BCC a@b.example", Verb::kBcc, 0, "", "a@b.example"},
      {"REDIRECT nobody", Verb::kBad, 0, "", "nobody"},
      {"HOLD", Verb::kBad, 0, "", ""},
      {"permit_mynetworks, reject", Verb::kList, 0, "", "reject"},
      {"", Verb::kList, 0, "", ""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.value);
    const AccessAction action = parse_access_action(row.value);
    EXPECT_EQ(action.verb, row.verb);
    EXPECT_EQ(action.code, row.code);
    EXPECT_EQ(action.status, row.status);
    EXPECT_EQ(action.text, row.text);
  }
}

TEST(HostName, Grammar) {
  for (const std::string_view good : {"a", "a.b", "mx_1.a-b.example", "1a.2", "x1"}) {
    EXPECT_TRUE(is_host_name(good)) << good;
  }
  for (const std::string_view bad :
       {"", ".", "a..b", "a.", "-a", "a-", "a b", "127.0.0.1", "a!b"}) {
    EXPECT_FALSE(is_host_name(bad)) << bad;
  }
  for (const std::string_view good : {"[192.0.2.1]", "[IPv6:2001:db8::1]", "[ipv6:::1]"}) {
    EXPECT_TRUE(is_address_literal(good)) << good;
  }
  for (const std::string_view bad : {"[]", "[x]", "[192.0.2.256]", "[2001:db8::1]", "192.0.2.1"}) {
    EXPECT_FALSE(is_address_literal(bad)) << bad;
  }
}

// --- whole lists

struct ListRow {
  const char* name;
  ListKind kind;
  Items items;
  std::string reply;
};

/// Tables as written, and two classes.
class TestSource final : public RestrictionSource {
 public:
  std::unique_ptr<const lookup::Table> open(std::string_view spec) const override {
    return lookup::open_table(spec, {});
  }
  std::optional<Items> class_items(std::string_view name) const override {
    if (name == "strict") return Items{"check_sender_access", "inline:{ bad.example=REJECT }"};
    if (name == "loop") return Items{"loop"};
    return std::nullopt;
  }
};

RelayPolicy policy_of(ListKind kind, const Items& items, bool delay_reject = true) {
  RelayPolicy::Rules rules;
  const TestSource source;
  rules.restriction_classes.emplace(
      "strict", parse_restrictions(*source.class_items("strict"), kind, source));
  rules.delay_reject = delay_reject;
  rules.delimiters = "+";
  rules.list(kind) = parse_restrictions(items, kind, source);
  return RelayPolicy(std::move(rules));
}

ClientSideFacts facts() {
  ClientSideFacts facts;
  facts.address = *lookup::IpAddress::parse("203.0.113.7");
  facts.address_known = true;
  facts.client_name = "mx.bad.example";
  facts.client_address = "203.0.113.7";
  facts.helo = "helo.bad.example";
  facts.sender = "s@bad.example";
  facts.recipient = "r@far.example";
  return facts;
}

TEST(AccessRestrictions, Replies) {
  const std::string client = "<mx.bad.example[203.0.113.7]>: Client host rejected: ";
  const ListRow rows[] = {
      {"client by name",
       ListKind::kClient,
       {"check_client_access", "inline:{ bad.example=REJECT }"},
       "554 5.7.1 " + client + "Access denied"},
      {"client by address",
       ListKind::kClient,
       {"check_client_access", "inline:{ {203.0.113=450 no} }"},
       "450 4.7.1 " + client + "no"},
      {"bare table",
       ListKind::kClient,
       {"inline:{ 203.0.113.7=REJECT }"},
       "554 5.7.1 " + client + "Access denied"},
      {"reject", ListKind::kClient, {"reject"}, "554 5.7.1 " + client + "Access denied"},
      {"helo",
       ListKind::kHelo,
       {"inline:{ {bad.example=550 5.7.2 nope} }"},
       "550 5.7.2 <helo.bad.example>: Helo command rejected: nope"},
      {"sender",
       ListKind::kSender,
       {"inline:{ {s@bad.example=REJECT 5.1.8 spam} }"},
       "554 5.1.8 <s@bad.example>: Sender address rejected: spam"},
      {"recipient",
       ListKind::kRecipient,
       {"inline:{ r@=DEFER }"},
       "450 4.7.1 <r@far.example>: Recipient address rejected: Access denied"},
      {"sender table elsewhere",
       ListKind::kRecipient,
       {"check_sender_access", "inline:{ bad.example=REJECT }"},
       "554 5.7.1 <s@bad.example>: Sender address rejected: Access denied"},
      {"ok ends", ListKind::kSender, {"inline:{ bad.example=OK }", "reject"}, ""},
      {"dunno goes on",
       ListKind::kSender,
       {"inline:{ bad.example=DUNNO }", "defer"},
       "450 4.3.2 <s@bad.example>: Sender address rejected: Try again later"},
      {"unreadable table",
       ListKind::kSender,
       {"check_sender_access", "nosuch:table"},
       "451 4.3.0 <s@bad.example>: Temporary lookup failure"},
      {"hold is not served",
       ListKind::kSender,
       {"inline:{ bad.example=HOLD }"},
       "451 4.3.5 Server configuration error"},
      {"list in a table",
       ListKind::kSender,
       {"inline:{ {bad.example=strict, defer} }"},
       "554 5.7.1 <s@bad.example>: Sender address rejected: Access denied"},
      {"unknown in a table",
       ListKind::kSender,
       {"inline:{ bad.example=mars }"},
       "451 4.3.5 Server configuration error"},
      {"class",
       ListKind::kRecipient,
       {"strict"},
       "554 5.7.1 <s@bad.example>: Sender address rejected: Access denied"},
      {"endless class", ListKind::kRecipient, {"loop"}, "451 4.3.5 Server configuration error"},
      {"defer_if_permit",
       ListKind::kRecipient,
       {"defer_if_permit", "permit"},
       "450 4.7.0 <r@far.example>: Recipient address rejected: defer_if_permit requested"},
      {"a refusal wins",
       ListKind::kRecipient,
       {"defer_if_permit", "reject"},
       "554 5.7.1 <r@far.example>: Recipient address rejected: Access denied"},
      {"defer_if_reject",
       ListKind::kRecipient,
       {"defer_if_reject", "reject"},
       "450 4.7.0 <r@far.example>: Recipient address rejected: defer_if_reject requested"},
      {"defer_if_reject alone", ListKind::kRecipient, {"defer_if_reject"}, ""},
      {"deferral in a table",
       ListKind::kSender,
       {"inline:{ {bad.example=DEFER_IF_PERMIT wait} }"},
       "450 4.7.1 <s@bad.example>: Sender address rejected: wait"},
      {"plaintext",
       ListKind::kClient,
       {"reject_plaintext_session"},
       "450 4.7.1 " + client + "Session encryption is required"},
      {"no certificates",
       ListKind::kRecipient,
       {"permit_tls_clientcerts", "reject"},
       "554 5.7.1 <r@far.example>: Recipient address rejected: Access denied"},
  };
  for (const ListRow& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(policy_of(row.kind, row.items).check(CheckPoint::kRcpt, facts()).reply, row.reply);
  }
}

TEST(AccessRestrictions, Certificates) {
  struct Row {
    std::string_view certificate, key;
    bool trusted;
    Items items;
    std::string reply;
  };
  const std::string refused =
      "554 5.7.1 <r@far.example>: Recipient address rejected: Access denied";
  const Items known{"permit_tls_clientcerts", "reject"};
  const Items any{"permit_tls_all_clientcerts", "reject"};
  const Items table{"check_ccert_access", "inline:{ {AA:01=REJECT go} {BB:01=OK} }", "reject"};
  const Row rows[] = {
      {"AA:01", "BB:01", false, known, ""},
      {"AA:02", "BB:02", false, known, ""},  // by its key
      {"AA:03", "BB:03", true, known, refused},
      {"", "", false, known, refused},
      {"AA:03", "BB:03", true, any, ""},
      {"AA:01", "BB:01", false, any, refused},
      {"AA:01", "BB:01", false, table,
       "554 5.7.1 <unknown[192.0.2.1]>: Client certificate rejected: go"},
      {"AA:02", "BB:01", false, table, ""},
      {"", "", false, table, refused},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.certificate) + " " + row.items.front());
    RelayPolicy::Rules rules;
    rules.client_certificates =
        lookup::TableList("relay_clientcerts", "inline:{ {AA:01=a} {BB:02=b} }", {});
    rules.list(ListKind::kRecipient) =
        parse_restrictions(row.items, ListKind::kRecipient, TestSource());
    ClientSideFacts facts;
    facts.client_address = "192.0.2.1";
    facts.recipient = "r@far.example";
    facts.sender = "s@bad.example";
    facts.encrypted = true;
    facts.certificate_fingerprint = row.certificate;
    facts.key_fingerprint = row.key;
    facts.certificate_trusted = row.trusted;
    EXPECT_EQ(RelayPolicy(std::move(rules)).check(CheckPoint::kRcpt, facts).reply, row.reply);
  }
}

TEST(AccessRestrictions, EncryptedSessionsAreNotPlain) {
  RelayPolicy::Rules rules;
  rules.list(ListKind::kClient) =
      parse_restrictions({"reject_plaintext_session"}, ListKind::kClient, TestSource());
  ClientSideFacts facts;
  facts.encrypted = true;
  facts.recipient = "r@far.example";
  EXPECT_EQ(RelayPolicy(std::move(rules)).check(CheckPoint::kRcpt, facts).reply, "");
}

TEST(AccessRestrictions, HeloNames) {
  struct Row {
    std::string_view helo;
    bool valid, qualified;
  };
  const Row rows[] = {
      {"mx.a.example", true, true}, {"mx.a.example.", true, true}, {"laptop", true, false},
      {"a b", false, false},        {"a..b", false, false},        {"192.0.2.1", true, false},
      {"[192.0.2.1]", true, true},  {"[x]", false, false},         {"", true, true},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.helo);
    ClientSideFacts client = facts();
    client.helo = row.helo;
    const auto reply_of = [&](const char* name) {
      return policy_of(ListKind::kHelo, {name}).check(CheckPoint::kRcpt, client).reply;
    };
    const std::string subject = " <" + std::string(row.helo) + ">: Helo command rejected: ";
    const bool literal = row.helo.starts_with('[');
    const std::string invalid =
        "501 5.5.2" + subject + (literal ? "invalid ip address" : "Invalid name");
    EXPECT_EQ(reply_of("reject_invalid_helo_hostname"), row.valid ? "" : invalid);
    EXPECT_EQ(reply_of("reject_non_fqdn_helo_hostname"),
              row.qualified ? ""
              : literal     ? invalid
                            : "504 5.5.2" + subject + "need fully-qualified hostname");
  }
}

TEST(AccessRestrictions, WithoutDelayListsAreCheckedAtTheirOwnStage) {
  struct Row {
    ListKind kind;
    CheckPoint point;
  };
  for (const Row& row :
       {Row{ListKind::kClient, CheckPoint::kConnect}, Row{ListKind::kHelo, CheckPoint::kHelo},
        Row{ListKind::kSender, CheckPoint::kMail}}) {
    const RelayPolicy now = policy_of(row.kind, {"reject"}, /*delay_reject=*/false);
    const RelayPolicy late = policy_of(row.kind, {"reject"});
    EXPECT_TRUE(now.has_checks(row.point));
    EXPECT_FALSE(late.has_checks(row.point));
    EXPECT_FALSE(now.check(row.point, facts()).reply.empty());
    EXPECT_TRUE(late.check(row.point, facts()).reply.empty());
    EXPECT_TRUE(now.check(CheckPoint::kRcpt, facts()).reply.empty());
    EXPECT_FALSE(late.check(CheckPoint::kRcpt, facts()).reply.empty());
  }
}

TEST(AccessRestrictions, ADeferralOfAnEarlierStageCountsAtRcpt) {
  const RelayPolicy policy = policy_of(ListKind::kSender, {"defer_if_permit"}, false);
  const RelayPolicy::Verdict early = policy.check(CheckPoint::kMail, facts());
  EXPECT_EQ(early.reply, "");
  EXPECT_EQ(early.pending,
            "450 4.7.0 <s@bad.example>: Sender address rejected: defer_if_permit requested");
  ClientSideFacts later = facts();
  later.pending = early.pending;
  EXPECT_EQ(policy.check(CheckPoint::kRcpt, later).reply, early.pending);
}

TEST(AccessRestrictions, DataAndEndOfMessage) {
  ClientSideFacts client = facts();
  client.recipient.reset();
  client.sender = "";
  client.recipients_count = 2;
  EXPECT_EQ(policy_of(ListKind::kData, {"reject_multi_recipient_bounce"})
                .check(CheckPoint::kData, client)
                .reply,
            "550 5.5.3 <DATA>: Data command rejected: Multi-recipient bounce");
  EXPECT_EQ(
      policy_of(ListKind::kEndOfData, {"defer"}).check(CheckPoint::kEndOfMessage, client).reply,
      "450 4.3.2 <END-OF-MESSAGE>: End-of-data rejected: Try again later");
  client.pipelined = true;
  EXPECT_EQ(policy_of(ListKind::kData, {"reject_unauth_pipelining"})
                .check(CheckPoint::kData, client)
                .reply,
            "503 5.5.0 <DATA>: Data command rejected: Improper use of SMTP command pipelining");
  client.recipients_count = 1;
  EXPECT_EQ(policy_of(ListKind::kData, {"reject_multi_recipient_bounce"})
                .check(CheckPoint::kData, client)
                .reply,
            "");
}

TEST(AccessRestrictions, Actions) {
  const RelayPolicy policy = policy_of(
      ListKind::kRecipient,
      {"inline:{ {r@far.example=WARN look} }", "inline:{ {r@far.example=PREPEND X-A: b} }",
       "inline:{ r@far.example=DISCARD }", "inline:{ {r@far.example=BCC c@d.example} }"});
  const RelayPolicy::Verdict verdict = policy.check(CheckPoint::kRcpt, facts());
  EXPECT_EQ(verdict.reply, "");
  ASSERT_EQ(verdict.actions.size(), 4u);
  EXPECT_EQ(verdict.actions[0].text, "<r@far.example>: Recipient address look");
  EXPECT_EQ(verdict.actions[1].argument, "X-A: b");
  EXPECT_EQ(verdict.actions[2].text, "<r@far.example>: Recipient address triggers DISCARD action");
  EXPECT_EQ(verdict.actions[3].argument, "c@d.example");
}

}  // namespace
}  // namespace barid::policy
