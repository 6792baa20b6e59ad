#include "bench/peer.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "bench/endpoint.h"

namespace barid::bench {
namespace {

constexpr auto kStartPatience = std::chrono::seconds(20);

bool greets(uint16_t port) {
  const auto endpoint = parse_endpoint(fmt::format("127.0.0.1:{}", port));
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  char text[512];
  bool greeted = false;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&endpoint->address), endpoint->length) == 0) {
    pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, 2000) > 0) {
      const ssize_t got = ::recv(fd, text, sizeof text, 0);
      greeted = got >= 3 && std::string_view(text, 3) == "220";
    }
    constexpr std::string_view kQuit = "QUIT\r\n";
    if (greeted && ::send(fd, kQuit.data(), kQuit.size(), MSG_NOSIGNAL) > 0 &&
        ::poll(&wait, 1, 2000) > 0) {
      [[maybe_unused]] const ssize_t ignored = ::recv(fd, text, sizeof text, 0);
    }
  }
  ::close(fd);
  return greeted;
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
  while (!greets(port)) {
    if (!tree.running()) {
      const std::string log = tail_of_file(log_path);
      return absl::UnavailableError("ended at its start: " +
                                    (log.empty() ? "it says nothing, see its log (--keep)" : log));
    }
    if (std::chrono::steady_clock::now() >= until) {
      return absl::DeadlineExceededError("no greeting: " + tail_of_file(log_path));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return absl::OkStatus();
}

}  // namespace barid::bench
