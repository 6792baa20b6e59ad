#include "bench/subprocess.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <thread>

#include "bench/process_usage.h"

namespace barid::bench {
namespace {

constexpr Duration kPollInterval = std::chrono::milliseconds(10);

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

/// All that execve() needs, made before fork(): the child may not allocate.
class ExecImage {
 public:
  explicit ExecImage(const SpawnOptions& options)
      : arguments_(options.arguments),
        output_(options.output_path.empty() ? "/dev/null" : options.output_path),
        directory_(options.directory) {
    for (char** entry = environ; *entry != nullptr; ++entry) environment_.emplace_back(*entry);
    for (const std::string& extra : options.environment_extra) environment_.push_back(extra);
    argv_ = pointers(arguments_);
    envp_ = pointers(environment_);
  }

  [[noreturn]] void execute() const noexcept {
    const int out = ::open(output_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    const int in = ::open("/dev/null", O_RDONLY);
    if (out < 0 || in < 0) ::_exit(126);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    if (!directory_.empty() && ::chdir(directory_.c_str()) != 0) ::_exit(126);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execve(argv_[0], argv_.data(), envp_.data());
    ::_exit(127);
  }

 private:
  std::vector<std::string> arguments_;
  std::vector<std::string> environment_;
  std::string output_;
  std::string directory_;
  std::vector<char*> argv_;
  std::vector<char*> envp_;
};

}  // namespace

std::optional<std::string> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    return ::access(name.c_str(), X_OK) == 0 ? std::optional(name) : std::nullopt;
  }
  const char* path = std::getenv("PATH");
  std::istringstream directories(std::string(path != nullptr ? path : "") +
                                 ":/usr/sbin:/sbin:/usr/local/sbin");
  for (std::string directory; std::getline(directories, directory, ':');) {
    const std::string candidate = directory + "/" + name;
    if (!directory.empty() && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return std::nullopt;
}

absl::Status run_to_end(const SpawnOptions& options, Duration timeout) {
  ExecImage image(options);
  const pid_t pid = ::fork();
  if (pid < 0) return absl::UnavailableError(fmt::format("fork: {}", std::strerror(errno)));
  if (pid == 0) image.execute();
  const auto until = std::chrono::steady_clock::now() + timeout;
  int status = 0;
  while (::waitpid(pid, &status, WNOHANG) != pid) {
    if (std::chrono::steady_clock::now() >= until) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, &status, 0);
      return absl::DeadlineExceededError(options.arguments[0] + " did not end");
    }
    std::this_thread::sleep_for(kPollInterval);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
  return absl::UnavailableError(
      fmt::format("{} ended with {}: {}", options.arguments[0],
                  WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                  tail_of_file(options.output_path)));
}

absl::Status ProcessTree::start(const SpawnOptions& options) {
  ExecImage image(options);
  const pid_t pid = ::fork();
  if (pid < 0) return absl::UnavailableError(fmt::format("fork: {}", std::strerror(errno)));
  if (pid > 0) {
    root_ = pid;
    return absl::OkStatus();
  }
  // The guardian. Only async-signal-safe calls: other threads of the parent may hold locks.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  ::signal(SIGINT, SIG_IGN);  // a terminal's ^C ends barid-bench, which then stops the tree
  if (::fork() == 0) {
    ::signal(SIGINT, SIG_DFL);
    image.execute();
  }
  for (;;) {
    if (::waitpid(-1, nullptr, 0) < 0 && errno == ECHILD) ::_exit(0);
  }
}

bool ProcessTree::running() noexcept {
  if (root_ > 0 && ::waitpid(root_, nullptr, WNOHANG) == root_) root_ = 0;
  return root_ > 0;
}

void ProcessTree::stop(Duration patience) {
  if (!running()) return;
  const pid_t root = root_;
  if (patience > Duration::zero()) {
    for (const pid_t pid : children_of(root)) ::kill(pid, SIGTERM);
  }
  const auto until = std::chrono::steady_clock::now() + patience;
  while (running() && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(kPollInterval);
  }
  while (running()) {  // what is killed may have children that surface only then
    for (const pid_t pid : descendants_of(root)) ::kill(pid, SIGKILL);
    std::this_thread::sleep_for(kPollInterval);
  }
}

absl::Status write_file(const std::string& path, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return absl::PermissionDeniedError(fmt::format("{}: {}", path, std::strerror(errno)));
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = ::write(fd, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int saved = errno;
      ::close(fd);
      return absl::UnavailableError(fmt::format("{}: {}", path, std::strerror(saved)));
    }
    done += static_cast<size_t>(written);
  }
  ::close(fd);
  return absl::OkStatus();
}

std::string tail_of_file(const std::string& path, size_t bytes_max) {
  const int fd = path.empty() ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  const off_t size = ::lseek(fd, 0, SEEK_END);
  const off_t from =
      size > static_cast<off_t>(bytes_max) ? size - static_cast<off_t>(bytes_max) : 0;
  std::string text(static_cast<size_t>(size - from), '\0');
  const ssize_t got = ::pread(fd, text.data(), text.size(), from);
  ::close(fd);
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return text;
}

}  // namespace barid::bench
