// What the subcommands of barid-bench share: spans of time on the command line, error texts.
// Layer: bench, composition root.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/base/time.h"

namespace barid::bench {

/// Parses "250ms", "5s", "2m", "1h" and plain seconds "1.5". Errors: kMalformed.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text) noexcept;

/// "cannot bind: Address already in use".
[[nodiscard]] std::string error_text(const Error& error);

/// A short name that no other run on this machine has: [0-9a-z]{8}.
[[nodiscard]] std::string make_run_name();

/// Lets the process open as many descriptors as it may.
void raise_descriptor_limit() noexcept;

}  // namespace barid::bench
