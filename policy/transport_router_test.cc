// Goal: every recipient goes where class, relayhost and transport_maps send it.
// Method: rows of recipient → "transport:nexthop", per set of rules.
#include "policy/transport_router.h"

#include <gtest/gtest.h>

namespace barid::policy {
namespace {

struct Row {
  std::string_view recipient;
  std::string_view route;
};

AddressClasses base_classes() {
  const lookup::OpenContext context;
  AddressClasses classes;
  classes.local = {"mydestination", "local.example both.example", context};
  classes.virtual_alias = {"virtual_alias_domains", "alias.example both.example", context};
  classes.virtual_mailbox = {"virtual_mailbox_domains", "box.example alias.example", context};
  classes.relay = {"relay_domains", "relay.example box.example", lookup::Subdomains::kParent,
                   context};
  classes.own_addresses = {*lookup::IpAddress::parse("192.0.2.1")};
  return classes;
}

RoutingRules base_rules() {
  RoutingRules rules;
  rules.local_transport = "local:mail.local.example";
  rules.my_hostname = "mail.local.example";
  rules.double_bounce_address = "double-bounce@mail.local.example";
  return rules;
}

void expect_routes(RoutingRules rules, std::initializer_list<Row> rows) {
  const TransportRouter router(base_classes(), std::move(rules));
  for (const Row& row : rows) {
    const schedule::Route route = router.route({}, {.address = std::string(row.recipient)});
    EXPECT_EQ(route.transport + ':' + route.nexthop, row.route) << row.recipient;
  }
}

RoutingRules with_maps(std::string_view table, std::string_view relayhost = {}) {
  RoutingRules rules = base_rules();
  rules.relayhost = relayhost;
  std::vector<std::string> warnings;
  rules.transport_maps = {"transport_maps", table, {.warnings = &warnings}};
  EXPECT_TRUE(warnings.empty()) << warnings.front();
  return rules;
}

TEST(TransportRouter, ClassesAndTheirPrecedence) {
  expect_routes(base_rules(),
                {
                    {"u@local.example", "local:mail.local.example"},
                    {"u@LOCAL.Example.", "local:mail.local.example"},
                    {"u@both.example", "local:mail.local.example"},
                    {"u", "local:mail.local.example"},
                    {"u@[192.0.2.1]", "local:mail.local.example"},
                    {"u@alias.example", "error:5.1.1 User unknown in virtual alias table"},
                    {"u@box.example", "virtual:box.example"},
                    {"u@relay.example", "relay:relay.example"},
                    {"u@Sub.Relay.example", "relay:sub.relay.example"},
                    {"u@Far.Example", "smtp:far.example"},
                    {"u@far.example.", "smtp:far.example"},
                    {"u@[192.0.2.9]", "smtp:[192.0.2.9]"},
                    {"\"a@b\"@far.example", "smtp:far.example"},
                    {"Double-Bounce@mail.local.example",
                     "discard:2.0.0 undeliverable postmaster notification discarded"},
                });
}

TEST(TransportRouter, RelayhostIsForRelayAndDefaultOnly) {
  RoutingRules rules = base_rules();
  rules.relayhost = "[Smart.Example]:587";
  expect_routes(std::move(rules),
                {
                    {"u@far.example", "smtp:[Smart.Example]:587"},
                    {"u@relay.example", "relay:[Smart.Example]:587"},
                    {"u@box.example", "virtual:box.example"},
                    {"u@local.example", "local:mail.local.example"},
                    {"u@alias.example", "error:5.1.1 User unknown in virtual alias table"},
                });
}

TEST(TransportRouter, ParametersNameTransportsAndHops) {
  RoutingRules rules = base_rules();
  rules.local_transport = "lmtp:unix:/run/LMTP";
  rules.virtual_transport = "lmtp:[Backend.Example]:24";
  rules.relay_transport = "slow";
  rules.default_transport = "smtp:[out.example]";
  rules.relayhost = "smart.example";
  expect_routes(std::move(rules),
                {
                    {"u@local.example", "lmtp:unix:/run/LMTP"},
                    {"u@box.example", "lmtp:[Backend.Example]:24"},
                    {"u@relay.example", "slow:smart.example"},
                    {"u@far.example", "smtp:[out.example]"},  // the parameter's hop beats relayhost
                });
  RoutingRules bare = base_rules();
  bare.local_transport = "local";
  expect_routes(std::move(bare),
                {{"u@local.example", "local:local.example"}, {"u", "local:mail.local.example"}});
}

TEST(TransportRouter, TransportMaps) {
  expect_routes(
      with_maps("inline:{ {both@far.example=slow:[Hop.Example]:26} {name.example=slow:} "
                "{hop.example=:[other.example]} {none.example=:} {bare.example=slow} "
                "{err.example=error:} {text.example=error:5.7.1 Go Away} {wait.example=retry:} "
                "{gone.example=discard:} {.parent.example=slow:[up.example]} "
                "{box.example=lmtp:[box.local]} {alias.example=slow:[no.example]} "
                "{local.example=lmtp:[in.local]} {user@user.example=slow:[one.example]} }",
                "[smart.example]"),
      {
          {"both@far.example", "slow:[Hop.Example]:26"},
          {"Both@FAR.example", "slow:[Hop.Example]:26"},
          {"other@far.example", "smtp:[smart.example]"},
          {"u@Name.example", "slow:name.example"},     // "t:" = the domain again
          {"u@hop.example", "smtp:[other.example]"},   // ":n" keeps the transport
          {"u@none.example", "smtp:[smart.example]"},  // ":" changes nothing
          {"u@bare.example", "slow:[smart.example]"},  // "t" = transport only
          {"u@err.example", "error:5.0.0 Address is undeliverable"},
          {"u@text.example", "error:5.7.1 Go Away"},  // text is no host name
          {"u@wait.example", "retry:4.0.0 Address is undeliverable"},
          {"u@gone.example", "discard:gone.example"},
          {"u@a.parent.example", "slow:[up.example]"},
          {"u@a.b.parent.example", "slow:[up.example]"},
          {"u@parent.example", "smtp:[smart.example]"},
          {"u@box.example", "lmtp:[box.local]"},
          {"u@local.example", "lmtp:[in.local]"},
          {"u@alias.example", "error:5.1.1 User unknown in virtual alias table"},
          {"user@user.example", "slow:[one.example]"},
          {"user+tag@user.example", "smtp:[smart.example]"},  // no delimiter set
      });
}

TEST(TransportRouter, DelimiterBareParentsAndWildcard) {
  RoutingRules rules = with_maps(
      "inline:{ {user@user.example=slow:[one.example]} "
      "{parent.example=slow:[up.example]} {*=slow:[rest.example]} }");
  rules.recipient_delimiter = "+";
  rules.transport_maps_bare_parents = true;
  expect_routes(std::move(rules),
                {
                    {"user+tag@user.example", "slow:[one.example]"},
                    {"u@a.parent.example", "slow:[up.example]"},
                    {"u@far.example", "slow:[rest.example]"},
                    {"u@alias.example", "error:5.1.1 User unknown in virtual alias table"},
                });
}

TEST(TransportRouter, TextsAndPathsKeepTheirSpelling) {
  RoutingRules rules = with_maps("inline:{ {m.example=lmtp:unix:private/Store-LMTP} }");
  rules.virtual_transport = "lmtp:unix:private/Box-LMTP";
  rules.default_transport = "error:5.7.1 We Do Not Relay";
  expect_routes(std::move(rules), {{"u@m.example", "lmtp:unix:private/Store-LMTP"},
                                   {"u@box.example", "lmtp:unix:private/Box-LMTP"},
                                   {"u@Far.example", "error:5.7.1 We Do Not Relay"}});
}

TEST(TransportRouter, BySender) {
  std::vector<std::string> warnings;
  const lookup::OpenContext context{.warnings = &warnings};
  RoutingRules rules =
      with_maps("inline:{ {map.example=:[map.hop]} {own.example=slow:} }", "[all.hop]");
  rules.recipient_delimiter = "+";
  rules.my_origin = "origin.example";
  rules.sender_relayhost_maps = {"sender_dependent_relayhost_maps",
                                 "inline:{ {a@s.example=[a.hop]:26} {@s.example=[S.hop]} "
                                 "{no@s.example=DUNNO} {<>=[null.hop]} {boss=[boss.hop]} "
                                 "{boss+out=[out.hop]} {@local.example=[local.hop]} }",
                                 context};
  rules.sender_transport_maps = {"sender_dependent_default_transport_maps",
                                 "inline:{ {t@s.example=slow} {h@s.example=slow:[h.hop]} "
                                 "{@t.example=fast} {d@t.example=dunno} {<>=bounces} }",
                                 context};
  ASSERT_TRUE(warnings.empty()) << warnings.front();
  const TransportRouter router(base_classes(), std::move(rules));
  struct SenderRow {
    std::string_view sender, recipient, route;
  };
  const SenderRow rows[] = {
      {"a@s.example", "u@far.example", "smtp:[a.hop]:26"},
      {"A+tag@S.example", "u@far.example", "smtp:[a.hop]:26"},
      {"other@s.example", "u@far.example", "smtp:[S.hop]"},
      {"no@s.example", "u@far.example", "smtp:[all.hop]"},
      {"a@sub.s.example", "u@far.example", "smtp:[all.hop]"},
      {"", "u@far.example", "bounces:[null.hop]"},
      {"a@s.example", "u@relay.example", "relay:[a.hop]:26"},
      {"a@s.example", "u@box.example", "virtual:box.example"},
      {"a@s.example", "u@local.example", "local:mail.local.example"},
      {"t@s.example", "u@far.example", "slow:[S.hop]"},
      {"h@s.example", "u@far.example", "slow:[h.hop]"},
      {"x@t.example", "u@far.example", "fast:[all.hop]"},
      {"d@t.example", "u@far.example", "smtp:[all.hop]"},
      {"x@t.example", "u@relay.example", "relay:[all.hop]"},
      {"boss@local.example", "u@far.example", "smtp:[boss.hop]"},
      {"boss+x@Origin.example", "u@far.example", "smtp:[boss.hop]"},
      {"boss+out@local.example", "u@far.example", "smtp:[out.hop]"},
      {"boss@far.example", "u@far.example", "smtp:[all.hop]"},
      {"other@local.example", "u@far.example", "smtp:[local.hop]"},
      // transport_maps has the last word.
      {"a@s.example", "u@map.example", "smtp:[map.hop]"},
      {"x@t.example", "u@map.example", "fast:[map.hop]"},
      {"a@s.example", "u@own.example", "slow:own.example"},
  };
  for (const SenderRow& row : rows) {
    const schedule::Route route =
        router.route({.sender = std::string(row.sender)}, {.address = std::string(row.recipient)});
    EXPECT_EQ(route.key(), row.route) << row.sender << " to " << row.recipient;
  }
}

TEST(TransportRouter, SenderTableFailureRetries) {
  for (const bool transport : {false, true}) {
    RoutingRules rules = base_rules();
    lookup::TableList& tables =
        transport ? rules.sender_transport_maps : rules.sender_relayhost_maps;
    tables = {"maps", "nosuch:/table", lookup::OpenContext{}};
    const TransportRouter router(base_classes(), std::move(rules));
    EXPECT_EQ(router.route({.sender = "a@b"}, {.address = "u@far.example"}).transport, "retry");
    EXPECT_EQ(router.route({.sender = "a@b"}, {.address = "u@box.example"}).transport, "virtual");
  }
}

TEST(TransportRouter, TrailingDotReachesTheMap) {
  expect_routes(with_maps("inline:{ {dot.example=slow:[up.example]} }"),
                {{"u@dot.example.", "slow:[up.example]"}});
}

TEST(TransportRouter, TableFailureRetries) {
  RoutingRules rules = base_rules();
  rules.transport_maps = {"transport_maps", "nosuch:/table", lookup::OpenContext{}};
  expect_routes(std::move(rules),
                {{"u@far.example", "retry:4.3.0 transport_maps: lookup failure"}});
  AddressClasses classes = base_classes();
  classes.relay = {"relay_domains", "nosuch:/table", lookup::Subdomains::kDotted,
                   lookup::OpenContext{}};
  const schedule::Route route =
      TransportRouter(std::move(classes), base_rules()).route({}, {.address = "u@far.example"});
  EXPECT_EQ(route.key(), "retry:4.3.0 address resolver failure");
}

TEST(SplitTransport, AtTheFirstColon) {
  struct SplitRow {
    std::string_view text, transport, nexthop;
  };
  const SplitRow rows[] = {
      {"", "", ""},
      {"smtp", "smtp", ""},
      {"smtp:", "smtp", ""},
      {":hop", "", "hop"},
      {":", "", ""},
      {"lmtp:unix:/a", "lmtp", "unix:/a"},
      {"smtp:[::1]:25", "smtp", "[::1]:25"},
  };
  for (const SplitRow& row : rows) {
    const TransportSpec spec = split_transport(row.text);
    EXPECT_EQ(spec.transport, row.transport) << row.text;
    EXPECT_EQ(spec.nexthop, row.nexthop) << row.text;
  }
}

}  // namespace
}  // namespace barid::policy
