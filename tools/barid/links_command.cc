// barid links: the names this program answers to, as symbolic links.
#include <fmt/format.h>
#include <sysexits.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string_view>

#include "tools/barid/commands.h"

namespace barid::tools {
namespace {

constexpr std::array<std::string_view, 11> kNames = {"postfix", "postconf",  "postqueue", "mailq",
                                                     "postmap", "postalias", "postsuper", "qshape",
                                                     "postcat", "sendmail",  "newaliases"};

constexpr std::string_view kHelp =
    R"(barid links - make the names this program answers to

SYNOPSIS
  barid links DIRECTORY

  Makes symbolic links postfix, postconf, postqueue, mailq, postmap, postalias,
  postsuper, qshape, postcat, sendmail and newaliases in DIRECTORY. They lead to
  the program in DIRECTORY if there is one of its name, else to the running program
  itself. Links that exist are replaced; other files are left alone and reported.

EXIT STATUS
  0   done            64  bad usage            73  a link that cannot be made

EXAMPLES
  barid links /usr/local/bin
  barid links ~/bin
)";

}  // namespace

int run_links_command(std::span<const char* const> arguments, std::string_view name) {
  namespace fs = std::filesystem;
  const std::string_view word = arguments.size() == 1 ? std::string_view(arguments[0]) : "";
  if (word == "--help" || word == "-h") {
    fmt::print("{}", kHelp);
    return 0;
  }
  if (word.empty() || word.starts_with('-')) {
    fmt::print(stderr, "{}: fatal: need one directory\nusage: {} DIRECTORY\n", name, name);
    return EX_USAGE;
  }
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  const fs::path directory(word);
  // A relative link stays right when the directory is moved: packages, DESTDIR.
  const bool is_installed = fs::is_regular_file(directory / self.filename(), error);
  const fs::path target = is_installed ? self.filename() : self;
  for (const std::string_view link : kNames) {
    const fs::path path = directory / link;
    if (fs::is_symlink(path, error)) fs::remove(path, error);
    fs::create_symlink(target, path, error);
    if (error) {
      fmt::print(stderr, "{}: fatal: {}: {}\n", name, path.string(), error.message());
      return EX_CANTCREAT;
    }
  }
  return 0;
}

}  // namespace barid::tools
