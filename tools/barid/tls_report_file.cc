#include "tools/barid/tls_report_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "core/lookup/files.h"
#include "tools/barid/state_file.h"

namespace barid::tools {
namespace {

std::string path_in(const std::string& queue_directory) { return queue_directory + "/tlsrpt"; }

}  // namespace

std::string read_tls_report_file(const std::string& queue_directory,
                                 smtp::TlsReportCounts* counts) {
  const std::string path = path_in(queue_directory);
  const Result<std::string> text = lookup::read_whole_file(path);
  if (!text.ok()) {
    if (text.error().error_number == ENOENT) return {};
    return fmt::format("{}: {}: counts of TLS sessions begin anew", path,
                       std::strerror(text.error().error_number));
  }
  if (counts->from_text(*text)) return {};
  return fmt::format(
      "{}: not of the form that is written here: what cannot be read of it is not reported", path);
}

std::string write_tls_report_file(const std::string& queue_directory,
                                  const smtp::TlsReportCounts& counts) {
  return replace_file(path_in(queue_directory), counts.to_text());
}

}  // namespace barid::tools
