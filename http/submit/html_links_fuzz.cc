// Property: a replacement changes nothing but the values of links: with each URL put back, escaped
// or not, the text is as it was; and links that were replaced once are replaced the same again.
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/assert.h"
#include "http/submit/html_links.h"

using namespace barid::http;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view html(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> first;
  const std::string marked = replace_links(html, [&first](const std::string& url) {
    first.push_back(url);
    return "https://t.example/" + std::to_string(first.size());
  });
  std::vector<std::string> second;
  const std::string again = replace_links(marked, [&second](const std::string& url) {
    second.push_back(url);
    return url;
  });
  BARID_ASSERT(again == marked);
  BARID_ASSERT(second.size() == first.size());
  for (size_t i = 0; i < second.size(); ++i) {
    BARID_ASSERT(second[i] == "https://t.example/" + std::to_string(i + 1));
    BARID_ASSERT(first[i].find_first_of(" \t\r\n") == std::string::npos);
  }
  if (first.empty()) BARID_ASSERT(marked == html);
  std::string with_pixel(html);
  insert_at_end_of_body(with_pixel, "<img>");
  BARID_ASSERT(with_pixel.size() == html.size() + 5);
  return 0;
}
