// Goal: wildcards and parent patterns match what RFC 6125 and postconf(5) say, and no more.
// Method: rows of presented and wanted names.
#include "shard/net/tls_names.h"

#include <gtest/gtest.h>

namespace barid::net {
namespace {

TEST(TlsNames, Rows) {
  struct Row {
    std::string_view presented;
    std::string_view wanted;
    bool one_label;
    bool many_labels;
  };
  const Row rows[] = {
      {"mx.example.com", "mx.example.com", true, true},
      {"MX.Example.Com.", "mx.example.com", true, true},
      {"mx.example.com", "mx2.example.com", false, false},
      {"*.example.com", "mx.example.com", true, true},
      {"*.example.com", "a.mx.example.com", false, true},
      {"*.example.com", "example.com", false, false},
      {"*.com", "example.com", false, false},
      {"*", "example", false, false},
      {"m*.example.com", "mx.example.com", false, false},
      {"mx.example.com", ".example.com", true, true},
      {"a.b.example.com", ".example.com", true, true},
      {"*.example.com", ".example.com", true, true},
      {"example.com", ".example.com", false, false},
      {"badexample.com", ".example.com", false, false},
      {std::string_view("mx.example.com\0.evil.example", 28), "mx.example.com", false, false},
      {"", "mx.example.com", false, false},
      {"mx.example.com", "", false, false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(names_match(row.presented, row.wanted, Wildcards::kOneLabel), row.one_label)
        << row.presented << " " << row.wanted;
    EXPECT_EQ(names_match(row.presented, row.wanted, Wildcards::kManyLabels), row.many_labels)
        << row.presented << " " << row.wanted;
  }
}

}  // namespace
}  // namespace barid::net
