#include "tools/barid/config_command_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/lookup/split.h"
#include "tools/barid/config_command.h"

namespace barid::tools::config_command {
namespace {

constexpr std::string_view kHelp =
    R"(barid config - show, explain, check and edit the configuration (also: postconf)

SYNOPSIS
  barid config [-dfhHnqx] [-j] [-c DIR] [-C CLASS] [-o NAME=VALUE]... [NAME]...
  barid config [-e] NAME=VALUE...      set parameters in main.cf
  barid config -X NAME...              remove parameters from main.cf
  barid config -# NAME...              comment parameters out
  barid config -M[efX#] [SERVICE[/TYPE]]...             whole entries of master.cf
  barid config -F[efhHx] [SERVICE[/TYPE[/FIELD]]]...    single columns
  barid config -P[efhHxX] [SERVICE[/TYPE[/NAME]]]...    -o settings
  barid config -m                      table types
  barid config check                   errors, warnings, settings without effect
  barid config [-d] --explain NAME     what a parameter is and what it does here

SHOWING
  Without names every parameter is shown, sorted; unknown names are a warning.
  -n    only what main.cf, the environment or -o sets
  -d    built-in defaults
  -x    expand $name in values
  -h    values only                 -H    names only
  -f    fold long lines             -j, --json    one JSON object a line
  -o    NAME=VALUE: as if it were set so
  -q    no warnings about unused or undefined names
  -C    builtin, service (one per delivery transport), user (referenced by others), or all
  -c    directory of main.cf and master.cf; else $MAIL_CONFIG, else /etc/barid
  -p    main.cf mode (the default)

  A variable BARID_<NAME> of the environment overrides main.cf.

EDITING
  -e replaces an entry where it stands and keeps all comments; new entries go to the end.
  The file is replaced in one step; mode, owner and symbolic links stay.
  -Me SERVICE/TYPE='LINE'  -Fe SERVICE/TYPE/FIELD=VALUE  -Pe SERVICE/TYPE/NAME=VALUE
  SERVICE, TYPE, FIELD and NAME may be '*' where entries are selected. Fields: service type
  private unprivileged chroot wakeup process_limit command.

EXIT STATUS
  0   done            64  bad usage            65  an edit that cannot be
  69  file not written                         78  the configuration is not valid

EXAMPLES
  barid config -n
  barid config -xh mydestination
  barid config -d maximal_queue_lifetime
  barid config myhostname=mx.example.com 'mynetworks=127.0.0.0/8 [::1]/128'
  barid config -M submission/inet
  barid config -Pe submission/inet/smtpd_recipient_limit=100
  barid config --explain inet_interfaces
  barid config check -c ./etc
)";

/// Reads the command line; the first problem is kept as text.
class OptionParser {
 public:
  OptionParser(std::span<const char* const> args, Options& options, std::string& error)
      : args_(args), options_(options), error_(error) {}

  bool parse() {
    bool options_done = false;
    while (next_ < args_.size()) {
      const std::string_view word = args_[next_++];
      if (options_done || word.size() < 2 || word.front() != '-') {
        options_.words.emplace_back(word);
      } else if (word == "--") {
        options_done = true;
      } else if (!(word.starts_with("--") ? parse_long(word) : parse_cluster(word.substr(1)))) {
        return false;
      }
    }
    return settle();
  }

 private:
  bool fail(std::string text) {
    error_ = std::move(text);
    return false;
  }

  bool parse_long(std::string_view word) {
    if (word == "--help") return act(Action::kHelp);
    if (word == "--json") return options_.style.json = true;
    if (word == "--explain") return act(Action::kExplain);
    return fail(fmt::format("unknown option: {}", word));
  }

  bool act(Action action) {
    const bool same = options_.action == action;
    if (!same && options_.action != Action::kShow)
      return fail("specify one of -e, -X, -#, -m, check");
    options_.action = action;
    return true;
  }

  bool aim(Target target) {
    options_.target = target;
    return true;
  }

  /// Letters that may be written together; the value of c, C and o is the rest or the next word.
  bool parse_cluster(std::string_view letters) {
    for (size_t i = 0; i < letters.size(); ++i) {
      const char letter = letters[i];
      if (letter == 'c' || letter == 'C' || letter == 'o') {
        std::string_view value = letters.substr(i + 1);
        if (value.empty()) {
          if (next_ == args_.size()) return fail(fmt::format("option -{} needs a value", letter));
          value = args_[next_++];
        }
        return parse_value_option(letter, value);
      }
      if (!parse_letter(letter)) return false;
    }
    return true;
  }

  bool parse_letter(char letter) {
    switch (letter) {
      case 'd':
        return options_.defaults = true;
      case 'n':
        return options_.only_set = true;
      case 'x':
        return options_.expand = true;
      case 'q':
        return options_.quiet = true;
      case 'f':
        return options_.style.fold = true;
      case 'h':
        return options_.style.hide_name = true;
      case 'H':
        return options_.style.hide_value = true;
      case 'j':
        return options_.style.json = true;
      case 'v':
        return true;
      case 'p':
        return aim(Target::kMain);
      case 'M':
        return aim(Target::kService);
      case 'F':
        return aim(Target::kField);
      case 'P':
        return aim(Target::kOverride);
      case 'e':
        return act(Action::kSet);
      case 'X':
        return act(Action::kRemove);
      case '#':
        return act(Action::kComment);
      case 'm':
        return act(Action::kTables);
      case 'a':
      case 'A':
      case 'b':
      case 'l':
      case 't':
      case 'T':
        return fail(fmt::format("option -{} is not available in this version", letter));
      default:
        return fail(fmt::format("unknown option: -{}", letter));
    }
  }

  bool parse_value_option(char letter, std::string_view value) {
    if (letter == 'c') {
      options_.directory = value;
      return true;
    }
    if (letter == 'C') return parse_class(value);
    const lookup::NameValue setting = lookup::split_name_value(value);
    if (setting.error != nullptr) return fail(fmt::format("-o {}: {}", value, setting.error));
    options_.overrides.emplace_back(setting.name, setting.value);
    return true;
  }

  bool parse_class(std::string_view value) {
    options_.show_builtin = options_.show_service = options_.show_user = false;
    for (const std::string_view item : lookup::split_list(value)) {
      const bool all = item == "all";
      if (!all && item != "builtin" && item != "service" && item != "user") {
        return fail(fmt::format("unknown class: {} (builtin, service, user, all)", item));
      }
      options_.show_builtin |= all || item == "builtin";
      options_.show_service |= all || item == "service";
      options_.show_user |= all || item == "user";
    }
    return true;
  }

  /// Words decide what letters left open.
  bool settle() {
    std::vector<std::string>& words = options_.words;
    if (options_.action == Action::kShow && options_.target == Target::kMain && words.size() == 1 &&
        words[0] == "check") {
      words.clear();
      options_.action = Action::kCheck;
    }
    const bool assigns = std::any_of(words.begin(), words.end(), [](const std::string& word) {
      return word.find('=') != std::string::npos;
    });
    if (options_.action == Action::kShow && assigns) options_.action = Action::kSet;
    const bool edits = options_.action == Action::kSet || options_.action == Action::kRemove ||
                       options_.action == Action::kComment;
    if ((edits || options_.action == Action::kExplain) && words.empty()) {
      return fail("no parameter or service given");
    }
    if (options_.action == Action::kComment && options_.target == Target::kOverride) {
      return fail("-# cannot be combined with -P");
    }
    if (options_.target == Target::kField &&
        (options_.action == Action::kRemove || options_.action == Action::kComment)) {
      return fail("-X and -# cannot be combined with -F");
    }
    if (options_.defaults && options_.only_set) return fail("specify one of -d and -n");
    if (options_.style.hide_name && options_.style.hide_value)
      return fail("specify one of -h and -H");
    return true;
  }

  std::span<const char* const> args_;
  size_t next_ = 0;
  Options& options_;
  std::string& error_;
};

}  // namespace

bool parse_options(std::span<const char* const> args, Options& options, std::string& error) {
  return OptionParser(args, options, error).parse();
}

std::string_view help_text() noexcept { return kHelp; }

Context::Context(Options options, std::string_view program, std::FILE* out, std::FILE* err)
    : options_(std::move(options)),
      program_(program),
      out_(out),
      err_(err),
      directory_(configuration_directory(options_.directory)) {}

config::EditKind Context::edit_kind() const noexcept {
  if (options_.action == Action::kRemove) return config::EditKind::kRemove;
  return options_.action == Action::kComment ? config::EditKind::kComment : config::EditKind::kSet;
}

void Context::print(std::string_view text) const { std::fwrite(text.data(), 1, text.size(), out_); }

void Context::complain(std::string_view severity, std::string_view text) const {
  fmt::print(err_, "{}: {}: {}\n", program_, severity, text);
}

int Context::fatal(int status, std::string_view text) const {
  complain("fatal", text);
  return status;
}

config::LoadResult Context::load(bool check_values) const {
  config::LoadOptions options;
  options.directory = directory_;
  options.host = read_host_facts();
  options.environment = read_environment();
  options.overrides = options_.overrides;
  options.builtin_values = options_.defaults && options_.action == Action::kShow;
  options.check_values = check_values;
  return config::Configuration::load(options);
}

int Context::write(const std::string& path, const config::Edited& edited) const {
  for (const std::string& warning : edited.warnings) warn(fmt::format("{}: {}", path, warning));
  const Status status = config::rewrite_file(path, edited.text);
  if (status.ok()) return 0;
  const char* reason = std::strerror(status.error().error_number);
  return fatal(kExitUnavailable, fmt::format("{}: not written: {}", path, reason));
}

}  // namespace barid::tools::config_command
