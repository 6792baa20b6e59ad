// Goal: every form of RFC 5322's address lists yields its addresses, and nothing else.
// Method: rows.
#include "core/mail/address_list.h"

#include <gtest/gtest.h>

namespace barid {
namespace {

TEST(AddressList, Rfc5322_3_4) {
  using Rows = std::vector<std::string>;
  struct Case {
    std::string_view in;
    Rows out;
  };
  const Case kCases[] = {
      {"", {}},
      {" ,, \r\n\t", {}},
      {"a@b.example", {"a@b.example"}},
      {"root", {"root"}},
      {"root, postmaster@b.example", {"root", "postmaster@b.example"}},
      {"A Name <a@b.example>", {"a@b.example"}},
      {"\"Last, First\" <a@b.example>,c@d.example", {"a@b.example", "c@d.example"}},
      {"a@b.example (A (nested, \\) one) Name)", {"a@b.example"}},
      {"<>", {""}},
      {"A <a@b.example> trailing", {"a@b.example"}},
      {"friends: a@b.example, C <c@d.example>;", {"a@b.example", "c@d.example"}},
      {"undisclosed-recipients:;", {}},
      {"one:a@b;two:c@d;", {"a@b", "c@d"}},
      {"<@x.example,@y.example:a@b.example>", {"a@b.example"}},
      {"a @ b . example", {"a@b.example"}},
      {"\"a b\"@c.example", {"\"a b\"@c.example"}},
      {"\"a \\\"q\\\" , b\"@c.example, d@e", {"\"a \\\"q\\\" , b\"@c.example", "d@e"}},
      {"a@[IPv6:2001:db8::1], b@[192.0.2.1]", {"a@[IPv6:2001:db8::1]", "b@[192.0.2.1]"}},
      {"a@b.example,\r\n\tc@d.example", {"a@b.example", "c@d.example"}},
      {"two words", {"two words"}},
      {"\"open", {"\"open"}},
      {"(open", {}},
      {"a@[open", {"a@[open"}},
      {"j\xc3\xb6rg@b.example", {"j\xc3\xb6rg@b.example"}},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(std::string(c.in));
    EXPECT_EQ(list_addresses(c.in), c.out);
  }
}

}  // namespace
}  // namespace barid
