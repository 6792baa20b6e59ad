// barid config, also known as postconf: shows, explains, checks and edits main.cf and master.cf.
// Also the facts about host and environment that every loader of a configuration needs.
// Layer: tools. Blocks on files.
#pragma once

#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/configuration.h"

namespace barid::tools {

/// Host name and interface addresses as the system gives them now.
[[nodiscard]] config::HostFacts read_host_facts();

/// The environment of this process as names and values.
[[nodiscard]] std::vector<config::NameAndValue> read_environment();

/// The configuration directory: `option` (of -c) if not empty, else $MAIL_CONFIG, else /etc/barid.
[[nodiscard]] std::string configuration_directory(std::string_view option);

/// What only shows when a valid configuration is put to use: errors and warnings, each with its
/// place and parameter.
struct UseProblems {
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
};
using CheckUse = UseProblems (*)(const config::Configuration& configuration);

/// Runs the command; `check_use` adds to `check`. `args` are the words behind the command name;
/// `argv0` names the program in messages. Returns an exit status: 0, 64 usage, 65 bad edit, 69 file
/// not writable, 78 bad configuration.
int run_config_command(std::span<const char* const> args, std::string_view argv0, std::FILE* out,
                       std::FILE* err, CheckUse check_use = nullptr);

}  // namespace barid::tools
