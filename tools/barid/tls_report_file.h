// The file `tlsrpt` of the queue directory (smtp/client/tls_report_counts.h).
// Layer: tools. Blocks.
#pragma once

#include <string>

#include "smtp/client/tls_report_counts.h"

namespace barid::tools {

/// Empty, or what is wrong: what cannot be read is not reported. A missing file is none.
[[nodiscard]] std::string read_tls_report_file(const std::string& queue_directory,
                                               smtp::TlsReportCounts* counts);
/// Empty, or why it could not be written.
[[nodiscard]] std::string write_tls_report_file(const std::string& queue_directory,
                                                const smtp::TlsReportCounts& counts);

}  // namespace barid::tools
