// The file `warmup` of the queue directory (policy/warmup_counts.h). It is replaced as a whole: a
// crash leaves the old one or the new one.
// Layer: tools. Blocks.
#pragma once

#include <string>

#include "policy/warmup_counts.h"

namespace barid::tools {

/// Empty, or what is wrong: the counts of the day then begin anew. A missing file is none.
[[nodiscard]] std::string read_warmup_file(const std::string& queue_directory,
                                           policy::WarmupCounts* counts);
/// Empty, or why it could not be written.
[[nodiscard]] std::string write_warmup_file(const std::string& queue_directory,
                                            const policy::WarmupCounts& counts);

}  // namespace barid::tools
