// postsuper: what Postfix's postsuper(1) does, over the admin API.
#include <fmt/format.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <optional>
#include <string>

#include "core/base/queue_id.h"
#include "core/text/ascii.h"
#include "tools/barid/commands.h"
#include "tools/barid/maildrop.h"
#include "tools/barid/queue_client.h"

namespace barid::tools {
namespace {

constexpr std::string_view kHelp = R"(postsuper - change messages in the queue

SYNOPSIS
  postsuper [-psSv] [-c DIRECTORY] [-d ID] [-e ID] [-f ID] [-h ID] [-H ID] [-r ID] [QUEUE...]

  -d ID   delete               -h ID   put on hold
  -e ID   expire               -H ID   release from hold
  -f ID   expire, from hold too   -r ID   requeue under a new id
  ID is a queue id, ALL, or - to read ids from standard input. Options may be repeated.
  QUEUE is hold, incoming, active or deferred; default: all that make sense for the option.
  -d also takes maildrop, if it is named: mail that waits for a server.
  -p -s -S   have nothing to repair in this queue and do nothing

EXIT STATUS
  0   done, also if nothing matched      1   not the superuser, or bad usage
  69  the server does not run            75  ended early

EXAMPLES
  postsuper -d ALL deferred
  barid queue list --sender @example.org --json | jq -r .queue_id | postsuper -h -
)";

struct Kind {
  char letter;
  std::string_view action;
  std::string_view summary;
  std::string_view each;  ///< said of every message that was named
};
constexpr std::array kKinds = {Kind{'d', "delete", "Deleted", "removed"},
                               Kind{'e', "expire", "Force-expired", "expired"},
                               Kind{'f', "expire-release", "Force-expired", "expired"},
                               Kind{'h', "hold", "Placed on hold", "placed on hold"},
                               Kind{'H', "release", "Released from hold", "released from hold"},
                               Kind{'r', "requeue", "Requeued", "requeued"}};
constexpr std::string_view kMaildrop = "maildrop";
constexpr std::array<std::string_view, 5> kQueues = {"hold", "incoming", "active", "deferred",
                                                     kMaildrop};
/// Directories that Postfix has beside them. Nothing is in them here.
constexpr std::array<std::string_view, 6> kOthers = {"bounce", "corrupt", "defer",
                                                     "flush",  "saved",   "trace"};
constexpr size_t kIdsPerRequest = 200;

struct Wanted {
  bool given = false;
  bool all = false;
  std::vector<std::string> ids;
};

struct Options {
  std::string directory;
  std::array<Wanted, kKinds.size()> wanted;
  std::vector<std::string> queues;
  bool help = false;
};

int fail(std::string_view name, std::string_view text) {
  fmt::print(stderr, "{}: fatal: {}\n", name, text);
  return 1;
}

void add_id(std::string_view name, Wanted& wanted, std::string_view word) {
  if (word == "ALL") {
    wanted.all = true;
  } else if (QueueId::parse(word)) {
    wanted.ids.emplace_back(word);
  } else {
    fmt::print(stderr, "{}: warning: invalid mail queue id: {}\n", name, word);
  }
}

void add_ids(std::string_view name, Wanted& wanted, std::string_view word) {
  wanted.given = true;
  if (word != "-") return add_id(name, wanted, word);
  for (std::string line; std::getline(std::cin, line);) {
    const std::string_view id = text::trim(line);
    if (!id.empty()) add_id(name, wanted, id);
  }
}

/// 0, or an exit status after saying why.
int read_options(std::span<const char* const> arguments, std::string_view name, Options* options) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == "--help") {
      options->help = true;
      return 0;
    }
    if (!word.starts_with('-') || word == "-") {
      const auto is_in = [word](const auto& names) {
        return std::find(names.begin(), names.end(), word) != names.end();
      };
      if (!is_in(kQueues) && !is_in(kOthers)) {
        return fail(
            name,
            fmt::format("no queue \"{}\": hold, incoming, active, deferred or maildrop", word));
      }
      options->queues.emplace_back(word);
      continue;
    }
    for (size_t at = 1; at < word.size(); ++at) {
      const char letter = word[at];
      if (std::string_view("psSv").find(letter) != std::string_view::npos) continue;
      const auto kind = std::find_if(kKinds.begin(), kKinds.end(),
                                     [&](const Kind& one) { return one.letter == letter; });
      if (kind == kKinds.end() && letter != 'c') {
        return fail(name, fmt::format("no option -{}; --help lists them", letter));
      }
      std::string_view value = word.substr(at + 1);
      if (value.empty()) {
        if (i + 1 == arguments.size()) return fail(name, fmt::format("-{} needs a value", letter));
        value = arguments[++i];
      }
      if (letter == 'c') {
        options->directory = value;
      } else {
        add_ids(name, options->wanted[static_cast<size_t>(kind - kKinds.begin())], value);
      }
      break;
    }
  }
  return 0;
}

/// Adds what a request did to `total`; false if it failed.
bool ask(const std::string& directory, std::string_view name, const Kind& kind,
         const QueryWords& words, ActionResult* total) {
  const ActionResult one = run_queue_action(directory, name, kind.action, words);
  total->matched += one.matched;
  total->released += one.released;
  total->exit_status = one.exit_status;
  for (const std::string& id : one.changed) {
    fmt::print(stderr, "{}: {}: {}\n", name, id, kind.each);
  }
  return one.exit_status == 0;
}

/// Deletes what waits for a server; how much that was.
uint64_t delete_waiting(const std::string& directory, std::string_view name, const Wanted& wanted) {
  std::vector<QueueId> ids;
  if (wanted.all) ids = list_maildrop(directory);
  for (const std::string& text : wanted.ids) {
    const std::optional<QueueId> id = QueueId::parse(text);
    if (id && id->partition == kMaildropPartition) ids.push_back(*id);
  }
  uint64_t count = 0;
  for (const QueueId id : ids) {
    if (!remove_maildrop(directory, id)) continue;
    ++count;
    if (!wanted.all) fmt::print(stderr, "{}: {}: removed\n", name, id.text());
  }
  return count;
}

int run_kind(const std::string& directory, std::string_view name, const Kind& kind,
             const Wanted& wanted, const std::vector<std::string>& queues) {
  QueryWords states;
  for (const std::string& queue : queues) {
    // Naming the queues that an option does not act on is no mistake to Postfix.
    if (kind.letter == 'h' && queue == "hold") continue;
    if (kind.letter == 'H' && queue != "hold") continue;
    if (queue == kMaildrop || std::find(kOthers.begin(), kOthers.end(), queue) != kOthers.end()) {
      continue;
    }
    states.emplace_back("state", queue);
  }
  const bool in_maildrop =
      kind.letter == 'd' && std::find(queues.begin(), queues.end(), kMaildrop) != queues.end();
  const bool in_store = queues.empty() || !states.empty();
  if (!in_store && !in_maildrop) return 0;
  ActionResult total;
  if (in_maildrop) total.matched = delete_waiting(directory, name, wanted);
  bool ok = true;
  if (in_store && wanted.all) {
    QueryWords words = states;
    words.emplace_back("all", "true");
    ok = ask(directory, name, kind, words, &total);
  }
  for (size_t i = 0; in_store && ok && i < wanted.ids.size(); i += kIdsPerRequest) {
    QueryWords words = states;
    for (size_t j = i; j < std::min(i + kIdsPerRequest, wanted.ids.size()); ++j) {
      words.emplace_back("id", wanted.ids[j]);
    }
    ok = ask(directory, name, kind, words, &total);
  }
  const auto say = [&](std::string_view what, uint64_t count) {
    fmt::print(stderr, "{}: {}: {} message{}\n", name, what, count, count == 1 ? "" : "s");
  };
  if (!ok) return total.exit_status;
  say(kind.summary, total.matched);
  if (kind.letter == 'f') say("Released from hold", total.released);
  return 0;
}

}  // namespace

int run_postsuper_command(std::span<const char* const> arguments, std::string_view name) {
  Options options;
  if (const int status = read_options(arguments, name, &options); status != 0) return status;
  if (options.help) {
    fmt::print("{}", kHelp);
    return 0;
  }
  if (geteuid() != 0) return fail(name, "use of this command is reserved for the superuser");
  std::string directory;
  if (const int status = find_queue_directory(options.directory, name, &directory); status != 0) {
    return status;
  }
  for (size_t i = 0; i < kKinds.size(); ++i) {
    const Wanted& wanted = options.wanted[i];
    if (!wanted.given) continue;
    const int status = run_kind(directory, name, kKinds[i], wanted, options.queues);
    if (status != 0) return status;
  }
  return 0;
}

}  // namespace barid::tools
