#include "tools/barid/maildrop.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/lookup/files.h"
#include "shard/net/socket_address.h"
#include "smtp/proto/reply.h"
#include "tools/barid/settings.h"

namespace barid::tools {
namespace {

constexpr size_t kFilesPerRound = 100;
constexpr size_t kCommandsPerRound = 100;  // whose replies fit into any socket buffer
constexpr int kPickupPatience = 20;
constexpr size_t kMaildropBytesMax = 60u << 20;  // read_whole_file() takes 64 MiB
constexpr std::string_view kRefused = ".refused";
constexpr std::string_view kUnfinished = ".new-";

/// One SMTP dialogue, a step at a time.
class Dialogue {
 public:
  Dialogue(int fd, int patience_seconds) : fd_(fd) {
    const timeval patience{.tv_sec = patience_seconds, .tv_usec = 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }
  ~Dialogue() { ::close(fd_); }
  Dialogue(const Dialogue&) = delete;
  Dialogue& operator=(const Dialogue&) = delete;

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  /// The code of the next reply, 0 if none comes; `text` is its last line.
  int reply(std::string* text) {
    for (;;) {
      const size_t end = input_.find("\r\n");
      if (end == std::string::npos) {
        char buffer[4096];
        const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return 0;
        input_.append(buffer, static_cast<size_t>(got));
        continue;
      }
      std::string line = input_.substr(0, end);
      input_.erase(0, end + 2);
      const Result<smtp::ReplyLine> parsed = smtp::parse_reply_line(line);
      if (!parsed.ok()) return 0;
      if (!parsed->last) continue;
      *text = std::move(line);
      return parsed->code;
    }
  }

 private:
  int fd_;
  std::string input_;
};

/// sysexits.h for a refusal.
int exit_status_of(int code, std::string_view text) {
  if (code < 500) return EX_TEMPFAIL;
  if (code == 554 && text.find(" 5.7.1 ") != std::string_view::npos) return EX_NOPERM;
  if (code == 501 || code == 553) return EX_DATAERR;
  return EX_UNAVAILABLE;
}

SubmitResult refusal(int code, const std::string& text) {
  if (code == 0) {
    return {.exit_status = EX_TEMPFAIL, .is_down = true, .text = "the server does not answer"};
  }
  return {.exit_status = exit_status_of(code, text), .is_down = code == 421, .text = text};
}

/// MAIL and RCPTs; what the first refusal of each said, one a line.
SubmitResult send_envelope(Dialogue& dialogue, const std::vector<std::string>& commands) {
  SubmitResult result;
  for (size_t start = 0; start < commands.size(); start += kCommandsPerRound) {
    const size_t end = std::min(commands.size(), start + kCommandsPerRound);
    std::string round;
    for (size_t i = start; i < end; ++i) round.append(commands[i]).append("\r\n");
    if (!dialogue.send(round)) return refusal(0, {});
    for (size_t i = start; i < end; ++i) {
      std::string text;
      const int code = dialogue.reply(&text);
      if (code / 100 == 2) continue;
      SubmitResult one = refusal(code, text);
      if (i == 0 || one.is_down) return one;
      if (result.exit_status == 0) result.exit_status = one.exit_status;
      result.text.append(result.text.empty() ? "" : "\n").append(one.text);
    }
  }
  return result;
}

bool sync_directory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool synced = fsync(fd) == 0;
  ::close(fd);
  return synced;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

uint64_t now_micros() {
  timeval now{};
  gettimeofday(&now, nullptr);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_usec);
}

/// A finished file's name is an id that no other has.
bool give_id(const std::string& directory, const std::string& unfinished) {
  constexpr uint64_t kTriesMax = 1000;
  const uint64_t micros = now_micros();
  for (uint64_t i = 0; i < kTriesMax; ++i) {
    const QueueId id{.micros = micros + i, .partition = kMaildropPartition};
    const std::string name = directory + id.text();
    if (renameat2(AT_FDCWD, unfinished.c_str(), AT_FDCWD, name.c_str(), RENAME_NOREPLACE) == 0) {
      return true;
    }
    if (errno != EEXIST) return false;
  }
  return false;
}

/// Names of finished files, oldest first.
std::vector<std::string> waiting_files(const std::string& directory, size_t count_max) {
  std::vector<std::string> names;
  DIR* const listing = ::opendir(directory.c_str());
  if (listing == nullptr) return names;
  while (const dirent* entry = ::readdir(listing)) {
    const std::string_view name = entry->d_name;
    if (!name.starts_with('.') && !name.ends_with(kRefused)) names.emplace_back(name);
  }
  ::closedir(listing);
  std::sort(names.begin(), names.end());
  if (names.size() > count_max) names.resize(count_max);
  return names;
}

}  // namespace

std::string write_maildrop(const std::string& queue_directory, const MaildropMessage& message) {
  const std::string directory = queue_directory + "/maildrop/";
  if (message.content.size() > kMaildropBytesMax) return "too large to wait for the server";
  const std::string unfinished =
      fmt::format("{}{}{}-{}", directory, kUnfinished, now_micros(), getpid());
  const auto problem = [&directory] {
    return fmt::format("{}: {}", directory, std::strerror(errno));
  };
  const int fd = ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return problem();
  const bool written = write_all(fd, format_maildrop(message)) && fsync(fd) == 0;
  const int saved = errno;
  ::close(fd);
  errno = saved;
  if (!written || !give_id(directory, unfinished)) {
    std::string text = problem();
    unlink(unfinished.c_str());
    return text;
  }
  return sync_directory(directory) ? std::string() : problem();
}

std::vector<QueueId> list_maildrop(const std::string& queue_directory) {
  std::vector<QueueId> ids;
  for (const std::string& name : waiting_files(queue_directory + "/maildrop/", SIZE_MAX)) {
    const std::optional<QueueId> id = QueueId::parse(name);
    if (id && id->partition == kMaildropPartition) ids.push_back(*id);
  }
  return ids;
}

std::optional<WaitingMail> load_maildrop(const std::string& queue_directory, QueueId id) {
  const auto text = lookup::read_whole_file(queue_directory + "/maildrop/" + id.text());
  if (!text.ok()) return std::nullopt;
  std::optional<MaildropMessage> waiting = parse_maildrop(*text);
  if (!waiting) return std::nullopt;
  WaitingMail mail{.message = maildrop_message(id, *waiting), .content = {}};
  if (!mail.message) return std::nullopt;
  mail.content = std::move(waiting->content);
  return mail;
}

bool remove_maildrop(const std::string& queue_directory, QueueId id) {
  return unlink((queue_directory + "/maildrop/" + id.text()).c_str()) == 0;
}

int connect_to_pickup(const std::string& queue_directory) {
  const auto address = net::SocketAddress::from_unix_path(pickup_socket(queue_directory));
  if (!address) return -1;
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (::connect(fd, address->raw(), address->size()) == 0) return fd;
  ::close(fd);
  return -1;
}

SubmitResult submit_to_server(const std::string& queue_directory, const MaildropMessage& message,
                              int patience_seconds) {
  const int fd = connect_to_pickup(queue_directory);
  if (fd < 0) {
    return {.exit_status = EX_TEMPFAIL, .is_down = true, .text = "the mail system is down"};
  }
  Dialogue dialogue(fd, patience_seconds);
  std::string text;
  int code = dialogue.reply(&text);
  if (code != 220) return refusal(code, text);
  if (!dialogue.send("EHLO localhost\r\n")) return refusal(0, {});
  code = dialogue.reply(&text);
  if (code != 250) return refusal(code, text);
  if (SubmitResult envelope = send_envelope(dialogue, message.commands);
      envelope.exit_status != 0) {
    return envelope;
  }
  // A refusal may come before all is sent: what the server says counts more than that it left.
  const bool sent = dialogue.send(fmt::format("BDAT {} LAST\r\n", message.content.size())) &&
                    dialogue.send(message.content);
  code = dialogue.reply(&text);
  if (code != 250 || !sent) return refusal(code, text);
  static_cast<void>(dialogue.send("QUIT\r\n"));
  return {.exit_status = 0, .is_down = false, .text = text};
}

std::vector<std::string> pick_up_maildrop(const std::string& queue_directory) {
  const std::string directory = queue_directory + "/maildrop/";
  std::vector<std::string> warnings;
  for (const std::string& name : waiting_files(directory, kFilesPerRound)) {
    const std::string path = directory + name;
    const Result<std::string> text = lookup::read_whole_file(path);
    if (!text.ok()) {
      warnings.push_back(fmt::format("maildrop/{}: cannot be read", name));
      continue;
    }
    const std::optional<MaildropMessage> message = parse_maildrop(*text);
    SubmitResult result{.exit_status = EX_DATAERR, .is_down = false, .text = "is no message"};
    if (message) result = submit_to_server(queue_directory, *message, kPickupPatience);
    if (result.exit_status == 0) {
      unlink(path.c_str());
      continue;
    }
    if (result.exit_status == EX_TEMPFAIL) {
      warnings.push_back(fmt::format("maildrop/{}: waits: {}", name, result.text));
      break;
    }
    warnings.push_back(
        fmt::format("maildrop/{}: set aside as {}{}: {}", name, name, kRefused, result.text));
    rename(path.c_str(), (path + std::string(kRefused)).c_str());
  }
  return warnings;
}

}  // namespace barid::tools
