// Goal: an address is refused only if its class's tables say that it does not exist, in Postfix's
// words. Method: rows of address and whole reply, through the lists and the check behind them.
#include "policy/recipient_maps.h"

#include <gtest/gtest.h>

#include "policy/restrictions.h"

namespace barid::policy {
namespace {

const lookup::OpenContext kNoFiles{};

lookup::TableList tables(std::string_view value) { return {"maps", value, kNoFiles}; }

const lookup::OpenContext kUsersFile{.read_file = [](const std::string&) {
  return Result<std::string>("anna x\no'hara x\n\"two words\" x\nbob@local.example x\n");
}};

RecipientMaps all_maps() {
  RecipientMaps maps;
  maps.local = {"local_recipient_maps", "texthash:/users", kUsersFile};
  maps.relay = tables("inline:{carl@relay.example=1, @all.relay.example=1}");
  maps.virtual_alias = tables("inline:{dora@alias.example=x, dora@local.example=x, erik=x}");
  maps.virtual_mailbox = tables("inline:{fritz@box.example=fritz/}");
  return maps;
}

RelayPolicy::Rules rules_with(RecipientMaps maps) {
  RelayPolicy::Rules rules;
  rules.classes.local = {"mydestination", "local.example", kNoFiles};
  rules.classes.virtual_alias = {"virtual_alias_domains", "alias.example", kNoFiles};
  rules.classes.virtual_mailbox = {"virtual_mailbox_domains", "box.example", kNoFiles};
  rules.classes.relay = {"relay_domains", "relay.example", lookup::Subdomains::kParent, kNoFiles};
  rules.delimiters = "+";
  rules.reject_unlisted_recipient = true;
  rules.maps = std::move(maps);
  return rules;
}

RestrictionList list_of(std::initializer_list<std::string> items) {
  return parse_restrictions(items, ListKind::kRecipient, RestrictionSource());
}

std::string reply(RelayPolicy::Rules rules, std::string_view recipient,
                  std::string_view sender = "s@far.example") {
  const ClientSideFacts facts{.sender = sender, .recipient = recipient};
  return RelayPolicy(std::move(rules)).check(CheckPoint::kRcpt, facts).reply;
}

constexpr std::string_view kLocal = "User unknown in local recipient table";
constexpr std::string_view kAlias = "User unknown in virtual alias table";
constexpr std::string_view kMailbox = "User unknown in virtual mailbox table";
constexpr std::string_view kRelay = "User unknown in relay recipient table";

TEST(RecipientMaps, EveryClass) {
  struct Row {
    std::string_view address, unknown;  // unknown: empty = it exists
  };
  const Row rows[] = {
      {"anna@local.example", ""},
      {"Anna+x@LOCAL.example", ""},
      {"o'hara@local.example", ""},
      {"\"two words\"@local.example", ""},
      {"\"two  words\"@local.example", kLocal},
      {"bob@local.example", ""},
      {"nobody@local.example", kLocal},
      {"local.example@local.example", kLocal},
      {"dora@local.example", ""},
      {"erik@local.example", ""},  // a bare name in virtual_alias_maps is for local domains
      {"erik@alias.example", kAlias},
      {"postmaster@local.example", ""},
      {"MAILER-DAEMON@local.example", ""},
      {"double-bounce@local.example", ""},
      {"postmaster+x@local.example", kLocal},
      {"anna", ""},
      {"nobody", kLocal},
      {"dora+x@alias.example", ""},
      {"anna@alias.example", kAlias},
      {"fritz@box.example", ""},
      {"anna@box.example", kMailbox},
      {"carl@relay.example", ""},
      {"anna@relay.example", kRelay},
      {"anyone@all.relay.example", ""},
      {"anyone@other.relay.example", kRelay},
      {"anna@far.example", ""},
      {"a%b@local.example", ""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.address);
    const std::string expected =
        row.unknown.empty() ? std::string()
                            : "550 5.1.1 <" + std::string(row.address) +
                                  ">: Recipient address rejected: " + std::string(row.unknown);
    EXPECT_EQ(reply(rules_with(all_maps()), row.address), expected);
  }
}

TEST(RecipientMaps, WithoutTablesAllExistButAliases) {
  for (const std::string_view address : {"x@local.example", "x@box.example", "x@relay.example"}) {
    EXPECT_EQ(reply(rules_with({}), address), "");
  }
  EXPECT_EQ(reply(rules_with({}), "x@alias.example"),
            "550 5.1.1 <x@alias.example>: Recipient address rejected: " + std::string(kAlias));
}

TEST(RecipientMaps, CodesAndSilence) {
  RecipientMaps maps = all_maps();
  maps.codes.local = 450;
  maps.show_table_name = false;
  EXPECT_EQ(reply(rules_with(std::move(maps)), "x@local.example"),
            "450 4.1.1 <x@local.example>: Recipient address rejected: User unknown");
}

TEST(RecipientMaps, FailingTablesAreTemporary) {
  RecipientMaps maps;
  maps.local = tables("inline:{anna=1} fail:x");
  EXPECT_EQ(reply(rules_with(std::move(maps)), "x@local.example"),
            "451 4.3.0 <x@local.example>: Temporary lookup failure");
  RecipientMaps aliases;
  aliases.virtual_alias = tables("fail:x");
  EXPECT_EQ(reply(rules_with(std::move(aliases)), "x@far.example"),
            "451 4.3.0 <x@far.example>: Temporary lookup failure");
}

TEST(RecipientMaps, WhereInTheListsItCounts) {
  constexpr std::string_view kUnknown =
      "550 5.1.1 <x@local.example>: Recipient address rejected: User unknown in local recipient "
      "table";
  struct Row {
    std::initializer_list<std::string> list;
    bool implicit;
    std::string_view reply;
  };
  const Row rows[] = {
      {{}, true, kUnknown},
      {{}, false, ""},
      {{"permit"}, true, kUnknown},  // permit ends its list only
      {{"reject_unlisted_recipient"}, false, kUnknown},
      {{"check_recipient_maps"}, false, kUnknown},
      {{"warn_if_reject", "reject_unlisted_recipient"}, false, ""},
      {{"warn_if_reject", "reject_unlisted_recipient"}, true, kUnknown},
      {{"permit", "reject_unlisted_recipient"}, false, ""},
      {{"reject"}, true, "554 5.7.1 <x@local.example>: Recipient address rejected: Access denied"},
      {{"defer_if_permit"},
       true,
       "450 4.7.0 <x@local.example>: Recipient address rejected: defer_if_permit requested"},
      {{"defer_if_reject"},
       true,
       "450 4.7.0 <x@local.example>: Recipient address rejected: defer_if_reject requested"},
  };
  for (const Row& row : rows) {
    RelayPolicy::Rules rules = rules_with(all_maps());
    rules.reject_unlisted_recipient = row.implicit;
    rules.list(ListKind::kRecipient) = list_of(row.list);
    EXPECT_EQ(reply(std::move(rules), "x@local.example"), row.reply);
  }
}

TEST(RecipientMaps, DiscardedMailNeedsNoRecipient) {
  RelayPolicy::Rules rules = rules_with(all_maps());
  class Source final : public RestrictionSource {
    std::unique_ptr<const lookup::Table> open(std::string_view spec) const override {
      return lookup::open_table(spec, kNoFiles);
    }
  };
  rules.list(ListKind::kRecipient) = parse_restrictions(
      {"check_recipient_access", "static:DISCARD"}, ListKind::kRecipient, Source());
  EXPECT_EQ(reply(std::move(rules), "x@local.example"), "");
}

TEST(RecipientMaps, Senders) {
  RelayPolicy::Rules rules = rules_with(all_maps());
  EXPECT_EQ(reply(rules_with(all_maps()), "anna@local.example", "x@local.example"), "");
  rules.reject_unlisted_sender = true;
  const RelayPolicy policy(std::move(rules));
  const auto ask = [&](std::string_view sender) {
    const ClientSideFacts facts{.sender = sender, .recipient = "anna@local.example"};
    return policy.check(CheckPoint::kRcpt, facts).reply;
  };
  EXPECT_EQ(ask("x@local.example"),
            "550 5.1.0 <x@local.example>: Sender address rejected: User unknown in local recipient "
            "table");
  EXPECT_EQ(ask("anna@local.example"), "");
  EXPECT_EQ(ask("x@far.example"), "");
  EXPECT_EQ(ask(""), "");
}

TEST(RecipientMaps, SendersAtMailWithoutDelay) {
  RelayPolicy::Rules rules = rules_with(all_maps());
  rules.reject_unlisted_sender = true;
  rules.delay_reject = false;
  const RelayPolicy policy(std::move(rules));
  EXPECT_TRUE(policy.has_checks(CheckPoint::kMail));
  const ClientSideFacts facts{.sender = "x@relay.example"};
  EXPECT_EQ(policy.check(CheckPoint::kMail, facts).reply,
            "550 5.1.0 <x@relay.example>: Sender address rejected: User unknown in relay recipient "
            "table");
}

}  // namespace
}  // namespace barid::policy
