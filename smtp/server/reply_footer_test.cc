// Goal: footers stand where Postfix puts them, and nothing in them breaks a reply.
// Method: rows; the first two are what a Postfix 3.7 said.
#include "smtp/server/reply_footer.h"

#include <gtest/gtest.h>

namespace barid::smtp {
namespace {

struct Row {
  std::string_view reply;
  std::string_view footer;
  std::string_view expected;
};

TEST(ReplyFooter, Rows) {
  const Row rows[] = {
      {"500 5.5.2 Error: command not recognized",
       R"(\c. Call $server_name ($localtime) $client_address:$client_port $foo end\nmore)",
       "500-5.5.2 Error: command not recognized. Call mx.example (Nov 25 19:58:35) "
       "192.0.2.1:37764  end\r\n500 5.5.2 more"},
      {"459 <other.example>: service unavailable", R"(\c. Call\nmore)",
       "459-<other.example>: service unavailable. Call\r\n459 more"},
      {"550 5.1.1 no", "Call us", "550-5.1.1 no\r\n550 5.1.1 Call us"},
      {"450 4.7.1 no", R"(a\nb\nc)", "450-4.7.1 no\r\n450-4.7.1 a\r\n450-4.7.1 b\r\n450 4.7.1 c"},
      {"550 5.1.1 no", R"(\c)", "550 5.1.1 no"},
      {"550 5.1.1 no", "${server_name}$(client_port)$$ ${bad $ $",
       "550-5.1.1 no\r\n550 5.1.1 "
       "mx.example37764$ {bad  "},
      {"550 5.1.1 no", "a\x01z", "550-5.1.1 no\r\n550 5.1.1 a?z"},
      {"550 5.1 no", "x", "550-5.1 no\r\n550 x"},
  };
  for (const Row& row : rows) {
    std::string output = "250 before\r\n";
    const size_t start = output.size();
    output.append(row.reply);
    append_footer(output, start, row.footer,
                  {.client_address = "192.0.2.1",
                   .client_port = 37764,
                   .local_time = "Nov 25 19:58:35",
                   .server_name = "mx.example"});
    EXPECT_EQ(output.substr(start), row.expected) << row.footer;
  }
}

TEST(ReplyFooter, IsBounded) {
  std::string footer = std::string(2000, 'x');
  for (int i = 0; i < 100; ++i) footer += "\\ny";
  std::string output = "550 5.1.1 " + std::string(490, 'r');
  append_footer(output, 0, footer, {});
  size_t longest = 0;
  size_t lines = 0;
  for (size_t begin = 0; begin < output.size(); ++lines) {
    const size_t end = std::min(output.find("\r\n", begin), output.size());
    longest = std::max(longest, end - begin);
    begin = end + 2;
  }
  EXPECT_LE(longest, 510u);
  EXPECT_EQ(lines, 21u);
}

}  // namespace
}  // namespace barid::smtp
