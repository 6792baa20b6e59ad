// How configuration code reads files: through a function that the caller passes in, so that tests
// and the simulator need no disk. Used while loading, never on a shard. Layer: core/lookup.
#pragma once

#include <functional>
#include <string>

#include "core/base/result.h"

namespace barid::lookup {

/// The whole content of a file, or an Error whose error_number says why not.
using FileReader = std::function<Result<std::string>(const std::string& path)>;

/// A FileReader for real files. Blocks. Errors: as errno says; kTooLong above 64 MiB.
[[nodiscard]] Result<std::string> read_whole_file(const std::string& path);

/// The same for a file that holds a secret: kPermission, with a text, if anybody but its owner may
/// write it, or others than owner and group may read it.
[[nodiscard]] Result<std::string> read_private_file(const std::string& path);

/// A reader for callers without files: every path is absent.
[[nodiscard]] Result<std::string> read_no_file(const std::string& path);

/// "open /a/b: No such file or directory", the form in which failures are reported.
[[nodiscard]] std::string open_failure(const std::string& path, const Error& error);

}  // namespace barid::lookup
