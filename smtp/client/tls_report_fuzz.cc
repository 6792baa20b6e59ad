// Any text as the file of counted TLS sessions, which holds what DNS and mail hosts said: what was
// written once is read and written again as the same, and a report of it is JSON of printable
// ASCII, whose strings end where they should.
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
  // What is never written (odd bytes, "|" in a name) comes out as something else, which may make
  // one domain of two; from then on nothing changes.
  smtp::TlsReportCounts again;
  if (again.from_text(counts.to_text())) {
    const std::string written = again.to_text();
    smtp::TlsReportCounts third;
    BARID_ASSERT(third.from_text(written));
    BARID_ASSERT(third.to_text() == written);
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
