// A network in memory: rt::Io for any number of shards, with latency, segmentation, windows, resets
// at any byte, refused and unanswered connects, slow hosts and partitions. Everything is decided by
// one seeded generator, and packets move in (time, sequence) order, so a seed replays exactly.
// It keeps TCP's promises as the kernel back ends do; tests/contract runs one suite on all of them.
// Layer: shard/sim. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/rng.h"
#include "shard/runtime/io.h"
#include "shard/sim/sim_clock.h"

namespace barid::sim {

struct NetworkFaults {
  size_t segment_bytes_max = 16 * 1024;  ///< a delivery carries 1 to this many bytes
  size_t window_bytes = 64 * 1024;       ///< sent and not yet taken, per direction
  Duration latency_min = std::chrono::microseconds(50);
  Duration latency_max = std::chrono::microseconds(200);
  uint32_t reset_per_mille = 0;       ///< per segment: cut at a random byte, both ends reset
  uint32_t refuse_per_mille = 0;      ///< per connect
  uint32_t unanswered_per_mille = 0;  ///< per connect: neither success nor failure
};

class SimIo;

class SimNetwork {
 public:
  SimNetwork(SimClock& clock, uint64_t seed);
  ~SimNetwork();
  SimNetwork(const SimNetwork&) = delete;
  SimNetwork& operator=(const SimNetwork&) = delete;

  /// A shard's way in. Lives as long as the network.
  SimIo& add_io();

  NetworkFaults faults;

  // --- targeted faults
  /// Connects to `address` are never answered.
  void set_silent(const net::SocketAddress& address, bool silent);
  /// Connects to `address` are refused.
  void set_refusing(const net::SocketAddress& address, bool refusing);
  /// Nothing from or to `ip` arrives; it is kept, as TCP would send it again, until the end of it.
  void set_partitioned(const std::string& ip, bool partitioned);
  /// Every packet from or to `ip` takes this much longer.
  void set_delay(const std::string& ip, Duration delay) { delays_[ip] = delay; }
  /// The next connection that is established breaks when this many bytes, both directions summed,
  /// have arrived.
  void reset_next_connection_after(size_t bytes) { next_reset_after_ = bytes; }
  /// Opening a descriptor beyond this count fails with EMFILE.
  void set_descriptors_max(size_t count) { descriptors_max_ = count; }

  // --- what rt::Io lacks
  void shutdown_write(int fd);
  void reset(int fd);
  /// The power cord of one shard: its sockets vanish without a word; peers learn by RST later.
  void cut_power(SimIo& io);

  /// Connections to a watched address, as its clients and its server have them.
  struct Census {
    net::SocketAddress address;
    uint32_t held = 0;      ///< by clients: from their connect to their close
    uint32_t held_max = 0;  ///< the most there were at once; the reader may lower it
    uint32_t open = 0;      ///< at the server: from their arrival to the client's FIN or any reset
    uint32_t open_max = 0;
    [[nodiscard]] bool operator==(const net::SocketAddress& other) const noexcept {
      return address == other;
    }
  };
  /// Counts connections to `address` from now on. Lives as long as the network.
  Census& watch(const net::SocketAddress& address);

  [[nodiscard]] size_t descriptors_count() const;
  [[nodiscard]] uint64_t packets_count() const { return next_sequence_; }
  /// When the next packet arrives; nullopt = nothing is under way.
  [[nodiscard]] std::optional<MonoTime> next_arrival() const;
  /// Delivers what has arrived by now into sockets (operations complete in their shard's turn).
  void deliver_due();

 private:
  friend class SimIo;

  struct Packet {
    enum class Kind : uint8_t { kConnect, kAccepted, kRefused, kData, kFin, kReset, kWindow };
    Kind kind;
    int to;  ///< socket; kConnect: the connecting one
    net::SocketAddress source;
    net::SocketAddress destination;
    std::string bytes;
  };
  struct Socket {
    int fd = -1;
    SimIo* io = nullptr;
    net::SocketAddress local;
    net::SocketAddress remote;
    bool owned = true;  ///< false while in an accept backlog
    // listening
    bool listening = false;
    bool reuse_port = false;
    size_t backlog_max = 0;
    std::deque<int> backlog;
    // connected
    bool connect_sent = false;
    bool connected = false;
    int peer = -1;
    std::string inbox;
    size_t on_the_way_bytes = 0;  ///< to this socket
    bool window_told = false;
    bool fin_received = false;
    bool fin_sent = false;
    int error = 0;
    MonoTime last_arrival{};  ///< of packets to this socket, which keep their order
    std::shared_ptr<size_t> bytes_until_reset;
    Census* held_in = nullptr;  // a client's end, counted there
    Census* open_in = nullptr;  // a server's end
    rt::IoOp* input = nullptr;
    rt::IoOp* output = nullptr;
  };

  Socket* find(int fd);
  Socket& get(int fd);
  Socket& create(SimIo* io);
  Result<int> open_listener(SimIo& io, net::SocketAddress address,
                            const rt::ListenOptions& options);
  void close(int fd);

  [[nodiscard]] Census* find_census(const net::SocketAddress& address);
  static void leave_open(Socket& socket);
  static void leave_held(Socket& socket);
  void send_packet(Packet packet, Socket* receiver);
  void send_to_peer(Socket& from, Packet::Kind kind, std::string bytes = {});
  [[nodiscard]] bool is_partitioned(const Packet& packet) const;
  void arrive(Packet& packet);
  void arrive_connect(Packet& packet);
  void arrive_data(Socket& socket, Packet& packet);
  void break_connection(Socket& socket, int error);
  void start_connect(Socket& socket);
  [[nodiscard]] size_t window_left(const Socket& from);
  [[nodiscard]] int pick_listener(const net::SocketAddress& address);
  void wake(Socket& socket);

  SimClock& clock_;
  Rng rng_;
  std::vector<std::unique_ptr<SimIo>> ios_;
  std::map<int, Socket> sockets_;
  std::map<std::pair<MonoTime, uint64_t>, Packet> packets_;
  std::vector<Packet> held_;
  std::vector<net::SocketAddress> silent_;
  std::vector<net::SocketAddress> refusing_;
  std::vector<std::unique_ptr<Census>> watched_;
  std::vector<std::string> partitioned_;
  std::map<std::string, Duration> delays_;
  std::optional<size_t> next_reset_after_;
  size_t descriptors_max_ = SIZE_MAX;
  uint64_t next_sequence_ = 0;
  int next_fd_ = 1000;  // never used twice: a stale descriptor is found at once
  uint16_t next_port_ = 20'000;
};

class SimIo final : public rt::Io {
 public:
  explicit SimIo(SimNetwork& network) noexcept : network_(network) {}

  std::string_view name() const noexcept override { return "simulated"; }
  void accept(rt::AcceptOp& op) override { begin_input(op); }
  void receive(rt::ReceiveOp& op) override { begin_input(op); }
  /// A foreign descriptor does not exist in a simulation: it never becomes readable.
  void poll(rt::PollOp& op) override { begin(op); }
  void send(rt::SendOp& op) override;
  void connect(rt::ConnectOp& op) override { begin_output(op); }
  void cancel(rt::IoOp& op) override;

  Result<int> open_listener(const net::SocketAddress& address,
                            const rt::ListenOptions& options) override;
  Result<int> open_socket(int family, const net::SocketAddress* source) override;
  void close(int fd) override { network_.close(fd); }
  net::SocketAddress local_address(int fd) const override { return network_.get(fd).local; }
  net::SocketAddress peer_address(int fd) const override { return network_.get(fd).remote; }

  /// Never waits: time belongs to the world.
  void turn(Duration wait_max) override;
  void wake() noexcept override {}
  /// Whether a turn would deliver something now.
  [[nodiscard]] bool has_work() const noexcept { return !queue_.empty(); }

 private:
  friend class SimNetwork;
  using Socket = SimNetwork::Socket;

  void begin(rt::IoOp& op);
  void begin_input(rt::IoOp& op);
  void begin_output(rt::IoOp& op);
  void enqueue(rt::IoOp& op);
  void detach(rt::IoOp& op);
  void end(rt::IoOp& op, int result);
  void attempt(rt::IoOp& op);
  void try_accept(rt::AcceptOp& op);
  void try_receive(rt::ReceiveOp& op);
  bool try_send(rt::SendOp& op);  // true if the operation ended; its owner may be gone then
  void try_connect(rt::ConnectOp& op);

  SimNetwork& network_;
  std::vector<rt::IoOp*> queue_;
};

}  // namespace barid::sim
