// For tests: a real unbound on a free loopback port, with records of its own.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace barid::dns {

/// A name server on 127.0.0.1 that says nothing until it is told to.
class SilentServer {
 public:
  SilentServer() : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof address;
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    if (::bind(fd_, raw, bytes) == 0 && ::getsockname(fd_, raw, &bytes) == 0)
      port_ = ntohs(address.sin_port);
  }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;
  ~SilentServer() { ::close(fd_); }

  [[nodiscard]] std::string forwarder() const { return "127.0.0.1@" + std::to_string(port_); }
  [[nodiscard]] uint16_t port() const { return port_; }

  /// Answers every query received so far with "A 192.0.2.8", TTL 60; returns how many.
  int answer_all() {
    int answered = 0;
    char packet[512];
    sockaddr_in from{};
    socklen_t from_bytes = sizeof from;
    auto* raw = reinterpret_cast<sockaddr*>(&from);
    for (ssize_t bytes;
         (bytes = ::recvfrom(fd_, packet, sizeof packet, 0, raw, &from_bytes)) > 0;) {
      std::string reply(packet, static_cast<size_t>(bytes));
      reply.resize(reply.find('\0', 12) + 5);  // the header and the question; EDNS goes
      reply.replace(2, 2, "\x81\x80");         // response, recursion desired and available
      reply.replace(4, 8, std::string("\0\1\0\1\0\0\0\0", 8));
      reply += std::string("\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\x08", 16);
      answered += ::sendto(fd_, reply.data(), reply.size(), 0, raw, from_bytes) > 0 ? 1 : 0;
    }
    return answered;
  }

 private:
  int fd_;
  uint16_t port_ = 0;
};

class UnboundServer {
 public:
  static bool installed() { return ::access("/usr/sbin/unbound", X_OK) == 0; }

  UnboundServer() {
    char path[] = "/tmp/barid-unbound-XXXXXX";
    directory_ = ::mkdtemp(path);
  }
  UnboundServer(const UnboundServer&) = delete;
  UnboundServer& operator=(const UnboundServer&) = delete;
  ~UnboundServer() {
    stop();
    std::filesystem::remove_all(directory_);
  }

  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] std::string forwarder() const { return "127.0.0.1@" + std::to_string(port_); }

  /// Starts on a free port; `clauses` are lines of the server clause and, after them, other
  /// clauses. Returns once the server answers, false if it does not.
  bool start(const std::string& clauses) {
    for (int tries = 0; tries < 5; ++tries) {  // another process may take the port in between
      const uint16_t port = SilentServer().port();
      if (start(clauses, "127.0.0.1", port)) return true;
    }
    return false;
  }

  /// The same on a given loopback address and port.
  bool start(const std::string& clauses, const std::string& ip, uint16_t port) {
    ip_ = ip;
    port_ = port;
    const std::string file = directory_ + "/unbound.conf";
    std::ofstream(file)
        << "server:\n  interface: " << ip_ << "@" << port_ << "\n  port: " << port_
        << "\n  do-daemonize: no\n  username: \"\"\n  chroot: \"\"\n  pidfile: \"\"\n"
           "  use-syslog: no\n  logfile: \""
        << directory_
        << "/log\"\n"
           "  module-config: \"iterator\"\n  num-threads: 1\n  do-not-query-localhost: no\n"
        << clauses << "remote-control:\n  control-enable: no\n";
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(1);
      ::execl("/usr/sbin/unbound", "unbound", "-d", "-c", file.c_str(), nullptr);
      ::_exit(127);
    }
    if (pid_ > 0 && wait_until_it_answers()) return true;
    stop();
    return false;
  }

  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  /// At most half a minute; false at once when the server ended.
  bool wait_until_it_answers() {
    // A query for "localhost. A": id 1, recursion desired, one question.
    static constexpr char kQuery[] = "\0\1\1\0\0\1\0\0\0\0\0\0\11localhost\0\0\1\0\1";
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = ::inet_addr(ip_.c_str());
    bool answered = false;
    for (int i = 0; i < 600 && !answered; ++i) {
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
        pid_ = -1;
        break;
      }
      ::sendto(fd, kQuery, sizeof kQuery - 1, 0, reinterpret_cast<sockaddr*>(&address),
               sizeof address);
      pollfd waiting{fd, POLLIN, 0};
      answered = ::poll(&waiting, 1, 50) == 1;
    }
    ::close(fd);
    return answered;
  }

  std::string directory_;
  std::string ip_;
  uint16_t port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace barid::dns
