#include "bench/endpoint.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace barid::bench {

Result<Endpoint> parse_endpoint(std::string_view text) noexcept {
  const Error malformed{.code = Code::kMalformed,
                        .text = "an endpoint is 127.0.0.1:PORT or [::1]:PORT"};
  const size_t colon = text.rfind(':');
  std::string_view host = colon == std::string_view::npos ? "" : text.substr(0, colon);
  const std::string_view port_text =
      colon == std::string_view::npos ? text : text.substr(colon + 1);
  uint16_t port = 0;
  const char* port_end = port_text.data() + port_text.size();
  const auto [after, error] = std::from_chars(port_text.data(), port_end, port);
  if (error != std::errc() || after != port_end) return malformed;

  Endpoint endpoint;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    const std::string inside(host.substr(1, host.size() - 2));
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    if (inet_pton(AF_INET6, inside.c_str(), &v6.sin6_addr) != 1) return malformed;
    std::memcpy(&endpoint.address, &v6, sizeof v6);
    endpoint.length = sizeof v6;
    return endpoint;
  }
  if (host.empty() || host == "localhost") host = "127.0.0.1";
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  if (inet_pton(AF_INET, std::string(host).c_str(), &v4.sin_addr) != 1) return malformed;
  std::memcpy(&endpoint.address, &v4, sizeof v4);
  endpoint.length = sizeof v4;
  return endpoint;
}

uint16_t Endpoint::port() const noexcept {
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &address, sizeof v6);
    return ntohs(v6.sin6_port);
  }
  sockaddr_in v4;
  std::memcpy(&v4, &address, sizeof v4);
  return ntohs(v4.sin_port);
}

std::string Endpoint::text() const {
  char host[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &address, sizeof v6);
    inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
    return fmt::format("[{}]:{}", host, port());
  }
  sockaddr_in v4;
  std::memcpy(&v4, &address, sizeof v4);
  inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
  return fmt::format("{}:{}", host, port());
}

Result<int> listen_on(const Endpoint& endpoint, const ListenOptions& options) noexcept {
  const int fd =
      ::socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return error_from_errno(errno, "cannot make a socket");
  const auto fail = [fd](const char* text) -> Error {
    const int saved = errno;
    ::close(fd);
    return error_from_errno(saved, text);
  };
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (options.share_port && ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) {
    return fail("cannot share the port between threads");
  }
  if (options.loopback_only && ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) != 0) {
    return fail("cannot bind to the loopback device");
  }
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&endpoint.address), endpoint.length) != 0) {
    return fail("cannot bind");
  }
  if (::listen(fd, options.backlog) != 0) return fail("cannot listen");
  return fd;
}

Endpoint local_endpoint(int fd) noexcept {
  Endpoint endpoint;
  endpoint.length = sizeof endpoint.address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&endpoint.address), &endpoint.length);
  return endpoint;
}

}  // namespace barid::bench
