// The master.cf half of `barid config`: -M, -F and -P, shown and edited.
// Private to the config command. Layer: tools.
#pragma once

#include "tools/barid/config_command_options.h"

namespace barid::tools::config_command {

/// Shows entries, columns or overrides; an exit status. `configuration` expands values for -x.
int show_master(const Context& context, const config::Configuration& configuration);

/// Edits entries, columns or overrides; an exit status.
int edit_master(const Context& context);

}  // namespace barid::tools::config_command
