// What the I/O contract tests need from a back end beside rt::Io: time that passes, a peer that
// misbehaves, an address that never answers. One harness per back end; the tests are the same.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "shard/net/socket_address.h"
#include "shard/runtime/io.h"
#include "shard/runtime/reactor.h"

namespace barid::contract {

enum class Backend { kUring, kEpoll, kSimulated };

[[nodiscard]] const char* backend_name(Backend backend) noexcept;
inline void PrintTo(Backend backend, std::ostream* out) { *out << backend_name(backend); }

class IoHarness {
 public:
  virtual ~IoHarness() = default;

  [[nodiscard]] virtual rt::Reactor& reactor() noexcept = 0;
  [[nodiscard]] rt::Io& io() noexcept { return reactor().io(); }
  /// Turns the reactor until `done` or until `limit` has passed; returns done().
  virtual bool run_until(const std::function<bool()>& done,
                         Duration limit = std::chrono::seconds(20)) = 0;
  /// Lets time pass.
  void run_for(Duration time) {
    static_cast<void>(run_until([] { return false; }, time));
  }

  /// An address to listen on; port 0 or a fresh unix path. Null family = not available here.
  [[nodiscard]] virtual net::SocketAddress listen_address(int family) = 0;
  /// An address where nobody listens and connecting is refused.
  [[nodiscard]] virtual net::SocketAddress refusing_address() = 0;
  /// An address where a connect neither succeeds nor fails.
  [[nodiscard]] virtual net::SocketAddress silent_address() = 0;

  /// Sends FIN, keeps receiving.
  virtual void shutdown_write(int fd) = 0;
  /// Closes with RST.
  virtual void reset(int fd) = 0;
  /// Descriptors of this process, to find leaks.
  [[nodiscard]] virtual size_t descriptors_count() const = 0;
  /// While set, opening a descriptor fails with EMFILE.
  virtual void exhaust_descriptors(bool exhausted) = 0;
};

/// Null if this machine does not have the back end; then `reason` says why.
[[nodiscard]] std::unique_ptr<IoHarness> make_harness(Backend backend, std::string* reason);

}  // namespace barid::contract
