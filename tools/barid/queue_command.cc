// barid queue: list, show and change the queue; mailq and postqueue are other names of parts of it.
#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>
#include <array>
#include <string>

#include "core/base/queue_id.h"
#include "core/lookup/files.h"
#include "core/lookup/match_list.h"
#include "shard/queue/message_filter.h"
#include "tools/barid/commands.h"
#include "tools/barid/control_client.h"
#include "tools/barid/offline_queue.h"
#include "tools/barid/queue_client.h"
#include "tools/barid/queue_list.h"
#include "tools/barid/settings_parts.h"

namespace barid::tools {
namespace {

using Arguments = std::span<const char* const>;

constexpr std::string_view kHelp = R"(barid queue - list, show and change the queue

SYNOPSIS
  barid queue [-c DIRECTORY] list [FILTERS] [--json]                     mailq, postqueue -p, -j
  barid queue [-c DIRECTORY] show ID [--content]     one that has left: what is kept of it
  barid queue [-c DIRECTORY] cat [OPTIONS] ID...                         postcat -q
  barid queue [-c DIRECTORY] ACTION (ID... | FILTERS | --all) [--dry-run] [--json]   postsuper
  barid queue [-c DIRECTORY] destinations [--json]
  barid queue [-c DIRECTORY] suspend (--domain|--site|--tenant|--stream) X [--for 1h] [--reason TEXT]
  barid queue [-c DIRECTORY] resume (--domain|--site|--tenant|--stream) X
  barid queue [-c DIRECTORY] suspensions [--json]
  barid queue [-c DIRECTORY] shape [OPTIONS]                             qshape
  barid queue [-c DIRECTORY] shape --explain DOMAIN [--sender A] [--pool P] [--json]

ACTIONS
  hold      out of the schedule until released      release   from hold, due now
  requeue   a new id and a new life                 delete    without any notice
  expire    return to the sender now, from hold too
  flush     due now (postqueue -f, -i, -s)
  shape --explain   where mail for a domain goes, and which rule gave each of its limits

FILTERS: all given must hold; those about recipients for one that is not done
  --sender A --recipient A     an address, or @ and a domain; <> is the null sender
  --domain D --site S --tenant T --stream transactional|bulk
  --state active|incoming|deferred|hold (may be repeated; a list knows maildrop too)
  --older-than 1h              since it arrived; s, m, h, d, w
  --reason TEXT                part of why it was deferred
  --dry-run counts without touching. Long work shows its progress on a terminal; an interrupt ends
  it between two messages.

  list and shape work without a server too, for users who may read the queue directory.

EXIT STATUS
  0   done            64  bad usage       65  bad id, filter or range, or an id that is in no queue
  69  the server does not run             75  ended early     78  configuration

EXAMPLES
  barid queue list --domain example.org --older-than 1h
  barid queue hold --tenant acme --dry-run
  barid queue delete --sender @spam.example
  barid queue suspend --domain example.org --for 2h --reason "they asked"
  barid queue list --json | jq -r .queue_id
)";

constexpr std::string_view kPostqueueHelp = R"({0} - the queue as Postfix shows it

SYNOPSIS
  mailq
  postqueue [-v] [-c DIRECTORY] (-p | -j | -f | -i ID | -s SITE)

  -p  list          -j  list as JSON lines       -f  try everything now
  -i ID  try this message now
  -s SITE  try all mail for this domain now, if it is one of fast_flush_domains
  --help  this text; `barid queue --help` shows filters and actions

EXIT STATUS
  0   done            64  bad usage       65  a message that is in no queue
  69  the server does not run, or no site of fast_flush_domains
  78  configuration

EXAMPLES
  mailq
  postqueue -s example.org
)";

constexpr std::array<std::string_view, 6> kActions = {"hold",   "release", "requeue",
                                                      "delete", "expire",  "flush"};
constexpr size_t kIdsPerRequest = 200;

class Lister final : public LineSink {
 public:
  Lister(bool json, std::string_view name) : json_(json), name_(name) {}
  void on_line(std::string_view line) override {
    std::string out;
    if (!error_.empty() || line.starts_with("{\"statusCode\"")) {
      error_ += line;
      return;
    }
    if (json_) {
      out.assign(line);
      out += '\n';
    } else if (const auto entry = parse_json_line(line); entry.ok()) {
      text_.add(out, *entry);
    } else {
      fmt::print(stderr, "{}: warning: the server sent a line that is no queue entry\n", name_);
    }
    std::fwrite(out.data(), 1, out.size(), stdout);
  }
  void finish() {
    if (json_) return;
    std::string out;
    text_.finish(out);
    std::fwrite(out.data(), 1, out.size(), stdout);
  }
  [[nodiscard]] const std::string& error() const noexcept { return error_; }

 private:
  bool json_;
  std::string_view name_;
  MailqText text_;
  std::string error_;
};

int usage(std::string_view name, std::string_view text) {
  fmt::print(stderr, "{}: fatal: {}\n", name, text);
  return EX_USAGE;
}

/// A server's answer that is an error, said; 0 if it is none.
int check_answer(const Result<ControlAnswer>& answer, std::string_view name, std::string_view what,
                 std::string_view body) {
  if (!answer.ok()) {
    const bool down = answer.error().code == Code::kUnavailable;
    fmt::print(stderr, "{}: fatal: {}\n", name,
               down ? fmt::format("{} unavailable - mail system is down", what)
                    : fmt::format("{} ended early", what));
    return down ? EX_UNAVAILABLE : EX_TEMPFAIL;
  }
  if (answer->status < 400) return 0;
  fmt::print(stderr, "{}: fatal: {}\n", name, error_message(body));
  return answer->status == 404 || answer->status == 400 ? EX_DATAERR : EX_TEMPFAIL;
}

int list(const std::string& directory, std::string_view name, const QueryWords& words, bool json) {
  Lister lister(json, name);
  const Result<ControlAnswer> answer = list_queue(directory, name, words, &lister);
  const std::string body = lister.error() + (answer.ok() ? answer->body : "");
  if (const int status = check_answer(answer, name, "Queue report", body); status != 0) {
    return status;
  }
  lister.finish();
  return 0;
}

/// A message that is in the queue; else the submission that it was of, as it is kept.
int show(const std::string& directory, std::string_view name, std::string_view id, bool content) {
  const Result<ControlAnswer> answer =
      read_message(directory, name, id, content ? MessagePart::kContent : MessagePart::kEnvelope);
  const std::string body = answer.ok() ? answer->body : "";
  if (answer.ok() && answer->status == 404 && !content) {
    const Result<ControlAnswer> past =
        ask_server(directory, "GET", fmt::format("/admin/v1/emails/{}", id));
    if (past.ok() && past->status == 200) {
      fmt::print("{}", past->body);
      return 0;
    }
  }
  if (const int status = check_answer(answer, name, "Message", body); status != 0) return status;
  std::fwrite(body.data(), 1, body.size(), stdout);
  return 0;
}

struct ActionOptions {
  std::string action;
  QueryWords words;  // filters, all, dry_run
  std::vector<std::string> ids;
  bool dry_run = false;
  bool json = false;
};

void print_action(std::string_view name, const ActionOptions& options, const ActionResult& total) {
  if (options.json) {
    std::string out = fmt::format(
        "{{\"action\": \"{}\", \"dry_run\": {}, \"examined\": {}, \"matched\": {}, \"busy\": {}, "
        "\"unknown\": [",
        options.action, options.dry_run, total.examined, total.matched, total.busy);
    for (size_t i = 0; i < total.unknown.size(); ++i) {
      out += fmt::format("{}\"{}\"", i == 0 ? "" : ", ", total.unknown[i]);
    }
    fmt::print("{}]}}\n", out);
    return;
  }
  fmt::print("{}{}: {} message{}\n", options.action, options.dry_run ? " (dry run)" : "",
             total.matched, total.matched == 1 ? "" : "s");
  if (total.busy > 0 && !options.dry_run) {
    fmt::print("{} of them being delivered: changed when that ends\n", total.busy);
  }
  for (const std::string& id : total.unknown) {
    fmt::print(stderr, "{}: no message {} in the queue\n", name, id);
  }
}

int act(const std::string& directory, std::string_view name, const ActionOptions& options) {
  // Expiring means to be rid of it: on hold it would stay.
  const std::string action = options.action == "expire" ? "expire-release" : options.action;
  ActionResult total;
  for (size_t i = 0; i == 0 || i < options.ids.size(); i += kIdsPerRequest) {
    QueryWords words = options.words;
    for (size_t j = i; j < std::min(i + kIdsPerRequest, options.ids.size()); ++j) {
      words.emplace_back("id", options.ids[j]);
    }
    ActionResult one = run_queue_action(directory, name, action, words);
    total.examined += one.examined;
    total.matched += one.matched;
    total.busy += one.busy;
    total.unknown.insert(total.unknown.end(), one.unknown.begin(), one.unknown.end());
    if (one.exit_status != 0) return one.exit_status;
  }
  print_action(name, options, total);
  return total.unknown.empty() ? 0 : EX_DATAERR;
}

class DestinationLines final : public LineSink {
 public:
  explicit DestinationLines(bool json) : json_(json) {}
  void on_line(std::string_view line) override {
    const std::string text = json_ ? std::string(line) + '\n' : destination_row(line);
    if (!json_ && rows_++ == 0) fmt::print("{}", destination_head());
    std::fwrite(text.data(), 1, text.size(), stdout);
  }

 private:
  bool json_;
  size_t rows_ = 0;
};

int destinations(const std::string& directory, std::string_view name, bool json) {
  DestinationLines lines(json);
  const Result<ControlAnswer> answer =
      ask_server(directory, "GET", "/admin/v1/destinations", &lines);
  return check_answer(answer, name, "Destinations", answer.ok() ? answer->body : "");
}

/// The words after the verb: filters, ids and switches. 0, or 64 or 65 after saying why.
int read_words(Arguments arguments, std::string_view name, ActionOptions* options, bool* content) {
  queue::MessageFilter check;
  bool all = false;
  bool filtered = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string_view word = arguments[i];
    if (!word.starts_with("-")) {
      if (!QueueId::parse(word)) {
        fmt::print(stderr,
                   "{}: fatal: \"{}\" is no queue id: {} letters and digits, as mailq shows "
                   "them\n",
                   name, word, QueueId::kTextBytes);
        return EX_DATAERR;
      }
      options->ids.emplace_back(word);
      continue;
    }
    if (word == "--json" || word == "-j") {
      options->json = true;
    } else if (word == "--dry-run") {
      options->dry_run = true;
    } else if (word == "--content") {
      *content = true;
    } else if (word == "--all") {
      all = true;
    } else {
      const size_t equals = word.find('=');
      const std::string_view filter =
          word.substr(0, equals).substr(std::min<size_t>(2, word.size()));
      const auto& names = queue::MessageFilter::kNames;
      if (!word.starts_with("--") || std::find(names.begin(), names.end(), filter) == names.end()) {
        return usage(name, fmt::format("unexpected \"{}\"; --help lists the filters", word));
      }
      std::string_view value;
      if (equals != std::string_view::npos) {
        value = word.substr(equals + 1);
      } else if (i + 1 < arguments.size()) {
        value = arguments[++i];
      } else {
        return usage(name, fmt::format("{} needs a value", word));
      }
      if (const std::string problem = check.add(filter, value); !problem.empty()) {
        fmt::print(stderr, "{}: fatal: {}\n", name, problem);
        return EX_DATAERR;
      }
      options->words.emplace_back(filter, value);
      filtered = true;
    }
  }
  if (all && (filtered || !options->ids.empty())) {
    return usage(name, "--all stands alone: no ids, no filters");
  }
  if (!options->ids.empty() && filtered) return usage(name, "ids or filters, not both");
  if (all) options->words.emplace_back("all", "true");
  if (options->dry_run) options->words.emplace_back("dry_run", "true");
  return 0;
}

int run_verb(const std::string& directory, std::string_view name, std::string_view verb,
             Arguments rest) {
  ActionOptions options{.action = std::string(verb)};
  bool content = false;
  if (const int status = read_words(rest, name, &options, &content); status != 0) return status;
  const bool chosen = !options.ids.empty() || !options.words.empty();
  if (verb == "list") {
    if (!options.ids.empty()) return usage(name, "list takes filters; `show ID` shows a message");
    return list(directory, name, options.words, options.json);
  }
  if (verb == "show") {
    if (options.ids.size() != 1) return usage(name, "show needs one id");
    return show(directory, name, options.ids.front(), content);
  }
  if (verb == "destinations") {
    if (chosen) return usage(name, "destinations takes only --json");
    return destinations(directory, name, options.json);
  }
  const size_t switches = options.dry_run ? 1 : 0;
  if (options.ids.empty() && options.words.size() == switches) {
    return usage(name, fmt::format("{} needs ids, filters or --all", verb));
  }
  return act(directory, name, options);
}

/// Postfix flushes by site only what its flush service keeps lists of. 0, or 69 after saying so.
int check_flush_domain(const std::string& directory, std::string_view name,
                       std::string_view domain) {
  const config::LoadResult loaded = load_client_configuration(directory);
  if (!loaded.ok()) return EX_CONFIG;  // find_queue_directory() has said why
  const config::Configuration& configuration = *loaded.configuration;
  constexpr const char* kList = "fast_flush_domains";
  const lookup::DomainList domains(kList, configuration.get(kList),
                                   subdomains(configuration, kList),
                                   {.read_file = lookup::read_whole_file});
  if (domains.match(domain).yes()) return 0;
  fmt::print(stderr,
             "{}: fatal: Flush service is not configured for destination \"{}\": {}; `barid queue "
             "flush --domain` takes any\n",
             name, domain, kList);
  return EX_UNAVAILABLE;
}

int run_postqueue(Arguments arguments, std::string_view name) {
  std::string directory;
  char mode = name == "mailq" ? 'p' : '\0';
  std::string value;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == "--help" || word == "-h") {
      fmt::print(fmt::runtime(kPostqueueHelp), name);
      return 0;
    }
    const bool takes_value = word == "-c" || word == "-i" || word == "-s";
    if (takes_value && i + 1 == arguments.size()) {
      return usage(name, fmt::format("{} needs a value", word));
    }
    if (word == "-c") {
      directory = arguments[++i];
    } else if (word == "-i" || word == "-s" || word == "-p" || word == "-j" || word == "-f") {
      const bool again = mode != '\0' && (mode != 'p' || name != "mailq");
      if (again) return usage(name, "one of -p, -j, -f, -i and -s at a time");
      mode = word[1];
      if (takes_value) value = arguments[++i];
    } else if (word != "-v") {
      return usage(name, fmt::format("unexpected \"{}\"; --help lists the options", word));
    }
  }
  if (mode == '\0') {
    fmt::print(stderr, fmt::runtime(kPostqueueHelp), name);
    return EX_USAGE;
  }
  if (mode == 'i' && !QueueId::parse(value)) {
    return usage(name, fmt::format("Cannot flush mail queue - invalid message ID: \"{}\"", value));
  }
  queue::MessageFilter check;
  if (mode == 's' && !check.add("domain", value).empty()) {
    return usage(name, fmt::format("Cannot flush mail queue - invalid destination: \"{}\"", value));
  }
  std::string queue_directory;
  if (const int status = find_queue_directory(directory, name, &queue_directory); status != 0) {
    return status;
  }
  if (mode == 's') {
    if (const int status = check_flush_domain(directory, name, value); status != 0) return status;
  }
  if (mode == 'p' || mode == 'j') return list(queue_directory, name, {}, mode == 'j');
  QueryWords words = {{"all", "true"}};
  if (mode == 'i') words = {{"id", value}};
  if (mode == 's') words = {{"domain", value}};
  const ActionResult result = run_queue_action(queue_directory, name, "flush", words);
  for (const std::string& id : result.unknown) {
    fmt::print(stderr, "{}: fatal: no message {} in the queue\n", name, id);
  }
  return result.exit_status != 0 || result.unknown.empty() ? result.exit_status : EX_DATAERR;
}

}  // namespace

int run_queue_command(Arguments arguments, std::string_view name) {
  if (name == "mailq" || name == "postqueue") return run_postqueue(arguments, name);
  std::string directory;
  size_t at = 0;
  for (; at < arguments.size(); ++at) {
    const std::string_view word = arguments[at];
    if (word == "--help" || word == "-h") {
      fmt::print("{}", kHelp);
      return 0;
    }
    if (word != "-c") break;
    if (++at == arguments.size()) return usage(name, "-c needs a directory");
    directory = arguments[at];
  }
  if (at == arguments.size()) {
    fmt::print(stderr, "{}", kHelp);
    return EX_USAGE;
  }
  const std::string_view verb = arguments[at];
  const Arguments rest = arguments.subspan(at + 1);
  if (std::find_if(rest.begin(), rest.end(),
                   [](const char* word) { return std::string_view(word) == "--help"; }) !=
          rest.end() &&
      verb != "shape" && verb != "cat") {
    fmt::print("{}", kHelp);
    return 0;
  }
  const bool suspends = verb == "suspend" || verb == "resume" || verb == "suspensions";
  const bool known = suspends || verb == "list" || verb == "show" || verb == "destinations" ||
                     std::find(kActions.begin(), kActions.end(), verb) != kActions.end();
  if (verb != "shape" && verb != "cat" && !known) {
    return usage(name, fmt::format("no command \"{}\"; --help lists them", verb));
  }
  std::string queue_directory;
  if (const int status = find_queue_directory(directory, name, &queue_directory); status != 0) {
    return status;
  }
  const auto is_explain = [](const char* word) { return std::string_view(word) == "--explain"; };
  if (verb == "shape" && std::any_of(rest.begin(), rest.end(), is_explain)) {
    return run_shape_explain(queue_directory, rest, name);
  }
  if (verb == "shape") return run_shape(queue_directory, rest, name);
  if (verb == "cat") return run_cat(queue_directory, rest, name);
  if (suspends) return run_suspend(queue_directory, verb, rest, name);
  return run_verb(queue_directory, name, verb, rest);
}

}  // namespace barid::tools
