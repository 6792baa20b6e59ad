// Goal: what a browser gets: each file once, with headers that let nothing else in. Method: rows.
#include "http/console/console.h"

#include <gtest/gtest.h>

#include <set>

namespace barid::http {
namespace {

Request asking(std::vector<Field> fields) {
  Request request;
  request.method = Method::kGet;
  request.fields = std::move(fields);
  return request;
}

std::string field_of(const Response& response, std::string_view name) {
  for (const Field& field : response.fields) {
    if (field.name == name) return field.value;
  }
  return {};
}

TEST(Console, FilesAreBuiltIn) {
  std::set<std::string_view> paths, tags;
  for (const ConsoleFile& file : console_files()) {
    EXPECT_TRUE(file.path.starts_with("/console/")) << file.path;
    EXPECT_FALSE(file.bytes.empty()) << file.path;
    EXPECT_LT(file.gzip.size(), file.bytes.size()) << file.path;
    EXPECT_TRUE(file.type == "text/html; charset=utf-8" || file.type == "text/css; charset=utf-8" ||
                file.type == "text/javascript; charset=utf-8" || file.type == "image/svg+xml")
        << file.type;
    paths.insert(file.path);
    tags.insert(file.tag);
  }
  EXPECT_EQ(paths.size(), console_files().size());
  EXPECT_EQ(tags.size(), console_files().size());
  EXPECT_TRUE(paths.contains("/console/"));
}

TEST(Console, NothingIsInline) {
  for (const ConsoleFile& file : console_files()) {
    for (const std::string_view banned :
         {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "style=\"",
          "onclick=", "http://", "https://"}) {
      const bool is_namespace =
          banned == "http://" && file.bytes.find("http://www.w3.org/2000/svg");
      const size_t at = file.bytes.find(banned);
      if (at == std::string_view::npos) continue;
      EXPECT_TRUE(is_namespace && file.bytes.substr(at).starts_with("http://www.w3.org/2000/svg"))
          << file.path << " has " << banned;
    }
  }
}

TEST(Console, ConditionalAndCoded) {
  const ConsoleFile file{.path = "/console/x.css",
                         .type = "text/css; charset=utf-8",
                         .tag = "abc",
                         .bytes = "plain bytes",
                         .gzip = "zip"};
  struct Row {
    std::string encoding, match;
    uint16_t status;
    std::string body, tag;
  };
  const Row rows[] = {
      {"", "", 200, "plain bytes", "\"abc\""},
      {"gzip", "", 200, "zip", "\"abc-gzip\""},
      {"br, GZIP;q=0.8", "", 200, "zip", "\"abc-gzip\""},
      {"gzip;q=0", "", 200, "plain bytes", "\"abc\""},
      {"gzip; q=0.000, br", "", 200, "plain bytes", "\"abc\""},
      {"xgzip", "", 200, "plain bytes", "\"abc\""},
      {"", "\"abc\"", 304, "", "\"abc\""},
      {"", "W/\"abc\"", 304, "", "\"abc\""},
      {"", "\"x\", \"abc\"", 304, "", "\"abc\""},
      {"", "*", 304, "", "\"abc\""},
      {"", "\"abd\"", 200, "plain bytes", "\"abc\""},
      {"", "abc", 200, "plain bytes", "\"abc\""},
      {"gzip", "\"abc\"", 200, "zip", "\"abc-gzip\""},
      {"gzip", "\"abc-gzip\"", 304, "", "\"abc-gzip\""},
  };
  for (const Row& row : rows) {
    std::vector<Field> fields;
    if (!row.encoding.empty()) fields.push_back({"Accept-Encoding", row.encoding});
    if (!row.match.empty()) fields.push_back({"If-None-Match", row.match});
    const Response response = answer_file(file, asking(std::move(fields)));
    SCOPED_TRACE(row.encoding + " / " + row.match);
    EXPECT_EQ(response.status, row.status);
    EXPECT_EQ(response.body, row.body);
    EXPECT_EQ(field_of(response, "etag"), row.tag);
    EXPECT_EQ(field_of(response, "cache-control"), "no-cache");
    EXPECT_EQ(field_of(response, "content-encoding"), row.body == "zip" ? "gzip" : "");
    EXPECT_NE(field_of(response, "content-security-policy").find("default-src 'none'"),
              std::string::npos);
    EXPECT_EQ(field_of(response, "content-security-policy").find("unsafe"), std::string::npos);
  }
}

}  // namespace
}  // namespace barid::http
