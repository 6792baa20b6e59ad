// Goal: every form of `$` expansion, its errors, and that hostile values end quickly.
#include "core/config/expand.h"

#include <gtest/gtest.h>

#include <map>

namespace barid::config {
namespace {

class Values final : public NameSource {
 public:
  explicit Values(std::map<std::string, std::string, std::less<>> values)
      : values_(std::move(values)) {}
  std::optional<std::string_view> find_value(std::string_view name) const override {
    const auto it = values_.find(name);
    if (it == values_.end()) return std::nullopt;
    return it->second;
  }
  std::optional<std::string> domain_to_ascii(std::string_view domain) const override {
    if (domain == "bad") return std::nullopt;
    return "ascii-" + std::string(domain);
  }

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

const Values& values() {
  static const Values source({{"a", "A"},
                              {"b", "<$a>"},
                              {"empty", ""},
                              {"indirect_empty", "$empty$undefined"},
                              {"level", "3.6"},
                              {"n9", "9"},
                              {"n10", "10"},
                              {"self", "$self"},
                              {"x", "1$y"},
                              {"y", "2${z}"},
                              {"z", "3$(x)"}});
  return source;
}

TEST(Expand, Forms) {
  struct Case {
    std::string_view in, out;
  };
  const Case cases[] = {
      {"", ""},
      {"plain # text", "plain # text"},
      {"$a${a}$(a)", "AAA"},
      {"${ a }", "A"},
      {"$b.$a_", "<A>."},
      {"$a.$b", "A.<A>"},
      {"$undefined", ""},
      {"$$a $$$a", "$a $A"},
      {"${a?yes}${empty?yes}${undefined?yes}", "yes"},
      {"${a?{yes}}${indirect_empty?{yes}}", "yes"},
      {"${a:no}${empty:no}${undefined:{no}}", "nono"},
      {"${a?{$b}:{c}}", "<A>"},
      {"${empty?{$b}:{c}}", "c"},
      {"${empty?{x}:y z}", "y z"},
      {"${a ? {yes} : {no} }", "yes"},
      {"${empty ? {yes} : {no} }", "no"},
      {"<${a ? { yes } : { no } }>", "< yes >"},
      {"<${empty ? { yes } : { no } }>", "< no >"},
      {"<${a? b }${empty: c }>", "< b  c >"},
      {"${{ a } == {a} ? {same} : {other}}", "other"},
      {"${a?text with : colon}", "text with : colon"},
      {"${a?}", ""},
      {"${a?{}:{x}}", ""},
      {"${a?{{x}}}", "{x}"},
      {"${{a} == {a} ? {same} : {other}}", "same"},
      {"${{$a} != {A} ? {differ} : {same}}", "same"},
      {"${{$n9} < {$n10} ? {number} : {text}}", "number"},
      {"${{9x} < {10x} ? {number} : {text}}", "text"},
      {"${{0010} == {10} ? {y} : {n}}", "y"},
      {"${{99999999999999999999999} > {9} ? {y} : {n}}", "y"},
      {"${{b} >= {a} ? {y}}", "y"},
      {"${{b} <= {a} ? {y}}", ""},
      {"${{a} == {b} : {differ}}", "differ"},
      {"${{a} == {a}}", "true"},
      {"${{a} == {b}}", ""},
      {"${{$level} <level {3.10} ? {old} : {new}}", "old"},
      {"${{$level} >=level {3.6} ? {y} : {n}}", "y"},
      {"${{$level} ==level {3.6.0} ? {y} : {n}}", "y"},
      {"${{$level} !=level {3.6.0} ? {y} : {n}}", "n"},
      {"${{$level}<level{2}?{$a}:{${{1} == {1} ? {deep}}}}", "deep"},
      {"${domain_to_ascii{$a}}", "ascii-A"},
      {"${stress?{10}:{300}}s", "300s"},
      {"{a} } {", "{a} } {"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.in);
    const Expansion got = expand(c.in, values());
    EXPECT_EQ(got.error, "");
    EXPECT_EQ(got.text, c.out);
  }
}

TEST(Expand, Errors) {
  struct Case {
    std::string_view in, error;
  };
  const Case cases[] = {
      {"$self", "parameter self: expansion loop: self -> self"},
      {"$a $x", "parameter x: expansion loop: x -> y -> z -> x"},
      {"$y", "parameter y: expansion loop: y -> z -> x -> y"},
      {"$", "empty macro name: \"$\""},
      {"$ a", "empty macro name: \"$ a\""},
      {"${}", "empty macro name: \"${}\""},
      {"${-a}", "empty macro name: \"${-a}\""},
      {"${a", "truncated macro reference: \"${a\""},
      {"$(a", "truncated macro reference: \"$(a\""},
      {"${a b}", "bad operator in: \"${a>>>b}\""},
      {"${a?{x} y}", "unexpected input at end of: \"?{x} y\""},
      {"${a?{x}:{y} z}", "unexpected input at end of: \"?{x}:{y} z\""},
      {"${{a} = {b} ? {x}}", "bad operator: \"=\""},
      {"${{a} == b}", "need \"{text} operator {text}\" in: \"${{a} == b}\""},
      {"${{a} == {b} x}", "bad operator in: \"${{a} == {b} x}\""},
      {"${{x.y} <level {1} ? {a}}", "malformed compatibility level: \"x.y\" <level \"1\""},
      {"${upper{a}}", "unknown function: \"upper\""},
      {"${domain_to_ascii{bad}}", "domain_to_ascii: bad domain: \"bad\""},
      {"${domain_to_ascii{x} y}", "bad syntax: \"domain_to_asciiy\""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.in);
    const Expansion got = expand(c.in, values());
    EXPECT_EQ(got.error, c.error);
    EXPECT_EQ(got.text, "");
  }
}

TEST(Expand, LoopsInBranchesNotTakenAreHarmless) {
  EXPECT_EQ(expand("${a?{ok}:{$self}}", values()).text, "ok");
  EXPECT_FALSE(expand("${self?{ok}:{no}}", values()).ok());
}

TEST(Expand, HostileValuesEnd) {
  std::map<std::string, std::string, std::less<>> doubling = {{"v0", std::string(1024, 'x')}};
  std::map<std::string, std::string, std::less<>> empty = {{"v0", ""}};
  std::map<std::string, std::string, std::less<>> chain = {{"v0", "x"}};
  for (int i = 1; i < 200; ++i) {
    const std::string previous = "$v" + std::to_string(i - 1);
    doubling["v" + std::to_string(i)] = previous + previous;
    empty["v" + std::to_string(i)] = previous + previous;
    chain["v" + std::to_string(i)] = previous;
  }
  EXPECT_EQ(expand("$v30", Values(doubling)).error, "expanded value is too long");
  EXPECT_EQ(expand("$v60", Values(empty)).error, "expansion takes too many steps");
  EXPECT_EQ(expand("$v50", Values(chain)).text, "x");
  EXPECT_EQ(expand("$v199", Values(chain)).error, "unreasonable macro call nesting: \"$v99\"");
  std::string nested = "x";
  for (int i = 0; i < 5000; ++i) nested = "${a?{" + nested + "}}";
  EXPECT_FALSE(expand(nested, values()).ok());
}

TEST(Expand, RecordsNamesInOrder) {
  EXPECT_EQ(expand("$b ${empty:$undefined}", values()).names,
            (std::vector<std::string>{"b", "a", "empty", "undefined"}));
}

TEST(ReferencedNames, EveryBranch) {
  struct Case {
    std::string_view in;
    std::vector<std::string_view> names;
  };
  const Case cases[] = {
      {"x $a ${b} $(c)", {"a", "b", "c"}},         {"${a?{$b}:{$c}}", {"a", "b", "c"}},
      {"${{$a} == {$b} ? {$c}}", {"a", "b", "c"}}, {"$$a $", {}},
      {"${domain_to_ascii{$a}}", {"a"}},
  };
  for (const Case& c : cases) EXPECT_EQ(referenced_names(c.in), c.names) << c.in;
}

}  // namespace
}  // namespace barid::config
