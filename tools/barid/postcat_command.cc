// postcat: what Postfix's postcat(1) shows of messages in the queue, over the admin API.
#include <fmt/format.h>
#include <sysexits.h>

#include <charconv>
#include <string>
#include <vector>

#include "core/base/queue_id.h"
#include "core/text/ascii.h"
#include "tools/barid/commands.h"
#include "tools/barid/control_client.h"
#include "tools/barid/offline_queue.h"
#include "tools/barid/postcat.h"
#include "tools/barid/queue_client.h"

namespace barid::tools {
namespace {

using Arguments = std::span<const char* const>;

constexpr std::string_view kHelp = R"({0} - show messages of the queue, envelope and content

SYNOPSIS
  postcat [-bdefhnorv] [-s OFFSET] [-c DIRECTORY] -q ID...
  barid queue [-c DIRECTORY] cat [-bdefhnorv] [-s OFFSET] ID...

  -e  envelope    -h  header    -b  body; without any of them all three
  -d  the type of each record as a number       -o  its offset, as in a Postfix queue file
  -s OFFSET  records from there on              -v  the name of content records too
  -f  the queue and the id before each line
  -q  what follows are queue ids: there are no queue files
  -n, -r  change nothing: records are always in the order of the file

EXIT STATUS (of postcat 1 instead of any other)
  0   done            64  bad usage       65  bad id, or an id that is in no queue
  69  the server does not run, and the store cannot be read either
  75  ended early     78  configuration

EXAMPLES
  postcat -q 4hQz1k2abcd9
  barid queue cat -bh 4hQz1k2abcd9 > message.eml
)";

struct Options {
  std::string directory;
  PostcatOptions shown;
  std::vector<std::string> words;
  bool by_id = false;
  bool help = false;
};

int fail(std::string_view name, int status, std::string_view text) {
  fmt::print(stderr, "{}: fatal: {}\n", name, text);
  return status;
}

/// A letter that stands for itself; false if there is none such.
bool read_letter(char letter, Options* options) {
  PostcatOptions& shown = options->shown;
  switch (letter) {
    case 'b':
      return shown.body = true;
    case 'd':
      return shown.decimal_types = true;
    case 'e':
      return shown.envelope = true;
    case 'f':
      return shown.file_names = true;
    case 'h':
      return shown.header = true;
    case 'o':
      return shown.offsets = true;
    case 'q':
      return options->by_id = true;
    case 'v':
      return shown.text_names = true;
    default:
      return letter == 'r' || letter == 'n';
  }
}

/// 0, or an exit status after saying why.
int read_options(Arguments arguments, std::string_view name, Options* options) {
  bool ended = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == "--help") options->help = true;
    if (ended || !word.starts_with('-') || word == "-") {
      options->words.emplace_back(word);
      continue;
    }
    ended = word == "--";
    if (word.starts_with("--")) {
      if (ended || options->help) continue;
      return fail(name, EX_USAGE, fmt::format("no option {}; --help lists them", word));
    }
    for (size_t at = 1; at < word.size(); ++at) {
      const char letter = word[at];
      if (letter != 'c' && letter != 's') {
        if (read_letter(letter, options)) continue;
        return fail(name, EX_USAGE, fmt::format("no option -{}; --help lists them", letter));
      }
      std::string_view value = word.substr(at + 1);
      if (value.empty()) {
        if (i + 1 == arguments.size()) {
          return fail(name, EX_USAGE, fmt::format("-{} needs a value", letter));
        }
        value = arguments[++i];
      }
      if (letter == 'c') {
        options->directory = value;
        break;
      }
      const auto [end, error] =
          std::from_chars(value.data(), value.data() + value.size(), options->shown.offset_min);
      if (error != std::errc{} || end != value.data() + value.size()) {
        return fail(name, EX_USAGE, fmt::format("bad offset: {}", value));
      }
      break;
    }
  }
  PostcatOptions& shown = options->shown;
  if (!shown.envelope && !shown.header && !shown.body) {
    shown.envelope = shown.header = shown.body = true;
  }
  return 0;
}

/// The body of the answer, or an exit status after saying why there is none.
int ask(const std::string& directory, std::string_view name, const std::string& id,
        MessagePart part, std::string* body) {
  Result<ControlAnswer> answer = read_message(directory, name, id, part);
  if (!answer.ok()) {
    return answer.error().code == Code::kUnavailable
               ? fail(name, EX_UNAVAILABLE, "mail system is down")
               : fail(name, EX_TEMPFAIL, "ended early");
  }
  if (answer->status == 404) {
    return fail(name, EX_DATAERR, fmt::format("open queue file {}: No such file or directory", id));
  }
  if (answer->status >= 400) return fail(name, EX_TEMPFAIL, error_message(answer->body));
  *body = std::move(answer->body);
  return 0;
}

int print_message(const std::string& directory, std::string_view name, const std::string& id,
                  const PostcatOptions& shown) {
  constexpr text::CharSet kIdLetters = text::kAlnum;
  for (const char c : id) {
    if (!kIdLetters.has(c)) return fail(name, EX_DATAERR, fmt::format("bad mail queue ID: {}", id));
  }
  if (!QueueId::parse(id)) {
    return fail(name, EX_DATAERR, fmt::format("open queue file {}: No such file or directory", id));
  }
  std::string message;
  std::string content;
  if (const int status = ask(directory, name, id, MessagePart::kEnvelope, &message); status != 0)
    return status;
  if (const int status = ask(directory, name, id, MessagePart::kContent, &content); status != 0)
    return status;
  const Result<std::string> text = postcat_text(message, content, shown);
  if (!text.ok()) {
    return fail(name, EX_TEMPFAIL, fmt::format("the server's answer has no {}", text.error().text));
  }
  std::fwrite(text->data(), 1, text->size(), stdout);
  return 0;
}

int print_messages(const std::string& directory, std::string_view name, const Options& options) {
  for (const std::string& id : options.words) {
    if (const int status = print_message(directory, name, id, options.shown); status != 0) {
      return status;
    }
  }
  return 0;
}

}  // namespace

int run_postcat_command(Arguments arguments, std::string_view name) {
  Options options;
  if (read_options(arguments, name, &options) != 0) return 1;
  if (options.help) {
    fmt::print(kHelp, name);
    return 0;
  }
  if (!options.by_id) return fail(name, 1, "there are no queue files: use -q and queue ids");
  std::string directory;
  if (find_queue_directory(options.directory, name, &directory) != 0) return 1;
  return print_messages(directory, name, options) == 0 ? 0 : 1;
}

int run_cat(const std::string& queue_directory, Arguments arguments, std::string_view name) {
  Options options;
  if (const int status = read_options(arguments, name, &options); status != 0) return status;
  if (options.help) {
    fmt::print(kHelp, "barid queue cat");
    return 0;
  }
  if (!options.directory.empty()) return fail(name, EX_USAGE, "-c comes before the command");
  if (options.words.empty()) return fail(name, EX_USAGE, "cat needs ids");
  return print_messages(queue_directory, name, options);
}

}  // namespace barid::tools
