// The harness of the kernel back ends: real time, loopback and unix sockets.
#include <netinet/in.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "shard/runtime/epoll_backend.h"
#include "shard/runtime/io_uring_backend.h"
#include "tests/contract/io_harness.h"
#include "tests/contract/simulated_harness.h"

namespace barid::contract {
namespace {

using net::SocketAddress;

class KernelHarness final : public IoHarness {
 public:
  explicit KernelHarness(std::unique_ptr<rt::Io> io)
      : io_(std::move(io)), reactor_(clock_, *io_, /*rng_seed=*/1) {
    getrlimit(RLIMIT_NOFILE, &descriptor_limit_);
  }
  ~KernelHarness() override {
    exhaust_descriptors(false);
    for (const int fd : helper_fds_) ::close(fd);
    for (const std::string& path : unix_paths_) ::unlink(path.c_str());
  }

  rt::Reactor& reactor() noexcept override { return reactor_; }

  bool run_until(const std::function<bool()>& done, Duration limit) override {
    const MonoTime end = clock_.mono() + limit;
    while (!done()) {
      const Duration left = end - clock_.mono();
      if (left <= Duration::zero()) return false;
      reactor_.turn(std::min<Duration>(left, std::chrono::milliseconds(20)));
    }
    return true;
  }

  SocketAddress listen_address(int family) override {
    if (family == AF_INET) return *SocketAddress::from_ip("127.0.0.1", 0);
    if (family == AF_INET6)
      return ipv6_works() ? *SocketAddress::from_ip("::1", 0) : SocketAddress();
    const auto path =
        std::filesystem::temp_directory_path() /
        ("barid-io." + std::to_string(getpid()) + "." + std::to_string(unix_paths_.size()));
    unix_paths_.push_back(path);
    return *SocketAddress::from_unix_path(path.native());
  }

  SocketAddress refusing_address() override {
    SocketAddress address = listen_address(AF_INET);
    const int fd = bound_socket(&address);  // bound, so that nobody else takes it; not listening
    helper_fds_.push_back(fd);
    return address;
  }

  SocketAddress silent_address() override {
    SocketAddress address = listen_address(AF_INET);
    const int listener = bound_socket(&address);
    helper_fds_.push_back(listener);
    BARID_ASSERT(::listen(listener, 0) == 0);
    for (int i = 0; i < 3; ++i) {  // once the backlog is full, Linux drops further SYNs
      const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      static_cast<void>(::connect(fd, address.raw(), address.size()));
      helper_fds_.push_back(fd);
    }
    return address;
  }

  void shutdown_write(int fd) override { ::shutdown(fd, SHUT_WR); }
  void reset(int fd) override {
    const linger option{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &option, sizeof option);
    io().close(fd);
  }

  size_t descriptors_count() const override {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator("/proc/self/fd")) {
      ++count;
    }
    return count - helper_fds_.size();
  }

  void exhaust_descriptors(bool exhausted) override {
    rlimit limit = descriptor_limit_;
    if (exhausted) {
      const int lowest_free = ::dup(0);
      ::close(lowest_free);
      limit.rlim_cur = static_cast<rlim_t>(lowest_free);
    }
    BARID_ASSERT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  }

 private:
  static bool ipv6_works() {
    SocketAddress address = *SocketAddress::from_ip("::1", 0);
    const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool works = fd >= 0 && ::bind(fd, address.raw(), address.size()) == 0;
    if (fd >= 0) ::close(fd);
    return works;
  }
  static int bound_socket(SocketAddress* address) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    BARID_ASSERT(fd >= 0 && ::bind(fd, address->raw(), address->size()) == 0);
    socklen_t bytes = address->size();
    BARID_ASSERT(::getsockname(fd, address->raw(), &bytes) == 0);
    return fd;
  }

  rt::SystemClock clock_;
  std::unique_ptr<rt::Io> io_;
  rt::Reactor reactor_;
  rlimit descriptor_limit_{};
  std::vector<int> helper_fds_;
  std::vector<std::string> unix_paths_;
};

}  // namespace

const char* backend_name(Backend backend) noexcept {
  switch (backend) {
    case Backend::kUring:
      return "io_uring";
    case Backend::kEpoll:
      return "epoll";
    case Backend::kSimulated:
      return "simulated";
  }
  return "?";
}

std::unique_ptr<IoHarness> make_harness(Backend backend, std::string* reason) {
  if (backend == Backend::kSimulated) return make_simulated_harness();
  auto io = backend == Backend::kUring ? rt::make_uring_backend() : rt::make_epoll_backend();
  if (!io.ok()) {
    *reason = std::string(backend_name(backend)) + ": " + std::strerror(io.error().error_number);
    return nullptr;
  }
  return std::make_unique<KernelHarness>(*std::move(io));
}

}  // namespace barid::contract
