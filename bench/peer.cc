#include "bench/peer.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "bench/endpoint.h"

namespace barid::bench {
namespace {

constexpr auto kStartPatience = std::chrono::seconds(40);
constexpr int kGreetingMilliseconds = 2000;

/// Empty if the port greets with 220, else what it did instead.
std::string try_greeting(uint16_t port) {
  const auto endpoint = parse_endpoint(fmt::format("127.0.0.1:{}", port));
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::strerror(errno);
  char text[512];
  std::string problem;
  pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&endpoint->address), endpoint->length) != 0) {
    problem = fmt::format("connect: {}", std::strerror(errno));
  } else if (::poll(&wait, 1, kGreetingMilliseconds) <= 0) {
    problem = "connected, but silent";
  } else {
    const ssize_t got = ::recv(fd, text, sizeof text, 0);
    const std::string_view greeting(text, got > 0 ? static_cast<size_t>(got) : 0);
    if (!greeting.starts_with("220")) problem = fmt::format("says \"{}\"", greeting);
  }
  constexpr std::string_view kQuit = "QUIT\r\n";
  if (problem.empty() && ::send(fd, kQuit.data(), kQuit.size(), MSG_NOSIGNAL) > 0 &&
      ::poll(&wait, 1, kGreetingMilliseconds) > 0) {
    [[maybe_unused]] const ssize_t ignored = ::recv(fd, text, sizeof text, 0);
  }
  ::close(fd);
  return problem;
}

}  // namespace

std::string destination_address(uint32_t index) {
  return fmt::format("127.1.{}.{}", index / 250, index % 250 + 1);
}

uint16_t find_free_port() {
  const auto endpoint = parse_endpoint("127.0.0.1:0");
  const auto fd = listen_on(*endpoint, {});
  if (!fd.ok()) return 0;
  const uint16_t port = local_endpoint(*fd).port();
  ::close(*fd);
  return port;
}

std::string destination_table(const PeerSetup& setup, std::string_view line_format) {
  std::string table;
  for (uint32_t i = 0; i < setup.destination_count; ++i) {
    table += fmt::format(fmt::runtime(line_format), i, destination_address(i), setup.relay_port);
  }
  return table;
}

absl::Status wait_for_greeting(uint16_t port, ProcessTree& tree, const std::string& log_path) {
  const auto until = std::chrono::steady_clock::now() + kStartPatience;
  for (;;) {
    const std::string problem = try_greeting(port);
    if (problem.empty()) return absl::OkStatus();
    if (!tree.running()) {
      const std::string log = tail_of_file(log_path);
      return absl::UnavailableError("ended at its start: " +
                                    (log.empty() ? "it says nothing, see its log (--keep)" : log));
    }
    if (std::chrono::steady_clock::now() >= until) {
      return absl::DeadlineExceededError(
          fmt::format("no greeting at port {} ({}) {}", port, problem, tail_of_file(log_path)));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace barid::bench
