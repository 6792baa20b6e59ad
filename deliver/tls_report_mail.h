// The report on TLS as it is sent: packed, and as a message.
// Source: RFC 8460 4.1 (gzip), 5.1 (file name), 5.3 (the message), RFC 6522 (multipart/report).
// Layer:  deliver, pure.
#pragma once

#include <string>
#include <string_view>

#include "core/mail/tls_report.h"

namespace barid {

/// `bytes` as RFC 1952 packs them; empty: out of memory.
[[nodiscard]] std::string gzip(std::string_view bytes);

struct TlsReportMail {
  std::string_view domain;     ///< that is reported on
  std::string_view submitter;  ///< our host name
  std::string_view from;       ///< an address
  std::string_view to;         ///< likewise
  WallTime now{};
  std::string_view packed;  ///< the report, by gzip()
};

/// The message with its header, in lines of CRLF, ASCII.
[[nodiscard]] std::string tls_report_mail(const TlsReport& report, const TlsReportMail& mail);

}  // namespace barid
