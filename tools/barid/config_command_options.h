// The command line of `barid config`, and what every part of the command shares.
// Private to the config command. Layer: tools.
#pragma once

#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/configuration.h"
#include "core/config/edit.h"
#include "core/config/listing.h"

namespace barid::tools::config_command {

// Exit statuses of sysexits.h.
inline constexpr int kExitUsage = 64;
inline constexpr int kExitData = 65;
inline constexpr int kExitUnavailable = 69;
inline constexpr int kExitConfig = 78;

enum class Target : uint8_t { kMain, kService, kField, kOverride };
enum class Action : uint8_t { kShow, kSet, kRemove, kComment, kTables, kHelp, kCheck, kExplain };

struct Options {
  Target target = Target::kMain;
  Action action = Action::kShow;
  config::ListingStyle style;
  bool only_set = false;
  bool defaults = false;
  bool expand = false;
  bool quiet = false;
  bool show_builtin = true;
  bool show_service = true;
  bool show_user = true;
  std::string directory;
  std::vector<config::NameAndValue> overrides;
  std::vector<std::string> words;
};

/// Reads the command line; false with `error` set at the first problem.
[[nodiscard]] bool parse_options(std::span<const char* const> args, Options& options,
                                 std::string& error);

/// The manual page that --help prints.
[[nodiscard]] std::string_view help_text() noexcept;

/// Where the command reads, writes and complains.
class Context {
 public:
  Context(Options options, std::string_view program, std::FILE* out, std::FILE* err);

  [[nodiscard]] const Options& options() const noexcept { return options_; }
  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }
  [[nodiscard]] config::EditKind edit_kind() const noexcept;

  void print(std::string_view text) const;
  /// A finding on the error stream: `program: severity: text`.
  void complain(std::string_view severity, std::string_view text) const;
  void warn(std::string_view text) const { complain("warning", text); }
  /// Complains and returns `status`, for `return context.fatal(…)`.
  int fatal(int status, std::string_view text) const;

  [[nodiscard]] config::LoadResult load(bool check_values) const;
  /// Replaces a file by its edited text; an exit status.
  int write(const std::string& path, const config::Edited& edited) const;

 private:
  Options options_;
  std::string program_;
  std::FILE* out_;
  std::FILE* err_;
  std::string directory_;
};

}  // namespace barid::tools::config_command
