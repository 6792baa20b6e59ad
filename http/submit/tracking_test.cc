// Goal: only links are replaced, and found however they are written; a token is what we made, for
// what we made it. Method: rows of HTML; tokens with each byte changed.
#include "http/submit/tracking.h"

#include <gtest/gtest.h>

#include <vector>

#include "http/submit/html_links.h"

namespace barid::http {
namespace {

TEST(HtmlLinks, AreFoundAndNothingElseIsTouched) {
  struct Row {
    std::string_view html, wanted;
  };
  for (const Row& row : {
           Row{"", ""},
           Row{"no tag < here & > there", "no tag < here & > there"},
           Row{"<a href=\"https://a.example/\">x</a>", "<a href=\"[https://a.example/]\">x</a>"},
           Row{"<A\nclass='x' HREF = 'http://a.example/?a=1&amp;b=2'>",
               "<A\nclass='x' HREF = '[http://a.example/?a=1&b=2]'>"},
           Row{"<a href=http://a.example/x>y</a>", "<a href=[http://a.example/x]>y</a>"},
           Row{"<a href=' HTTPS://a.example/ '>", "<a href='[HTTPS://a.example/]'>"},
           Row{"<area href=\"http://a.example\"/>", "<area href=\"[http://a.example]\"/>"},
           Row{"<a href=\"http://a.example/?x&y=1\">", "<a href=\"[http://a.example/?x&y=1]\">"},
           Row{"<a title=\"<a href='http://a.example'>\" href=#top>",
               "<a title=\"<a href='http://a.example'>\" href=#top>"},
           Row{"<a href=\"mailto:a@b.example\"><a href=\"/relative\"><a href=\"javascript:x\">",
               "<a href=\"mailto:a@b.example\"><a href=\"/relative\"><a href=\"javascript:x\">"},
           Row{"<a href=\"http://a.example/&quot;x\">", "<a href=\"http://a.example/&quot;x\">"},
           Row{"<a href=\"http://a.example/&#47;x\">", "<a href=\"http://a.example/&#47;x\">"},
           Row{"<a href=\"http://a.example/ x\">", "<a href=\"http://a.example/ x\">"},
           Row{"<img src=\"http://a.example/\"><link href=\"http://a.example/\">",
               "<img src=\"http://a.example/\"><link href=\"http://a.example/\">"},
           Row{"<!-- <a href=\"http://a.example\"> --><a href=\"http://b.example\">",
               "<!-- <a href=\"http://a.example\"> --><a href=\"[http://b.example]\">"},
           Row{"<script>\"<a href='http://a.example'>\"</script><a href='http://b.example'>",
               "<script>\"<a href='http://a.example'>\"</script><a href='[http://b.example]'>"},
           Row{"<style><a href='http://a.example'>", "<style><a href='http://a.example'>"},
           Row{"<a href='http://a.example' href='http://b.example'>",
               "<a href='[http://a.example]' href='http://b.example'>"},
           Row{"<a href='http://a.example", "<a href='http://a.example"},
           Row{"<abbr href='http://a.example'>", "<abbr href='http://a.example'>"},
       }) {
    EXPECT_EQ(replace_links(row.html, [](const std::string& url) { return '[' + url + ']'; }),
              row.wanted);
  }
  const std::string long_url(kTrackedUrlBytesMax, 'x');
  const std::string html = "<a href=\"http://" + long_url + "\">";
  EXPECT_EQ(replace_links(html, [](const std::string&) { return std::string(); }), html);
}

TEST(HtmlLinks, ThePixelStandsAtTheEndOfTheBody) {
  for (const auto& [html, wanted] : std::vector<std::pair<std::string, std::string>>{
           {"", "!"},
           {"<p>x", "<p>x!"},
           {"<body><p>x</p></BODY ></html>", "<body><p>x</p>!</BODY ></html>"},
           {"</body>x</body>", "</body>x!</body>"},
       }) {
    std::string got = html;
    insert_at_end_of_body(got, "!");
    EXPECT_EQ(got, wanted);
  }
}

class TrackingTest : public ::testing::Test {
 protected:
  static std::string token_in(const std::string& url) { return url.substr(url.rfind('/') + 1); }
  const TrackingLinks links{"https://t.example", std::string(kTrackingKeyBytes, 'k')};
  const TrackedLink click{.act = TrackedAct::kClick,
                          .email_id = "01a213c0-bd7a-80ae-9681-0000930841b6",
                          .recipient = "bob@x.example",
                          .url = "https://a.example/?a=1&b=\xc3\xbc"};
};

TEST_F(TrackingTest, ATokenIsWhatWeMadeForWhatWeMadeIt) {
  const std::string url = links.url_of(click);
  EXPECT_TRUE(url.starts_with("https://t.example/t/c/")) << url;
  const std::string token = token_in(url);
  const auto read = links.read(TrackedAct::kClick, token);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->email_id, click.email_id);
  EXPECT_EQ(read->recipient, click.recipient);
  EXPECT_EQ(read->url, click.url);
  EXPECT_FALSE(links.read(TrackedAct::kOpen, token).has_value());
  const TrackingLinks other("https://t.example", std::string(kTrackingKeyBytes, 'o'));
  EXPECT_FALSE(other.read(TrackedAct::kClick, token).has_value());
  EXPECT_FALSE(TrackingLinks().read(TrackedAct::kClick, token).has_value());
  for (size_t i = 0; i + 1 < token.size(); ++i) {  // the last character has spare bits
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(links.read(TrackedAct::kClick, changed).has_value()) << i;
  }
  for (const std::string_view bad : {"", "A", "AAAA", "!!!!", "a b"}) {
    EXPECT_FALSE(links.read(TrackedAct::kClick, bad).has_value()) << bad;
  }
  EXPECT_FALSE(links.read(TrackedAct::kClick, std::string(5000, 'A')).has_value());
}

TEST_F(TrackingTest, PreparesWhatIsWished) {
  const std::string html =
      "<body><a href='https://a.example/?x=1&amp;y=2'>a</a><a "
      "href='https://a.example/u?x&amp;y'>u</a></body>";
  const TrackingLinks::Copy copy{.email_id = click.email_id,
                                 .recipient = click.recipient,
                                 .untouched = "https://a.example/u?x&y"};
  EXPECT_EQ(links.prepare(html, copy, {}), html);
  const std::string opens = links.prepare(html, copy, {.opens = true});
  const size_t pixel = opens.find("<img src=\"https://t.example/t/o/");
  ASSERT_NE(pixel, std::string::npos);
  EXPECT_TRUE(opens.ends_with("\" width=\"1\" height=\"1\" alt=\"\"></body>"));
  EXPECT_EQ(opens.substr(0, pixel) + "</body>", html);
  const std::string clicks = links.prepare(html, copy, {.clicks = true});
  EXPECT_EQ(clicks.find("<img"), std::string::npos);
  const size_t begin = clicks.find("https://t.example/t/c/");
  ASSERT_NE(begin, std::string::npos);
  const auto read = links.read(TrackedAct::kClick,
                               token_in(clicks.substr(begin, clicks.find('\'', begin) - begin)));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->url, "https://a.example/?x=1&y=2");
  EXPECT_NE(clicks.find("<a href='https://a.example/u?x&amp;y'>u</a>"), std::string::npos);
}

TEST(Tracking, Urls) {
  for (const std::string_view good : {"https://t.example", "http://127.0.0.1:8025/x"}) {
    EXPECT_EQ(tracking_base_problem(good), "") << good;
  }
  for (const std::string_view bad :
       {"t.example", "ftp://t.example", "https://", "https:///x", "https://t.example/?a",
        "https://t.example/#a", "https://t.example/ x", "https://t.example/\"x"}) {
    EXPECT_NE(tracking_base_problem(bad), "") << bad;
  }
  EXPECT_EQ(location_of("https://a.example/\xc3\xbc?x=<y>"), "https://a.example/%C3%BC?x=%3Cy%3E");
}

}  // namespace
}  // namespace barid::http
