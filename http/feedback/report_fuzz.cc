// Any message as a report: no crash, bounds hold, addresses are addresses.
#include <cstdlib>

#include "http/feedback/report.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const barid::http::Report report = barid::http::read_report(barid::http::read_mime_parts(text));
  if (report.recipients.size() > barid::http::kReportRecipientsMax) std::abort();
  for (const auto& recipient : report.recipients) {
    if (recipient.address.find('@') == std::string::npos) std::abort();
  }
  const auto verp = barid::http::verp_recipient(text, "b@c.d");
  if (verp && verp->find('@') == std::string::npos) std::abort();
  return 0;
}
