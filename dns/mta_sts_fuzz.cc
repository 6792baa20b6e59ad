// Any text as a policy or a record, of MTA-STS or TLS-RPT: within bounds, and what is valid is
// usable.
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/assert.h"
#include "dns/mta_sts.h"
#include "dns/tls_report_record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const barid::dns::ParsedStsPolicy parsed = barid::dns::parse_sts_policy(text);
  if (parsed.error.empty()) {
    BARID_ASSERT(parsed.policy.mx.size() <= barid::dns::kStsPatternsMax);
    BARID_ASSERT(parsed.policy.mode == barid::dns::StsMode::kNone || !parsed.policy.mx.empty());
    for (const std::string& pattern : parsed.policy.mx) {
      if (pattern.front() == '*') {
        BARID_ASSERT(barid::dns::sts_allows(parsed.policy, "x" + pattern.substr(1)) ||
                     pattern.ends_with('.'));
      }
    }
  }
  const std::vector<std::string> texts{text};
  if (const auto id = barid::dns::parse_sts_record(texts)) {
    BARID_ASSERT(!id->empty() && id->size() <= 32);
  }
  for (const barid::dns::TlsReportTarget& target : barid::dns::parse_tls_report_record(texts)) {
    BARID_ASSERT(target.place.find_first_of("\r\n\t <>\"") == std::string::npos);
    barid::dns::TlsReportTarget again;
    BARID_ASSERT(target.is_mail || barid::dns::parse_tls_report_target(target.place, &again));
  }
  return 0;
}
