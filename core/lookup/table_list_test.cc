// Goal: tables are asked in the order that each feature promises, and errors are not misses.
#include "core/lookup/table_list.h"

#include <gtest/gtest.h>

namespace barid::lookup {
namespace {

std::string answer(const LookupResult& result) {
  if (result.is_misconfigured()) return "?" + std::string(result.value());
  if (result.is_temporary()) return "!" + std::string(result.value());
  return result.is_found() ? "=" + std::string(result.value()) : "-";
}

TEST(TableList, FirstHitErrorsAndEmptyResults) {
  struct Case {
    std::string_view tables, key;
    KeyExtent extent;
    std::string_view answer;
  };
  const Case cases[] = {
      {"", "k", KeyExtent::kComplete, "-"},
      {"inline:{a=1}, inline:{a=2,b=3}", "a", KeyExtent::kComplete, "=1"},
      {"inline:{a=1}, inline:{a=2,b=3}", "b", KeyExtent::kComplete, "=3"},
      {"inline:{a=1}, fail:x", "a", KeyExtent::kComplete, "=1"},
      {"inline:{a=1}, fail:x", "b", KeyExtent::kComplete, "!fail:x lookup error"},
      {"fail:x, inline:{a=1}", "a", KeyExtent::kComplete, "!fail:x lookup error"},
      {"fail:x, inline:{a=1}", "a", KeyExtent::kPartial, "=1"},
      {"inline:{a=}", "a", KeyExtent::kComplete, "?p lookup of a returns an empty string result"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.tables);
    const TableList list("p", c.tables, OpenContext{});
    EXPECT_EQ(answer(list.find(c.key, c.extent)), c.answer);
  }
}

TEST(ListEntries, WholeTablesOrAnError) {
  struct Case {
    std::string_view tables, entries, error;
  };
  const Case cases[] = {
      {"", "", ""},
      {"inline:{b=2,A=1}, inline:{a=3}", "a=1 b=2 a=3 ", ""},
      {"cidr:{ {192.0.2.0/24 x} {2001:db8::/32 y} }", "192.0.2.0/24=x [2001:db8::]/32=y ", ""},
      {"cidr:{ {!192.0.2.0/24 x} }", "",
       "p: cidr:{ {!192.0.2.0/24 x} } cannot be read as a whole; need inline, texthash, or cidr "
       "without \"!\" and IF"},
      {"nope:x", "",
       "p: nope:x is unavailable. unsupported dictionary type: nope (there are aliases, btree, "
       "cdb, cidr, fail, hash, inline, lmdb, pcre, regexp, static, texthash, unionmap, unix)"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.tables);
    std::vector<std::string> errors;
    std::string text;
    for (const TableEntry& entry : list_entries("p", c.tables, {.errors = &errors})) {
      text += entry.key + '=' + entry.value + ' ';
    }
    EXPECT_EQ(text, c.entries);
    ASSERT_EQ(errors.size(), c.error.empty() ? 0u : 1u);
    if (!errors.empty()) EXPECT_EQ(errors.front(), c.error);
  }
}

TEST(FindTransport, Sequence) {
  struct Case {
    std::string_view tables, address, answer;
  };
  const Case cases[] = {
      {"inline:{u+x@d.example=1,u@d.example=2,d.example=3}", "u+x@d.example", "=1"},
      {"inline:{u@d.example=2,d.example=3}", "U+x@D.Example", "=2"},
      {"inline:{u@d.example=2,d.example=3}", "v+x@d.example", "=3"},
      {"inline:{.example=p,*=s}", "u@a.b.example", "=p"},
      {"inline:{.b.example=p,.example=q}", "u@a.b.example", "=p"},
      {"inline:{b.example=p,*=s}", "u@a.b.example", "=s"},
      {"inline:{*=s}", "u@d", "=s"},
      {"inline:{a=b}", "u@d", "-"},
      {"inline:{d.example=dom} inline:{u@d.example=user}", "u@d.example", "=user"},
      {"inline:{<>=null}", "", "=null"},
      {"inline:{postmaster@d=p,d=q}", "postmaster+x@d", "=p"},
      {"inline:{d=q} fail:x", "u@e", "!fail:x lookup error"},
      {"inline:{\"a@b\"@d=x}", "\"a@b\"@d", "=x"},
      {"inline:{d=x}", "\"a@b\"@d", "=x"},
      {"cidr:{ {0.0.0.0/0 x} }", "u@1.2.3.4", "-"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.tables);
    const TableList list("transport_maps", c.tables, OpenContext{});
    EXPECT_EQ(answer(find_transport(list, {.address = c.address, .recipient_delimiter = "+"})),
              c.answer);
  }
}

TEST(FindTransport, BareParents) {
  const TableList list("transport_maps", "inline:{b.example=p}", OpenContext{});
  EXPECT_EQ(
      answer(find_transport(
          list, {.address = "u@a.b.example", .recipient_delimiter = "", .bare_parents = true})),
      "=p");
}

TEST(FindAddress, KeysInOrder) {
  struct Case {
    std::string_view tables, address;
    bool is_local;
    std::string_view answer;
  };
  const Case cases[] = {
      {"inline:{u+x@d.example=1,u@d.example=2,@d.example=3}", "u+x@d.example", false, "=1"},
      {"inline:{u@d.example=2,@d.example=3}", "U+x@D.Example", false, "=2"},
      {"inline:{@d.example=3}", "u+x@d.example", false, "=3"},
      {"inline:{d.example=3,u=4}", "u@d.example", false, "-"},
      {"inline:{u=4,@d.example=3}", "u+x@d.example", true, "=4"},
      {"inline:{u+x=5,u=4}", "u+x@d.example", true, "=5"},
      {"inline:{u=4}", "u", true, "=4"},
      {"inline:{u=4}", "u+x", true, "=4"},
      {"inline:{v=4,@=5}", "u+x", true, "-"},
      {"inline:{\"a..b\"@d.example=1,a..b@d.example=2}", "\"a..b\"@d.example", false, "=1"},
      {"inline:{a..b@d.example=2,@d.example=3}", "\"a..b\"@d.example", false, "=2"},
      {"inline:{a\"b@d.example=2}", "\"a\\\"b\"@d.example", false, "=2"},
      {"inline:{a..b=4,@d.example=3}", "\"a..b+x\"@d.example", true, "=4"},
      {"inline:{c=4,@d.example=3}", "\"a..b\"@d.example", true, "=3"},
      {"inline:{a=b} fail:x", "u@d.example", false, "!fail:x lookup error"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.tables);
    const TableList list("local_recipient_maps", c.tables, OpenContext{});
    EXPECT_EQ(
        answer(find_address(
            list, {.address = c.address, .recipient_delimiter = "+", .is_local = c.is_local})),
        c.answer);
  }
}

TEST(FindExtension, ReservedNamesHaveNone) {
  struct Case {
    std::string_view local_part, delimiters;
    size_t at;
  };
  constexpr size_t kNone = std::string_view::npos;
  const Case cases[] = {
      {"u+x", "+", 1},
      {"u-x+y", "+-", 1},
      {"u+x", "", kNone},
      {"+x", "+", kNone},
      {"u", "+", kNone},
      {"owner-list", "-", kNone},
      {"owner-list", "+", kNone},
      {"list-request", "-", kNone},
      {"mailer-daemon", "-", kNone},
      {"double-bounce", "-", kNone},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.local_part);
    EXPECT_EQ(find_extension(c.local_part, c.delimiters), c.at);
  }
}

}  // namespace
}  // namespace barid::lookup
