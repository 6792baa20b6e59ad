// Any text as the file of counted TLS sessions, which holds what DNS and mail hosts said: what was
// read is written and read again as the same, and a report of it is JSON of printable ASCII, whose
// strings end where they should.
#include <algorithm>
#include <cstdint>
#include <string>

#include "core/base/assert.h"
#include "core/mail/tls_report.h"
#include "smtp/client/tls_report_counts.h"

using namespace barid;

namespace {

/// Brackets match outside of strings, and nothing but escapes is in them.
void check_json(std::string_view json) {
  std::string open;
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    BARID_ASSERT(c >= ' ' && c < '\x7f');
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      open.push_back(c == '{' ? '}' : ']');
    } else if (c == '}' || c == ']') {
      BARID_ASSERT(!open.empty() && open.back() == c);
      open.pop_back();
    }
  }
  BARID_ASSERT(open.empty() && !in_string);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  smtp::TlsReportCounts counts;
  static_cast<void>(counts.from_text(text));
  // Bytes that are never written come out as '?', which may make one domain of two.
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return c == '\t' || c == '\n' || (c >= ' ' && c < '\x7f');
  });
  if (plain) {
    const std::string written = counts.to_text();
    smtp::TlsReportCounts again;
    BARID_ASSERT(again.from_text(written));
    BARID_ASSERT(again.to_text() == written);
  }
  while (const auto due = counts.find_due(WallTime::max())) {
    check_json(tls_report_json({.organization = due->domain,
                                .contact = due->domain,
                                .id = due->domain,
                                .begin = due->begin,
                                .end = due->end,
                                .policies = due->policies}));
    counts.settle(*due);
  }
  return 0;
}
