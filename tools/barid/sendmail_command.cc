// sendmail: mail of this host's programs, as Postfix's sendmail(1) takes it.
#include <absl/container/flat_hash_set.h>
#include <fmt/format.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "core/crypto/digest.h"
#include "core/lookup/files.h"
#include "core/lookup/table.h"
#include "core/mail/address_list.h"
#include "core/text/ascii.h"
#include "core/text/base64.h"
#include "core/text/date.h"
#include "core/text/xtext.h"
#include "shard/net/peer_user.h"
#include "smtp/proto/address.h"
#include "tools/barid/commands.h"
#include "tools/barid/config_command.h"
#include "tools/barid/control_client.h"
#include "tools/barid/maildrop.h"
#include "tools/barid/map_build.h"
#include "tools/barid/sendmail_message.h"
#include "tools/barid/sendmail_options.h"

namespace barid::tools {
namespace {

using Arguments = std::span<const char* const>;

constexpr size_t kOnceKeyBytes = 16;

constexpr std::string_view kNewaliasesHelp = R"(newaliases - build the files of alias_database

SYNOPSIS
  newaliases [-C DIRECTORY]

  The same as sendmail -bi: each table of alias_database is built from its text. A running server
  takes up the new file by itself. One table: postalias hash:/etc/aliases

EXIT STATUS
  0   done            64  bad usage            78  configuration     else: a table was not built

EXAMPLES
  newaliases
)";

constexpr std::string_view kHelp = R"({0} - send the mail of programs on this host

SYNOPSIS
  {0} [OPTIONS] [RECIPIENT...] <MESSAGE
  {0} -bs | -bp | -q | -qI ID | -qR DOMAIN | -bi | -bd

  -t           recipients from To, Cc and Bcc too; Bcc is taken out
  -f ADDRESS   the sender (also -r); -f '<>' is the null sender
  -F NAME      the name in a From field that is added
  -i, -oi      a line that is a dot does not end the message
  -N WHEN      tell the sender of success,failure,delay, or never
  -R full|hdrs  how much of the message a notice returns     -V ID  its envelope id
  -XV[xy]      a sender of its own for each recipient (VERP)
  -B TYPE      7BIT or 8BITMIME      -G  another host's mail: add no field
  -C DIRECTORY configuration          -O smtputf8  needs SMTPUTF8
  -bs  SMTP on standard input and output     -bp  list the queue (mailq)
  -q   try everything now; -qI one message, -qR one domain (postqueue -f, -i, -s)
  -bi, -I  build the files of alias_database (newaliases)
  -bd  start the mail system (postfix start)
  Sendmail's -A -L -U -X -c -d -e -h -m -n -o -p -v are taken and change nothing.

  The message is on disk when the command ends with status 0. While the mail system is down the
  superuser's messages wait in maildrop, below the queue directory; other users are told to retry.

EXIT STATUS
  0   on disk         64  bad usage, or no recipients       65  a bad address
  69  refused         75  try again     77  not allowed     78  configuration

EXAMPLES
  printf 'Subject: hello\n\nfirst message\n' | {0} -f me@example.org you@example.net
  {0} -t <message
)";

struct Caller {
  std::string name;
  std::string full_name;
};

/// Name and gecos of whoever runs this.
Caller find_caller() {
  Caller caller{.name = net::user_name(getuid())};
  if (const passwd* entry = getpwuid(getuid()); entry != nullptr && entry->pw_gecos != nullptr) {
    std::string_view gecos(entry->pw_gecos);
    gecos = gecos.substr(0, gecos.find(','));
    for (const char c : gecos) {
      if (c != '&') {
        caller.full_name += c;
      } else if (!caller.name.empty()) {
        caller.full_name += text::to_upper(caller.name.front());
        caller.full_name += caller.name.substr(1);
      }
    }
  }
  if (const char* name = getenv("NAME"); name != nullptr) caller.full_name = name;
  return caller;
}

class Sendmail {
 public:
  Sendmail(const SendmailOptions& options, const config::Configuration& configuration,
           std::string_view name)
      : options_(options),
        configuration_(configuration),
        name_(name),
        queue_directory_(client_queue_directory(configuration)),
        caller_(find_caller()) {}

  int deliver();
  int speak_smtp();

 private:
  int fail(int status, std::string_view text) const {
    fmt::print(stderr, "{}: fatal: {}\n", name_, text);
    return status;
  }
  [[nodiscard]] std::string complete(std::string address) const;
  [[nodiscard]] std::string sender() const;
  [[nodiscard]] std::string who() const;
  int read_input(std::string* input) const;
  [[nodiscard]] MessageRules rules() const;
  int collect_recipients(const SendmailMessage& message, std::vector<std::string>* out) const;
  [[nodiscard]] bool needs_smtputf8(const SendmailMessage& message,
                                    const std::vector<std::string>& recipients) const;
  [[nodiscard]] std::vector<std::string> commands(const SendmailMessage& message,
                                                  const std::vector<std::string>& recipients) const;
  int submit(const MaildropMessage& message) const;

  const SendmailOptions& options_;
  const config::Configuration& configuration_;
  std::string_view name_;
  std::string queue_directory_;
  Caller caller_;
};

/// An address without domain is of $myorigin.
std::string Sendmail::complete(std::string address) const {
  if (address.empty() || !smtp::split_address(address).domain.empty()) return address;
  return address + "@" + configuration_.get("myorigin");
}

std::string Sendmail::sender() const {
  if (!options_.sender) return complete(caller_.name);
  const std::vector<std::string> found = list_addresses(*options_.sender);
  return found.empty() ? std::string() : complete(found.front());
}

/// As Postfix's complaints begin: "joe(1000)".
std::string Sendmail::who() const {
  const bool named = options_.sender && !options_.sender->empty();
  return fmt::format("{}({})", named ? *options_.sender : caller_.name, getuid());
}

int Sendmail::read_input(std::string* input) const {
  const auto limit = static_cast<size_t>(configuration_.get_int("message_size_limit"));
  constexpr size_t kBytesMax = 1u << 30;
  const size_t bytes_max = limit == 0 ? kBytesMax : std::min(limit, kBytesMax);
  char buffer[64 * 1024];
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return fail(EX_DATAERR, fmt::format("standard input: {}", std::strerror(errno)));
    }
    if (got == 0) return 0;
    input->append(buffer, static_cast<size_t>(got));
    if (input->size() > bytes_max) {
      return fail(EX_UNAVAILABLE, fmt::format("{}: Message file too big", who()));
    }
    if (!options_.dot_is_data && (input->ends_with("\n.\n") || *input == ".\n")) return 0;
  }
}

MessageRules Sendmail::rules() const {
  MessageRules rules;
  const std::string endings = configuration_.get("sendmail_fix_line_endings");
  rules.line_endings = endings == "strict"  ? FixLineEndings::kStrict
                       : endings == "never" ? FixLineEndings::kNever
                                            : FixLineEndings::kAlways;
  rules.replace_stray_cr = configuration_.get_bool("cleanup_replace_stray_cr_lf");
  rules.dot_ends = !options_.dot_is_data;
  rules.add_fields = !options_.relayed;
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  text::append_date(
      rules.date, now,
      {.minutes_east = static_cast<int32_t>(local.tm_gmtoff / 60), .name = local.tm_zone});
  std::tm utc{};
  gmtime_r(&now, &utc);
  uint64_t random = 0;
  const std::string bytes = crypto::random_bytes(sizeof random);
  std::memcpy(&random, bytes.data(), sizeof random);
  rules.message_id = fmt::format("<{:04}{:02}{:02}{:02}{:02}{:02}.{:016X}@{}>", utc.tm_year + 1900,
                                 utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                                 random, configuration_.get("myhostname"));
  const std::string from = sender();
  rules.from = format_from(options_.full_name.empty() ? caller_.full_name : options_.full_name,
                           from.empty() ? complete("MAILER-DAEMON") : from);
  rules.undisclosed = configuration_.get("undisclosed_recipients_header");
  return rules;
}

/// Those of the command line, and with -t those of the header.
int Sendmail::collect_recipients(const SendmailMessage& message,
                                 std::vector<std::string>* out) const {
  std::vector<std::string> found;
  for (const std::string& argument : options_.recipients) {
    for (std::string& address : list_addresses(argument)) found.push_back(std::move(address));
  }
  if (options_.recipients_in_header) {
    found.insert(found.end(), message.recipients.begin(), message.recipients.end());
  }
  bool bad = false;
  absl::flat_hash_set<std::string> known;
  for (const std::string& address : found) {
    std::string whole = complete(address);
    const Result<smtp::Address> parsed = smtp::parse_mailbox(whole, {.utf8 = true});
    if (whole.empty() || !parsed.ok()) {
      fmt::print(stderr, "{}: fatal: {}: bad recipient address \"{}\"\n", name_, who(), address);
      bad = true;
    } else if (known.insert(whole).second) {
      out->push_back(std::move(whole));
    }
  }
  if (bad) return EX_DATAERR;
  if (!out->empty()) return 0;
  return fail(EX_USAGE,
              fmt::format("{}: {}", who(),
                          options_.recipients_in_header
                              ? "No recipient addresses found in message header"
                              : "Recipient addresses must be specified on the command line or via "
                                "the -t option"));
}

bool Sendmail::needs_smtputf8(const SendmailMessage& message,
                              const std::vector<std::string>& recipients) const {
  if (options_.smtputf8) return true;
  if (!configuration_.get_bool("smtputf8_enable")) return false;
  const std::vector<std::string> classes =
      configuration_.global().get_list("smtputf8_autodetect_classes");
  const bool detect = std::any_of(classes.begin(), classes.end(), [](const std::string& one) {
    return one == "sendmail" || one == "all";
  });
  return detect && (message.header_is_8bit || !text::is_ascii(sender()) ||
                    !std::all_of(recipients.begin(), recipients.end(),
                                 [](const std::string& one) { return text::is_ascii(one); }));
}

std::vector<std::string> Sendmail::commands(const SendmailMessage& message,
                                            const std::vector<std::string>& recipients) const {
  std::string mail = fmt::format("MAIL FROM:<{}> SIZE={}", sender(), message.content.size());
  const BodyType body =
      options_.body.value_or(message.has_8bit ? BodyType::k8BitMime : BodyType::k7Bit);
  if (body == BodyType::k8BitMime) mail += " BODY=8BITMIME";
  if (needs_smtputf8(message, recipients)) mail += " SMTPUTF8";
  if (options_.dsn_return == DsnReturn::kFull) mail += " RET=FULL";
  if (options_.dsn_return == DsnReturn::kHeaders) mail += " RET=HDRS";
  if (!options_.envid.empty()) {
    mail += " ENVID=";
    text::append_xtext(mail, options_.envid);
  }
  if (options_.verp) mail += options_.verp->empty() ? " XVERP" : " XVERP=" + *options_.verp;
  // A server may store it and be killed before it says so; it then waits as a file.
  mail += " XONCE=";
  text::append_hex(mail, crypto::random_bytes(kOnceKeyBytes));
  std::string notify;
  static constexpr std::array<std::pair<uint8_t, std::string_view>, 4> kNames = {
      {{kNotifyNever, "NEVER"},
       {kNotifySuccess, "SUCCESS"},
       {kNotifyFailure, "FAILURE"},
       {kNotifyDelay, "DELAY"}}};
  for (const auto& [bit, word] : kNames) {
    if ((options_.notify & bit) != 0) notify.append(notify.empty() ? " NOTIFY=" : ",").append(word);
  }
  std::vector<std::string> lines{std::move(mail)};
  for (const std::string& recipient : recipients) {
    lines.push_back(fmt::format("RCPT TO:<{}>{}", recipient, notify));
  }
  return lines;
}

int Sendmail::submit(const MaildropMessage& message) const {
  constexpr int kPatienceSeconds = 300;
  const SubmitResult result = submit_to_server(queue_directory_, message, kPatienceSeconds);
  if (result.exit_status == 0) return 0;
  if (!result.is_down) return fail(result.exit_status, fmt::format("{}: {}", who(), result.text));
  const std::string problem = write_maildrop(queue_directory_, message);
  if (!problem.empty()) return fail(EX_TEMPFAIL, fmt::format("{}; {}", result.text, problem));
  fmt::print(stderr, "{}: warning: {}; the message waits in {}/maildrop\n", name_, result.text,
             queue_directory_);
  return 0;
}

int Sendmail::deliver() {
  if (!options_.recipients_in_header && options_.recipients.empty()) {
    std::vector<std::string> none;
    return collect_recipients({}, &none);  // says so before anything is read
  }
  std::string input;
  if (const int status = read_input(&input); status != 0) return status;
  SendmailMessage message = prepare_message(input, rules());
  std::vector<std::string> recipients;
  if (const int status = collect_recipients(message, &recipients); status != 0) return status;
  const std::string from = sender();
  if (!from.empty() && !smtp::parse_mailbox(from, {.utf8 = true}).ok()) {
    return fail(EX_DATAERR, fmt::format("{}: bad sender address \"{}\"", who(), from));
  }
  MaildropMessage whole{.commands = commands(message, recipients),
                        .content = std::move(message.content)};
  return submit(whole);
}

/// Passes bytes both ways until the server closes; our end of input is told to it.
int Sendmail::speak_smtp() {
  const int fd = connect_to_pickup(queue_directory_);
  if (fd < 0) return fail(EX_TEMPFAIL, "the mail system is down");
  const auto pass = [](int from, int to) {
    char buffer[64 * 1024];
    ssize_t got = ::read(from, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) return true;
    for (const char* at = buffer; got > 0;) {
      const ssize_t written = ::write(to, at, static_cast<size_t>(got));
      if (written < 0 && errno != EINTR) return false;
      if (written <= 0) continue;
      at += written;
      got -= written;
      if (got == 0) return true;
    }
    return false;
  };
  std::array<pollfd, 2> ends = {pollfd{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                                pollfd{.fd = fd, .events = POLLIN, .revents = 0}};
  for (;;) {
    if (::poll(ends.data(), ends.size(), -1) < 0 && errno != EINTR) break;
    if (ends[1].revents != 0 && !pass(fd, STDOUT_FILENO)) break;
    if (ends[0].revents != 0 && !pass(STDIN_FILENO, fd)) {
      ::shutdown(fd, SHUT_WR);
      ends[0].fd = -1;
    }
  }
  ::close(fd);
  return 0;
}

/// Builds each indexed alias file; those that are read as they are have nothing to build, but
/// mistakes to be told of.
int build_aliases(const SendmailOptions& options, const config::Configuration& configuration,
                  std::string_view name) {
  std::vector<std::string> files = options.alias_files;
  if (files.empty()) files = configuration.global().get_list("alias_database");
  int status = 0;
  for (std::string& file : files) {
    if (file.find(':') == std::string::npos) {
      file.insert(0, configuration.get("default_database_type") + ":");
    }
    const size_t colon = file.find(':');
    const std::string path = file.substr(colon + 1);
    MapOutcome outcome;
    if (const auto type = lookup::find_index_type(std::string_view(file).substr(0, colon)); type) {
      const MapOptions wish;
      outcome = MapFile(*type, path, wish, /*aliases=*/true).build();
    } else if (const auto table = lookup::open_table(
                   "aliases:" + path,
                   {.read_file = lookup::read_whole_file, .warnings = &outcome.warnings});
               access(path.c_str(), R_OK) != 0) {
      outcome.status = EX_NOINPUT;
    }
    for (const std::string& warning : outcome.warnings) {
      fmt::print(stderr, "{}: warning: {}\n", name, warning);
    }
    if (!outcome.error.empty()) fmt::print(stderr, "{}: fatal: {}\n", name, outcome.error);
    if (outcome.status != 0) status = outcome.status;
  }
  return status;
}

/// Another command, in this configuration.
int run_other(int (*command)(Arguments, std::string_view), std::vector<std::string> words,
              const SendmailOptions& options, std::string_view name) {
  if (!options.config_directory.empty()) {
    words.insert(words.begin(), {"-c", options.config_directory});
  }
  std::vector<const char*> pointers;
  for (const std::string& word : words) pointers.push_back(word.c_str());
  return command(pointers, name);
}

int run(const SendmailOptions& options, std::string_view name) {
  using Mode = SendmailOptions::Mode;
  switch (options.mode) {
    case Mode::kHelp:
      if (name == "newaliases") {
        fmt::print("{}", kNewaliasesHelp);
      } else {
        fmt::print(fmt::runtime(kHelp), name);
      }
      return 0;
    case Mode::kList:
      return run_other(run_queue_command, {"-p"}, options, "postqueue");
    case Mode::kFlush:
      return run_other(run_queue_command, {"-f"}, options, "postqueue");
    case Mode::kFlushId:
      return run_other(run_queue_command, {"-i", options.target}, options, "postqueue");
    case Mode::kFlushDomain:
      return run_other(run_queue_command, {"-s", options.target}, options, "postqueue");
    case Mode::kStart:
      return run_other(run_control_command, {"start"}, options, "postfix");
    case Mode::kAliases:
    case Mode::kSmtp:
    case Mode::kDeliver:
      break;
  }
  const config::LoadResult loaded = load_client_configuration(options.config_directory, true);
  for (const config::Diagnostic& error : loaded.diagnostics.errors) {
    fmt::print(stderr, "{}: fatal: {}\n", name, error.str());
  }
  if (!loaded.ok()) return EX_CONFIG;
  if (options.mode == Mode::kAliases) return build_aliases(options, *loaded.configuration, name);
  Sendmail sendmail(options, *loaded.configuration, name);
  return options.mode == Mode::kSmtp ? sendmail.speak_smtp() : sendmail.deliver();
}

}  // namespace

int run_sendmail_command(Arguments arguments, std::string_view name) {
  signal(SIGPIPE, SIG_IGN);
  std::string problem;
  std::optional<SendmailOptions> options = parse_sendmail_options(arguments, &problem);
  if (!options) {
    fmt::print(stderr, "{0}: fatal: {1}\nusage: {0} --help\n", name, problem);
    return EX_USAGE;
  }
  if (name == "newaliases" && options->mode != SendmailOptions::Mode::kHelp) {
    options->mode = SendmailOptions::Mode::kAliases;
  }
  return run(*options, name);
}

}  // namespace barid::tools
