// Goal: the right keys for each From domain and tenant; bad values are named. Method: rows of table
// and domain with the whole answer, rows of bad values with the whole complaint.
#include "policy/dkim_rules.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace barid::policy {
namespace {

std::string rules_text(const DkimRules::Answer& answer) {
  std::string text = answer.problem;
  for (const DkimRule& rule : answer.rules) {
    text += fmt::format("{}@{} {} {}/{} {} {};", rule.selector, rule.domain, rule.key_path,
                        dkim::canonical_name(rule.header), dkim::canonical_name(rule.body),
                        rule.lifetime.count(), rule.identity);
  }
  return text;
}

TEST(DkimRules, Find) {
  const std::string table =
      "inline:{ { example.com = selector=s key=/k/s }"
      " { .example.com = selector=sub key=/k/sub canonicalization=simple lifetime=1h }"
      " { two.example = selector=r key=/k/r, selector=e key=/k/e canonicalization=relaxed/simple }"
      " { tenant.example = selector=a key=/k/a tenant=acme, selector=b key=/k/b tenant=bee }"
      " { other.example = selector=o key=/k/o domain=Relay.Example identity=@x.relay.example }"
      " { bad.example = selector=o }"
      " { * = selector=any key=/k/any } }";
  const DkimRules rules({"dkim_signing_maps", table, {}}, {.lifetime = std::chrono::seconds(60)});
  const struct {
    const char* domain;
    const char* tenant;
    const char* answer;
  } kRows[] = {
      {"example.com", "", "s@example.com /k/s relaxed/relaxed 60 ;"},
      {"a.example.com", "", "sub@example.com /k/sub simple/simple 3600 ;"},
      {"b.a.example.com", "x", "sub@example.com /k/sub simple/simple 3600 ;"},
      {"two.example", "",
       "r@two.example /k/r relaxed/relaxed 60 ;e@two.example /k/e relaxed/simple 60 ;"},
      {"tenant.example", "acme", "a@tenant.example /k/a relaxed/relaxed 60 ;"},
      {"tenant.example", "cee", ""},
      {"other.example", "", "o@relay.example /k/o relaxed/relaxed 60 @x.relay.example;"},
      {"bad.example", "", "dkim_signing_maps: a rule has no key="},
      {"unknown.example", "", "any@unknown.example /k/any relaxed/relaxed 60 ;"},
      {"com", "", "any@com /k/any relaxed/relaxed 60 ;"},
  };
  for (const auto& row : kRows) {
    EXPECT_EQ(rules_text(rules.find(row.domain, row.tenant)), row.answer) << row.domain;
  }
  const DkimRules broken({"dkim_signing_maps", "texthash:/nonexistent/table", {}}, {});
  EXPECT_NE(broken.find("example.com", "").problem, "");
  EXPECT_TRUE(DkimRules().find("example.com", "").rules.empty());
}

TEST(DkimRules, BadValues) {
  const struct {
    const char* value;
    const char* error;
  } kRows[] = {
      {"", "a rule has no selector="},
      {"selector=s", "a rule has no key="},
      {"key=/k", "a rule has no selector="},
      {"selector=s key=k", "\"k\": the key's path is not absolute"},
      {"selector=s key=/k,", "a rule has no selector="},
      {"selector= key=/k", "selector= has no value"},
      {"selector=s..x key=/k", "\"s..x\" cannot be a selector"},
      {"selector=s key=/k colour=red", "unknown setting \"colour\""},
      {"selector=s key=/k word", "\"word\" is not name=value"},
      {"selector=s key=/k domain=a_!b", "\"a_!b\" is not a domain"},
      {"selector=s key=/k canonicalization=strict",
       "\"strict\" is not simple or relaxed, perhaps twice with \"/\""},
      {"selector=s key=/k lifetime=soon", "\"soon\" is no time"},
      {"selector=s key=/k identity=x", "\"x\" cannot be an identity"},
      {"selector=s key=/k domain=a.example identity=@b.example",
       "identity \"@b.example\" is not below \"a.example\""},
      {"selector=s key=/k domain=a.example identity=@ba.example",
       "identity \"@ba.example\" is not below \"a.example\""},
  };
  for (const auto& row : kRows) {
    std::string error;
    EXPECT_TRUE(parse_dkim_rules(row.value, {}, &error).empty()) << row.value;
    EXPECT_EQ(error, row.error) << row.value;
  }
}

TEST(DkimRules, TablesAreCheckedAsAWhole) {
  std::vector<std::string> errors;
  lookup::OpenContext context;
  context.errors = &errors;
  const auto rules = check_dkim_tables(
      "dkim_signing_maps",
      "inline:{ { a.example = selector=s key=/k } { .b.example = selector=s key=/k identity=@c } "
      "{ c.example = none } }",
      {}, context);
  ASSERT_EQ(rules.size(), 2u);
  EXPECT_TRUE(rules[0].domain == "a.example" || rules[1].domain == "a.example");
  ASSERT_EQ(errors.size(), 2u);
  const std::string all = errors[0] + errors[1];
  EXPECT_NE(all.find(".b.example: identity \"@c\" is not below \"b.example\""), std::string::npos);
  EXPECT_NE(all.find("c.example: \"none\" is not name=value"), std::string::npos);
}

}  // namespace
}  // namespace barid::policy
