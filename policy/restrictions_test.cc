// Goal: each restriction answers as documented, lists end and combine as Postfix's do.
// Method: rows of one list, one client, one recipient and the whole reply.
#include "policy/restrictions.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace barid::policy {
namespace {

using Items = std::vector<std::string>;

lookup::IpAddress ip(std::string_view text) { return *lookup::IpAddress::parse(text); }

/// Tables as written, and two classes.
class TestSource final : public RestrictionSource {
 public:
  std::unique_ptr<const lookup::Table> open(std::string_view spec) const override {
    return lookup::open_table(spec, {});
  }
  std::optional<Items> class_items(std::string_view name) const override {
    if (name == "strict") return Items{"permit_mynetworks", "reject"};
    if (name == "loop") return Items{"loop"};
    return std::nullopt;
  }
};

/// What RCPT answers.
RelayPolicy::Verdict at_rcpt(RelayPolicy::Rules rules, ClientSideFacts client,
                             std::string_view sender, std::string_view recipient) {
  client.sender = sender;
  client.recipient = recipient;
  return RelayPolicy(std::move(rules)).check(CheckPoint::kRcpt, client);
}

RelayPolicy::Rules base_rules() {
  const lookup::OpenContext context;
  RelayPolicy::Rules rules;
  rules.classes.local = {"mydestination", "local.example", context};
  rules.classes.virtual_alias = {"virtual_alias_domains", "alias.example", context};
  rules.classes.virtual_mailbox = {"virtual_mailbox_domains", "box.example", context};
  rules.classes.relay = {"relay_domains", "relay.example", lookup::Subdomains::kParent, context};
  rules.classes.own_addresses = {ip("192.0.2.1"), ip("2001:db8::1")};
  rules.mynetworks = {"mynetworks", "127.0.0.0/8 198.51.100.0/24", lookup::Subdomains::kDotted,
                      context};
  return rules;
}

RestrictionList list_of(const Items& items, ListKind kind = ListKind::kRecipient) {
  std::vector<std::string> warnings;
  RestrictionList list = parse_restrictions(items, kind, TestSource(), &warnings);
  EXPECT_TRUE(warnings.empty()) << warnings.front();
  return list;
}

ClientSideFacts stranger() {
  return {.address = ip("203.0.113.7"),
          .address_known = true,
          .client_address = "203.0.113.7",
          .helo = "mx.example.net"};
}

constexpr std::string_view kDenied = "554 5.7.1 <u@far.example>: Relay access denied";
constexpr std::string_view kDeferred = "454 4.7.1 <u@far.example>: Relay access denied";

// --- who may relay

struct ClientRow {
  const char* name;
  Items relay;
  std::string_view address;  // empty: unknown
  bool authenticated;
  std::string_view reply;
};

TEST(Restrictions, ClientsMayRelay) {
  const ClientRow rows[] = {
      {"empty list permits", {}, "203.0.113.7", false, ""},
      {"stranger",
       {"permit_mynetworks", "reject_unauth_destination"},
       "203.0.113.7",
       false,
       kDenied},
      {"in mynetworks",
       {"permit_mynetworks", "reject_unauth_destination"},
       "198.51.100.9",
       false,
       ""},
      {"mapped", {"permit_mynetworks", "reject_unauth_destination"}, "::ffff:127.0.0.1", false, ""},
      {"no address", {"permit_mynetworks", "reject_unauth_destination"}, "", false, kDenied},
      {"order counts",
       {"reject_unauth_destination", "permit_mynetworks"},
       "127.0.0.1",
       false,
       kDenied},
      {"own interface",
       {"permit_inet_interfaces", "reject_unauth_destination"},
       "192.0.2.1",
       false,
       ""},
      {"own v6", {"permit_inet_interfaces", "reject_unauth_destination"}, "2001:db8::1", false, ""},
      {"near own",
       {"permit_inet_interfaces", "reject_unauth_destination"},
       "192.0.2.2",
       false,
       kDenied},
      {"signed in",
       {"permit_sasl_authenticated", "reject_unauth_destination"},
       "203.0.113.7",
       true,
       ""},
      {"not signed in",
       {"permit_sasl_authenticated", "defer_unauth_destination"},
       "203.0.113.7",
       false,
       kDeferred},
      {"permit ends", {"permit", "reject"}, "203.0.113.7", false, ""},
      {"case", {"PERMIT_mynetworks", "Reject_Unauth_Destination"}, "203.0.113.7", false, kDenied},
      {"reject",
       {"reject"},
       "127.0.0.1",
       true,
       "554 5.7.1 <u@far.example>: Recipient address rejected: Access denied"},
      {"defer",
       {"defer"},
       "127.0.0.1",
       true,
       "450 4.3.2 <u@far.example>: Recipient address rejected: Try again later"},
      {"auth destination",
       {"permit_auth_destination", "reject"},
       "203.0.113.7",
       false,
       "554 5.7.1 <u@far.example>: Recipient address rejected: Access denied"},
  };
  for (const ClientRow& row : rows) {
    SCOPED_TRACE(row.name);
    RelayPolicy::Rules rules = base_rules();
    rules.list(ListKind::kRelay) = list_of(row.relay);
    ClientSideFacts client = stranger();
    client.address_known = !row.address.empty();
    // An unknown address must not match even if its zero value would.
    client.address = ip(row.address.empty() ? "127.0.0.1" : row.address);
    client.authenticated = row.authenticated;
    EXPECT_EQ(at_rcpt(std::move(rules), client, "s@far.example", "u@far.example").reply, row.reply);
  }
}

// --- logins

TEST(Restrictions, SenderLogins) {
  constexpr std::string_view kNotOwned =
      "553 5.7.1 <s@own.example>: Sender address rejected: not owned by user eve";
  constexpr std::string_view kNotLoggedIn =
      "553 5.7.1 <s@own.example>: Sender address rejected: not logged in";
  const struct {
    const char* restriction;
    const char* sender;
    const char* login;  // empty = a stranger
    std::string_view reply;
  } kRows[] = {
      {"reject_sender_login_mismatch", "s@own.example", "Bob", ""},
      {"reject_sender_login_mismatch", "s@own.example", "eve", kNotOwned},
      {"reject_sender_login_mismatch", "s@own.example", "", kNotLoggedIn},
      {"reject_sender_login_mismatch", "s@other.example", "", ""},
      {"reject_sender_login_mismatch", "s@other.example", "eve",
       "553 5.7.1 <s@other.example>: Sender address rejected: not owned by user eve"},
      {"reject_sender_login_mismatch", "x@own.example", "carol", ""},
      {"reject_sender_login_mismatch", "", "eve", ""},
      {"reject_known_sender_login_mismatch", "s@other.example", "eve", ""},
      {"reject_known_sender_login_mismatch", "s@own.example", "eve", kNotOwned},
      {"reject_known_sender_login_mismatch", "s@own.example", "", kNotLoggedIn},
      {"reject_authenticated_sender_login_mismatch", "s@own.example", "", ""},
      {"reject_authenticated_sender_login_mismatch", "s@own.example", "eve", kNotOwned},
      {"reject_unauthenticated_sender_login_mismatch", "s@own.example", "eve", ""},
      {"reject_unauthenticated_sender_login_mismatch", "s@own.example", "", kNotLoggedIn},
  };
  for (const auto& row : kRows) {
    SCOPED_TRACE(fmt::format("{} {} {}", row.restriction, row.sender, row.login));
    RelayPolicy::Rules rules = base_rules();
    rules.list(ListKind::kSender) = list_of({row.restriction});
    rules.sender_login_maps = {"smtpd_sender_login_maps",
                               "inline:{ { s@own.example = alice, bob } { @own.example = carol } }",
                               {}};
    ClientSideFacts client = stranger();
    client.login = row.login;
    client.authenticated = !client.login.empty();
    EXPECT_EQ(at_rcpt(std::move(rules), client, row.sender, "u@local.example").reply, row.reply);
  }
}

// --- destinations

TEST(Restrictions, Destinations) {
  struct Row {
    std::string_view recipient;
    bool authorised;
  };
  const Row rows[] = {
      {"u@local.example", true},
      {"u@LOCAL.example", true},
      {"u@alias.example", true},
      {"u@box.example", true},
      {"u@relay.example", true},
      {"u@sub.relay.example", true},
      {"u@sub.local.example", false},
      {"u@far.example", false},
      {"u@xrelay.example", false},
      {"u@[192.0.2.1]", true},
      {"u@[IPv6:2001:db8::1]", true},
      {"u@[192.0.2.9]", false},
      {"u@[junk]", false},
      {"u%far.example@local.example", false},
      {"far.example!u@relay.example", false},
      {"\"u@far.example\"@local.example", false},
      {"u", true},
      {"postmaster", true},
      {"PostMaster", true},
      {"u+ext@local.example", true},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.recipient);
    const auto reply_of = [&](const Items& items) {
      RelayPolicy::Rules rules = base_rules();
      rules.list(ListKind::kRelay) = list_of(items);
      return at_rcpt(std::move(rules), stranger(), "", row.recipient).reply;
    };
    const std::string text = " <" + std::string(row.recipient) + ">: Relay access denied";
    EXPECT_EQ(reply_of({"reject_unauth_destination"}), row.authorised ? "" : "554 5.7.1" + text);
    EXPECT_EQ(reply_of({"defer_unauth_destination"}), row.authorised ? "" : "454 4.7.1" + text);
    EXPECT_EQ(reply_of({"permit_auth_destination", "reject"}).empty(), row.authorised);
  }
}

// --- hygiene

TEST(Restrictions, NonFqdn) {
  struct Row {
    const char* restriction;
    std::string_view helo, sender, recipient, reply;
  };
  const Row rows[] = {
      {"reject_non_fqdn_sender", "", "", "u@b.example", ""},
      {"reject_non_fqdn_sender", "", "s@a.example", "u@b.example", ""},
      {"reject_non_fqdn_sender", "", "s@[192.0.2.3]", "u@b.example", ""},
      {"reject_non_fqdn_sender", "", "s@host", "u@b.example",
       "504 5.5.2 <s@host>: Sender address rejected: need fully-qualified address"},
      {"reject_non_fqdn_sender", "", "s@host.", "u@b.example",
       "504 5.5.2 <s@host.>: Sender address rejected: need fully-qualified address"},
      {"reject_non_fqdn_sender", "", "s@a..example", "u@b.example",
       "504 5.5.2 <s@a..example>: Sender address rejected: need fully-qualified address"},
      {"reject_non_fqdn_sender", "", "s", "u@b.example",
       "504 5.5.2 <s>: Sender address rejected: need fully-qualified address"},
      {"reject_non_fqdn_recipient", "", "", "u@b.example", ""},
      {"reject_non_fqdn_recipient", "", "", "u@[IPv6:2001:db8::1]", ""},
      {"reject_non_fqdn_recipient", "", "", "postmaster", ""},
      {"reject_non_fqdn_recipient", "", "", "u@host",
       "504 5.5.2 <u@host>: Recipient address rejected: need fully-qualified address"},
      {"reject_non_fqdn_helo_hostname", "", "", "u@b.example", ""},
      {"reject_non_fqdn_helo_hostname", "mx.a.example", "", "u@b.example", ""},
      {"reject_non_fqdn_helo_hostname", "[192.0.2.3]", "", "u@b.example", ""},
      {"reject_non_fqdn_helo_hostname", "laptop", "", "u@b.example",
       "504 5.5.2 <laptop>: Helo command rejected: need fully-qualified hostname"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.restriction) + ' ' + std::string(row.sender) + ' ' +
                 std::string(row.recipient) + ' ' + std::string(row.helo));
    RelayPolicy::Rules rules = base_rules();
    rules.list(ListKind::kRecipient) = list_of({row.restriction});
    ClientSideFacts client = stranger();
    client.helo = row.helo;
    EXPECT_EQ(at_rcpt(std::move(rules), client, row.sender, row.recipient).reply, row.reply);
  }
}

// --- lists together

TEST(Restrictions, ListsAreIndependentAndOrdered) {
  struct Row {
    Items sender, relay, recipient;
    std::string_view reply;
  };
  const std::string_view rejected =
      "554 5.7.1 <u@far.example>: Recipient address rejected: Access denied";
  const std::string_view later =
      "450 4.3.2 <u@far.example>: Recipient address rejected: Try again later";
  const std::string_view sender_later = "450 4.3.2 <>: Sender address rejected: Try again later";
  const Row rows[] = {
      {{}, {}, {}, ""},
      {{"permit"}, {"permit"}, {"permit"}, ""},
      {{"permit"}, {"reject"}, {"permit"}, rejected},  // permit ends its own list only
      {{"permit"}, {"permit"}, {"reject"}, rejected},
      {{"defer"}, {"reject"}, {"reject"}, sender_later},  // sender before relay before recipient
      {{}, {"defer"}, {"reject"}, later},
  };
  for (const Row& row : rows) {
    RelayPolicy::Rules rules = base_rules();
    rules.list(ListKind::kSender) = list_of(row.sender);
    rules.list(ListKind::kRelay) = list_of(row.relay);
    rules.list(ListKind::kRecipient) = list_of(row.recipient);
    EXPECT_EQ(at_rcpt(std::move(rules), stranger(), "", "u@far.example").reply, row.reply);
  }
}

TEST(Restrictions, CodesComeFromTheConfiguration) {
  RelayPolicy::Rules rules = base_rules();
  rules.codes = {.relay_domains = 454, .reject = 450, .defer = 421, .non_fqdn = 450};
  const auto reply_of = [&](const char* restriction, std::string_view sender) {
    RelayPolicy::Rules copy = base_rules();
    copy.codes = rules.codes;
    copy.list(ListKind::kRelay) = list_of({restriction});
    return at_rcpt(std::move(copy), stranger(), sender, "u@far.example").reply;
  };
  EXPECT_EQ(reply_of("reject_unauth_destination", ""),
            "454 4.7.1 <u@far.example>: Relay access denied");
  EXPECT_TRUE(reply_of("reject", "").starts_with("450 4.7.1 "));
  EXPECT_TRUE(reply_of("defer", "").starts_with("421 4.3.2 "));
  // The first digit of the status follows the code.
  EXPECT_EQ(reply_of("reject_non_fqdn_sender", "s@host").substr(0, 9), "450 4.5.2");
}

TEST(Restrictions, WhatIsNotServedWarnsAndAnswersWhenReached) {
  const auto at_first_argument = [](const Items& items, std::string* warning) {
    std::vector<std::string> warnings;
    RelayPolicy::Rules rules = base_rules();
    rules.list(ListKind::kRecipient) =
        parse_restrictions(items, ListKind::kRecipient, TestSource(), &warnings);
    EXPECT_EQ(warnings.size(), 1u);
    *warning = warnings.empty() ? "" : warnings.front();
    return rules;
  };
  const Items unserved[] = {
      {"permit_mynetworks", "reject_mars"},
      {"permit_mynetworks", "reject_rbl_client", "dnsbl.example"},
      {"permit_mynetworks", "check_policy_service", "unix:private/policy"},
      {"permit_mynetworks", "reject_unknown_sender_domain"},
      {"permit_mynetworks", "check_sender_access"},
      {"permit_mynetworks", "check_sender_access", "permit_mynetworks"},
  };
  for (const Items& items : unserved) {
    SCOPED_TRACE(items[1]);
    std::string warning;
    const RelayPolicy::Rules rules = at_first_argument(items, &warning);
    (void)rules;
    EXPECT_NE(warning.find(items[1]), std::string::npos) << warning;
    EXPECT_TRUE(warning.starts_with("smtpd_recipient_restrictions: ")) << warning;
    EXPECT_EQ(at_rcpt(at_first_argument(items, &warning), stranger(), "", "u@far.example").reply,
              "451 4.3.5 Server configuration error");
    ClientSideFacts friendly = stranger();
    friendly.address = ip("127.0.0.1");
    EXPECT_EQ(at_rcpt(at_first_argument(items, &warning), friendly, "", "u@far.example").reply, "");
  }
}

TEST(Restrictions, WhatMeansNothingIsAnError) {
  struct Row {
    Items items;
    std::string_view error;  ///< empty = a warning at most
  };
  const Row rows[] = {
      {{"permit_mynetwork", "reject"},
       "unknown smtpd restriction: \"permit_mynetwork\" (did you mean permit_mynetworks?)"},
      {{"warn_if_reject", "reject_mars"}, "unknown smtpd restriction: \"reject_mars\""},
      {{"warn_if_reject", "reject", "reject_mars"}, "unknown smtpd restriction: \"reject_mars\""},
      {{"check_sender_access"}, "restriction check_sender_access must be followed by type:table"},
      {{"reject", "reject_mars"}, ""},  // Postfix ignores what stands behind
      {{"permit", "some", "text"}, ""},
      {{"permit_mynetworks", "reject_unknown_sender_domain"}, ""},
      {{"reject_rbl_client", "dnsbl.example", "reject"}, ""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.items.back());
    std::vector<std::string> warnings;
    std::vector<std::string> errors;
    (void)parse_restrictions(row.items, ListKind::kSender, TestSource(), &warnings, &errors);
    if (row.error.empty()) {
      EXPECT_TRUE(errors.empty());
      continue;
    }
    ASSERT_EQ(errors.size(), 1u);
    EXPECT_EQ(errors[0], "smtpd_sender_restrictions: " + std::string(row.error));
    EXPECT_TRUE(warnings.empty());
  }
}

TEST(Restrictions, WarnIfRejectCoversTheNextItemOnly) {
  RelayPolicy::Rules rules = base_rules();
  rules.list(ListKind::kRelay) = list_of({"warn_if_reject", "reject_unauth_destination"});
  RelayPolicy::Verdict verdict = at_rcpt(std::move(rules), stranger(), "", "u@far.example");
  EXPECT_EQ(verdict.reply, "");
  ASSERT_EQ(verdict.actions.size(), 1u);
  EXPECT_EQ(verdict.actions[0].kind, PolicyAction::Kind::kRejectWarning);
  EXPECT_EQ(verdict.actions[0].text, kDenied);

  rules = base_rules();
  rules.list(ListKind::kRelay) = list_of({"warn_if_reject", "reject_unauth_destination", "defer"});
  verdict = at_rcpt(std::move(rules), stranger(), "", "u@far.example");
  EXPECT_TRUE(verdict.reply.starts_with("450 4.3.2 "));
  ASSERT_EQ(verdict.actions.size(), 1u);
  EXPECT_EQ(verdict.actions[0].text, kDenied);
}

TEST(Restrictions, TableFailureIsTemporary) {
  const lookup::OpenContext context;
  RelayPolicy::Rules rules = base_rules();
  rules.classes.local = {"mydestination", "nosuch:/table", context};
  rules.list(ListKind::kRelay) = list_of({"reject_unauth_destination"});
  EXPECT_EQ(at_rcpt(std::move(rules), stranger(), "", "u@far.example").reply,
            "451 4.3.0 <u@far.example>: Temporary lookup failure");
  rules = base_rules();
  rules.mynetworks = {"mynetworks", "nosuch:/table", lookup::Subdomains::kDotted, context};
  rules.list(ListKind::kRelay) = list_of({"permit_mynetworks"});
  EXPECT_EQ(at_rcpt(std::move(rules), stranger(), "", "u@far.example").reply,
            "451 4.3.0 <u@far.example>: Temporary lookup failure");
  // A destination that cannot be judged is not waved through either.
  rules = base_rules();
  rules.classes.local = {"mydestination", "nosuch:/table", context};
  rules.list(ListKind::kRelay) = list_of({"permit_auth_destination", "reject"});
  EXPECT_FALSE(at_rcpt(std::move(rules), stranger(), "", "u@x.example").reply.empty());
}

TEST(Restrictions, PostmasterIsAlwaysAccepted) {
  RelayPolicy::Rules rules = base_rules();
  for (const ListKind kind : {ListKind::kSender, ListKind::kRelay, ListKind::kRecipient}) {
    rules.list(kind) = list_of({"reject"});
  }
  const RelayPolicy policy(std::move(rules));
  const auto reply_of = [&](std::string_view recipient) {
    ClientSideFacts client = stranger();
    client.recipient = recipient;
    return policy.check(CheckPoint::kRcpt, client);
  };
  EXPECT_EQ(reply_of("Postmaster").reply, "");
  EXPECT_NE(reply_of("postmaster@far.example").reply, "");
  EXPECT_NE(reply_of("postmasters").reply, "");
}

TEST(Restrictions, OpenRelaysAreUnsafe) {
  struct Row {
    Items relay, recipient;
    bool safe;
  };
  const Row rows[] = {
      {{}, {}, false},
      {{"permit_mynetworks"}, {"permit_sasl_authenticated"}, false},
      {{"reject"}, {}, true},
      {{"defer"}, {}, true},
      {{}, {"reject_unauth_destination"}, true},
      {{"permit_mynetworks", "permit_sasl_authenticated", "defer_unauth_destination"}, {}, true},
      {{"permit", "reject"}, {}, false},  // never reached
      {{"permit"}, {"reject"}, true},
      {{"warn_if_reject", "reject_unauth_destination"}, {}, false},
      {{"reject_non_fqdn_recipient"}, {"permit_auth_destination"}, false},
  };
  for (const Row& row : rows) {
    RelayPolicy::Rules rules;
    rules.list(ListKind::kRelay) = list_of(row.relay);
    rules.list(ListKind::kRecipient) = list_of(row.recipient);
    EXPECT_EQ(RelayPolicy(std::move(rules)).is_safe(), row.safe)
        << testing::PrintToString(row.relay) << testing::PrintToString(row.recipient);
  }
}

}  // namespace
}  // namespace barid::policy
