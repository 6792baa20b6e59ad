// A mail server under comparison: how to configure, start and stop it. Every run gets a fresh
// directory, so that no run inherits another's queue.
// Layer: bench.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "bench/subprocess.h"

namespace barid::bench {

/// One run's environment, the same for every peer.
struct PeerSetup {
  std::string directory;           ///< empty, exists, on the disk to be measured
  uint16_t port = 0;               ///< listen here on 127.0.0.1
  uint16_t relay_port = 0;         ///< the sink's, on every 127/8 address
  uint32_t destination_count = 1;  ///< 1: all to 127.0.0.1; else dNNNN.example to its own address
  bool delivers = true;            ///< false: the relay is on hold, only acceptance is measured
  bool keep_logs = false;          ///< write the server's log into the directory
};

class Peer {
 public:
  virtual ~Peer() = default;

  /// Short and stable: "postfix", "barid-1-shard".
  [[nodiscard]] virtual std::string name() const = 0;
  /// Name and version for the report.
  [[nodiscard]] virtual std::string title() const = 0;
  /// One sentence on how it is tuned, for the report.
  [[nodiscard]] virtual std::string tuning() const = 0;
  /// Takes commands that come right behind the content they do not belong to (RFC 2920 3.1).
  [[nodiscard]] virtual bool pipelines_behind_content() const { return true; }
  /// Writes the configuration and starts. Returns once the port greets.
  [[nodiscard]] virtual absl::Status start(const PeerSetup& setup) = 0;
  /// How many idle sessions to open when their memory is measured.
  [[nodiscard]] virtual uint32_t idle_session_count() const { return 100; }
  /// Ends every process of it. Mail still queued is dropped with the directory.
  virtual void stop() = 0;

  /// Root of its process tree; valid between start() and stop().
  [[nodiscard]] pid_t root_pid() const noexcept { return tree_.root(); }

 protected:
  ProcessTree tree_;
};

/// Each: the peer, or why it cannot take part here (not installed, needs root).
[[nodiscard]] absl::StatusOr<std::unique_ptr<Peer>> make_postfix();
[[nodiscard]] absl::StatusOr<std::unique_ptr<Peer>> make_exim(const std::string& program);
[[nodiscard]] absl::StatusOr<std::unique_ptr<Peer>> make_opensmtpd(const std::string& program);
[[nodiscard]] absl::StatusOr<std::unique_ptr<Peer>> make_haraka(const std::string& program);

struct BaridVariant {
  std::string name = "barid";
  std::string program;       ///< path of the executable
  uint32_t shard_count = 0;  ///< 0: its default, one per CPU
  std::string io_backend;    ///< empty: its default
};
[[nodiscard]] absl::StatusOr<std::unique_ptr<Peer>> make_barid(const BaridVariant& variant);

/// The address that the relay of destination `index` has when there are several: 127.1.x.y.
[[nodiscard]] std::string destination_address(uint32_t index);
/// A loopback TCP port that is free now.
[[nodiscard]] uint16_t find_free_port();
/// One line per destination; in `line_format` {0} is its number, {1} its relay's address, {2} the
/// relay's port.
[[nodiscard]] std::string destination_table(const PeerSetup& setup, std::string_view line_format);
/// Waits until something greets with 220 on 127.0.0.1:port. Error: not within 40 s, or the tree
/// ended; the end of the log is part of the message.
[[nodiscard]] absl::Status wait_for_greeting(uint16_t port, ProcessTree& tree,
                                             const std::string& log_path);

}  // namespace barid::bench
