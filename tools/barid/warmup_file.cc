#include "tools/barid/warmup_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "core/lookup/files.h"
#include "tools/barid/state_file.h"

namespace barid::tools {
namespace {

std::string path_in(const std::string& queue_directory) { return queue_directory + "/warmup"; }

}  // namespace

std::string read_warmup_file(const std::string& queue_directory, policy::WarmupCounts* counts) {
  const std::string path = path_in(queue_directory);
  const Result<std::string> text = lookup::read_whole_file(path);
  if (!text.ok()) {
    if (text.error().error_number == ENOENT) return {};
    return fmt::format("{}: {}: today's warm-up counts begin anew", path,
                       std::strerror(text.error().error_number));
  }
  if (counts->from_text(*text)) return {};
  return fmt::format(
      "{}: not of the form that is written here: what cannot be read of today's "
      "warm-up counts begins anew",
      path);
}

std::string write_warmup_file(const std::string& queue_directory,
                              const policy::WarmupCounts& counts) {
  return replace_file(path_in(queue_directory), counts.to_text());
}

}  // namespace barid::tools
