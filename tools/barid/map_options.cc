#include "tools/barid/map_options.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace barid::tools {
namespace {

using Mode = MapOptions::Mode;

struct Option {
  char letter;
  std::string_view name;
  Mode mode = Mode::kBuild;  ///< kBuild: it chooses none
  bool takes_value = false;
};
constexpr std::array kOptions = {
    Option{'q', "query", Mode::kQuery, true},
    Option{'d', "delete", Mode::kDelete, true},
    Option{'i', "insert", Mode::kInsert},
    Option{'s', "dump", Mode::kDump},
    Option{'c', "config", Mode::kBuild, true},
    Option{'j', "json"},
    Option{'f', "no-fold"},
    Option{'r', "replace"},
    Option{'w', "ignore-duplicates"},
    Option{'F', "files"},
    Option{'p', "own-permissions"},
    Option{'o', "as-root"},
    Option{'N', "with-nul"},
    Option{'n', "without-nul"},
    Option{'h', "headers"},
    Option{'b', "body"},
    Option{'u', "no-utf8"},
    Option{'U', "utf8"},
    Option{'v', "verbose"},
};

/// What an option that chooses no mode says.
void set_flag(char letter, MapOptions* options) {
  switch (letter) {
    case 'j':
      options->json = true;
      break;
    case 'f':
      options->fold = false;
      break;
    case 'r':
      options->replace = true;
      break;
    case 'w':
      options->ignore_duplicates = true;
      break;
    case 'F':
      options->files = true;
      break;
    case 'p':
      options->inherit_mode = false;
      break;
    case 'o':
      options->as_owner = false;
      break;
    case 'N':
    case 'n':
      options->with_nul = letter == 'N';
      break;
    case 'h':
      options->headers = true;
      break;
    case 'b':
      options->body = true;
      break;
    default:
      break;  // accepted, without effect
  }
}

/// Empty = good.
std::string apply(const Option& option, std::string_view value, MapOptions* options) {
  if (option.letter == 'c') {
    options->directory = value;
    return {};
  }
  if (option.mode == Mode::kBuild) {
    set_flag(option.letter, options);
    return {};
  }
  if (options->mode != Mode::kBuild && options->mode != option.mode) {
    return "only one of -q, -d, -i and -s can be done";
  }
  options->mode = option.mode;
  if (option.takes_value) options->key = value;
  return {};
}

const Option* find_letter(char letter) {
  for (const Option& option : kOptions) {
    if (option.letter == letter) return &option;
  }
  return nullptr;
}

const Option* find_name(std::string_view name) {
  for (const Option& option : kOptions) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

class Parser {
 public:
  Parser(std::span<const char* const> arguments, MapOptions* options)
      : arguments_(arguments), options_(options) {}

  std::string run() {
    for (; index_ < arguments_.size(); ++index_) {
      const std::string_view word = arguments_[index_];
      if (word == "--help") {
        options_->mode = Mode::kHelp;
        return {};
      }
      if (word == "--") {
        for (++index_; index_ < arguments_.size(); ++index_) add_table(arguments_[index_]);
        break;
      }
      std::string problem;
      if (word.starts_with("--")) {
        problem = take_long(word.substr(2));
      } else if (word.size() > 1 && word.front() == '-') {
        problem = take_letters(word.substr(1));
      } else {
        add_table(word);
      }
      if (!problem.empty()) return problem;
    }
    return check();
  }

 private:
  void add_table(std::string_view word) { options_->tables.emplace_back(word); }

  std::string take_long(std::string_view word) {
    const size_t equals = word.find('=');
    const Option* option = find_name(word.substr(0, equals));
    if (option == nullptr) return fmt::format("unknown option: --{}", word);
    if (!option->takes_value) {
      if (equals != std::string_view::npos) return fmt::format("--{} takes no value", option->name);
      return apply(*option, {}, options_);
    }
    if (equals != std::string_view::npos) return apply(*option, word.substr(equals + 1), options_);
    return take_next(*option, fmt::format("--{}", word));
  }

  std::string take_letters(std::string_view letters) {
    while (!letters.empty()) {
      const Option* option = find_letter(letters.front());
      if (option == nullptr) return fmt::format("unknown option: -{}", letters.front());
      letters.remove_prefix(1);
      std::string problem;
      if (!option->takes_value) {
        problem = apply(*option, {}, options_);
      } else if (!letters.empty()) {
        problem = apply(*option, letters, options_);
        letters = {};
      } else {
        problem = take_next(*option, fmt::format("-{}", option->letter));
      }
      if (!problem.empty()) return problem;
    }
    return {};
  }

  std::string take_next(const Option& option, std::string_view as) {
    if (index_ + 1 == arguments_.size()) return fmt::format("option {} needs a value", as);
    return apply(option, arguments_[++index_], options_);
  }

  std::string check() {
    const bool query = options_->mode == Mode::kQuery;
    if (arguments_.size() == 1 && options_->headers) {  // -h alone
      options_->mode = Mode::kHelp;
      return {};
    }
    if (options_->tables.empty()) return "no table given";
    if ((options_->headers || options_->body) && (!query || options_->key != "-")) {
      return "-h and -b are for messages on standard input: -q -";
    }
    if (options_->key.empty() && (query || options_->mode == Mode::kDelete))
      return "the key is empty";
    return {};
  }

  std::span<const char* const> arguments_;
  MapOptions* options_;
  size_t index_ = 0;
};

}  // namespace

std::string parse_map_options(std::span<const char* const> arguments, MapOptions* options) {
  return Parser(arguments, options).run();
}

}  // namespace barid::tools
