// Goal: pages of others get nothing, the operator's own and programs everything. Method: rows.
#include "http/browser_origin.h"

#include <gtest/gtest.h>

namespace barid::http {
namespace {

TEST(BrowserOrigin, HostOfAuthority) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"127.0.0.1:8025", "127.0.0.1"},
      {"LocalHost", "localhost"},
      {"[::1]:8025", "[::1]"},
      {"[::1]", "[::1]"},
      {"Evil.Example.:80", "evil.example"},
      {"", ""},
      {":80", ""},
  };
  for (const auto& [authority, host] : rows) {
    EXPECT_EQ(host_of_authority(authority), host) << authority;
  }
}

TEST(BrowserOrigin, Rows) {
  constexpr HostCheck kAlways = HostCheck::kAlways;
  constexpr HostCheck kBrowsers = HostCheck::kOfBrowsers;
  struct Row {
    HostCheck check;
    Method method;
    std::string host, site, origin, language;
    bool refused;
  };
  const Row rows[] = {
      // Programs.
      {kAlways, Method::kPost, "127.0.0.1:8025", "", "", "", false},
      {kAlways, Method::kPost, "localhost:8025", "", "", "", false},
      {kAlways, Method::kGet, "barid.localhost", "", "", "", false},
      {kAlways, Method::kGet, "[::1]:8025", "", "", "", false},
      {kAlways, Method::kGet, "mx.example.org:8025", "", "", "", false},
      {kBrowsers, Method::kPost, "api.example.net", "", "", "", false},
      // A name that somebody pointed at us.
      {kAlways, Method::kGet, "evil.example:8025", "", "", "", true},
      {kAlways, Method::kGet, "localhost.evil.example", "", "", "", true},
      {kAlways, Method::kGet, "127.0.0.1.evil.example", "", "", "", true},
      {kAlways, Method::kGet, "notlocalhost", "", "", "", true},
      {kAlways, Method::kGet, "", "", "", "", true},
      {kBrowsers, Method::kGet, "evil.example:8025", "", "", "en", true},
      {kBrowsers, Method::kPost, "evil.example", "", "http://evil.example", "", true},
      {kBrowsers, Method::kGet, "evil.example", "same-origin", "", "", true},
      // The operator's page.
      {kAlways, Method::kGet, "127.0.0.1:8025", "same-origin", "", "en", false},
      {kAlways, Method::kPost, "127.0.0.1:8025", "same-origin", "http://127.0.0.1:8025", "", false},
      {kAlways, Method::kDelete, "LOCALHOST:8025", "", "http://localhost:8025", "", false},
      {kAlways, Method::kGet, "127.0.0.1:8025", "none", "", "en", false},
      {kAlways, Method::kPost, "127.0.0.1:8025", "same-origin", "https://mx.example.org", "",
       false},
      // Pages of others.
      {kAlways, Method::kPost, "127.0.0.1:8025", "cross-site", "https://evil.example", "", true},
      {kAlways, Method::kPost, "127.0.0.1:8025", "", "https://evil.example", "", true},
      {kAlways, Method::kPost, "127.0.0.1:8025", "", "null", "", true},
      {kAlways, Method::kPost, "127.0.0.1:8025", "same-site", "http://127.0.0.1:3000", "", true},
      {kAlways, Method::kPost, "127.0.0.1:8025", "", "http://127.0.0.1:3000", "", true},
      {kAlways, Method::kPost, "127.0.0.1:8025", "none", "", "", true},
      {kAlways, Method::kGet, "127.0.0.1:8025", "cross-site", "", "", true},
      {kBrowsers, Method::kPost, "127.0.0.1:8025", "cross-site", "", "", true},
      {kBrowsers, Method::kPost, "127.0.0.1:8025", "", "https://evil.example", "", true},
      {kAlways, Method::kPost, "127.0.0.1:8025", "elsewhere", "", "", true},
  };
  for (const Row& row : rows) {
    Request request;
    request.method = row.method;
    request.fields.push_back({.name = "Host", .value = row.host});
    if (!row.site.empty()) request.fields.push_back({.name = "Sec-Fetch-Site", .value = row.site});
    if (!row.origin.empty()) request.fields.push_back({.name = "Origin", .value = row.origin});
    if (!row.language.empty()) {
      request.fields.push_back({.name = "Accept-Language", .value = row.language});
    }
    const char* problem = foreign_page_problem(request, row.check, {"mx.example.org"});
    EXPECT_EQ(problem != nullptr, row.refused) << row.host << " " << row.site << " " << row.origin
                                               << " " << (problem != nullptr ? problem : "taken");
  }
}

TEST(BrowserOrigin, WithoutHost) {
  Request request;
  request.method = Method::kGet;
  EXPECT_EQ(foreign_page_problem(request, HostCheck::kAlways, {}), nullptr);
  request.fields.push_back({.name = "Origin", .value = "http://evil.example"});
  EXPECT_NE(foreign_page_problem(request, HostCheck::kAlways, {}), nullptr);
}

}  // namespace
}  // namespace barid::http
