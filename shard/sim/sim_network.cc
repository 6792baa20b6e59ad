#include "shard/sim/sim_network.h"

#include <algorithm>
#include <cerrno>

namespace barid::sim {

SimNetwork::SimNetwork(SimClock& clock, uint64_t seed) : clock_(clock), rng_(seed) {}
SimNetwork::~SimNetwork() = default;

SimIo& SimNetwork::add_io() { return *ios_.emplace_back(std::make_unique<SimIo>(*this)); }

// --- sockets

SimNetwork::Socket* SimNetwork::find(int fd) {
  const auto found = sockets_.find(fd);
  return found == sockets_.end() ? nullptr : &found->second;
}

SimNetwork::Socket& SimNetwork::get(int fd) {
  Socket* socket = find(fd);
  BARID_ASSERT(socket != nullptr);
  return *socket;
}

SimNetwork::Socket& SimNetwork::create(SimIo* io) {
  const int fd = next_fd_++;
  Socket& socket = sockets_[fd];
  socket.fd = fd;
  socket.io = io;
  return socket;
}

size_t SimNetwork::descriptors_count() const {
  return static_cast<size_t>(std::count_if(sockets_.begin(), sockets_.end(),
                                           [](const auto& entry) { return entry.second.owned; }));
}

Result<int> SimNetwork::open_listener(SimIo& io, net::SocketAddress address,
                                      const rt::ListenOptions& options) {
  if (descriptors_count() >= descriptors_max_) return error_from_errno(EMFILE);
  if (address.is_ip() && address.port() == 0) address.set_port(next_port_++);
  for (const auto& [fd, other] : sockets_) {
    if (other.listening && other.local == address && !(other.reuse_port && options.reuse_port)) {
      return error_from_errno(EADDRINUSE);
    }
  }
  Socket& socket = create(&io);
  socket.listening = true;
  socket.local = address;
  socket.reuse_port = options.reuse_port;
  socket.backlog_max = static_cast<size_t>(options.backlog);
  return socket.fd;
}

void SimNetwork::close(int fd) {
  Socket& socket = get(fd);
  BARID_ASSERT(socket.input == nullptr && socket.output == nullptr);
  if (socket.listening) {
    for (const int waiting : socket.backlog) {
      Socket& embryo = get(waiting);
      send_to_peer(embryo, Packet::Kind::kReset);
      leave_open(embryo);
      sockets_.erase(waiting);
    }
  } else if (socket.connected && socket.error == 0) {
    // RFC 9293 3.6.1 (after RFC 1122 4.2.2.13): unread bytes make a close a reset.
    if (!socket.inbox.empty()) {
      send_to_peer(socket, Packet::Kind::kReset);
    } else if (!socket.fin_sent) {
      send_to_peer(socket, Packet::Kind::kFin);
    }
  }
  leave_open(socket);
  leave_held(socket);
  sockets_.erase(fd);
}

void SimNetwork::shutdown_write(int fd) {
  Socket& socket = get(fd);
  if (std::exchange(socket.fin_sent, true)) return;
  send_to_peer(socket, Packet::Kind::kFin);
}

void SimNetwork::reset(int fd) {
  Socket& socket = get(fd);
  BARID_ASSERT(socket.input == nullptr && socket.output == nullptr);
  send_to_peer(socket, Packet::Kind::kReset);
  leave_open(socket);
  leave_held(socket);
  sockets_.erase(fd);
}

void SimNetwork::cut_power(SimIo& io) {
  for (auto& [fd, socket] : sockets_) {
    if (socket.io != &io) continue;
    leave_open(socket);
    leave_held(socket);
    // Nobody holds it any more, though its peer does not know yet.
    if (Socket* peer = find(socket.peer)) leave_open(*peer);
  }
  std::erase_if(sockets_, [&io](const auto& entry) { return entry.second.io == &io; });
  io.queue_.clear();
}

void SimNetwork::wake(Socket& socket) {
  if (socket.input != nullptr) socket.io->enqueue(*socket.input);
  if (socket.output != nullptr) socket.io->enqueue(*socket.output);
}

void SimNetwork::break_connection(Socket& socket, int error) {
  if (socket.error == 0) socket.error = error;
  leave_open(socket);
  wake(socket);
}

// --- counting

SimNetwork::Census& SimNetwork::watch(const net::SocketAddress& address) {
  if (Census* census = find_census(address)) return *census;
  return *watched_.emplace_back(std::make_unique<Census>(Census{.address = address}));
}

SimNetwork::Census* SimNetwork::find_census(const net::SocketAddress& address) {
  for (const auto& census : watched_) {
    if (*census == address) return census.get();
  }
  return nullptr;
}

void SimNetwork::leave_open(Socket& socket) {
  if (socket.open_in != nullptr) --std::exchange(socket.open_in, nullptr)->open;
}
void SimNetwork::leave_held(Socket& socket) {
  if (socket.held_in != nullptr) --std::exchange(socket.held_in, nullptr)->held;
}

// --- targeted faults

void SimNetwork::set_silent(const net::SocketAddress& address, bool silent) {
  std::erase(silent_, address);
  if (silent) silent_.push_back(address);
}

void SimNetwork::set_refusing(const net::SocketAddress& address, bool refusing) {
  std::erase(refusing_, address);
  if (refusing) refusing_.push_back(address);
}

void SimNetwork::set_partitioned(const std::string& ip, bool partitioned) {
  std::erase(partitioned_, ip);
  if (partitioned) {
    partitioned_.push_back(ip);
    return;
  }
  std::vector<Packet> held;
  held.swap(held_);
  for (Packet& packet : held) send_packet(std::move(packet), nullptr);
}

bool SimNetwork::is_partitioned(const Packet& packet) const {
  if (partitioned_.empty()) return false;
  const std::string source = packet.source.ip_text();
  const std::string destination = packet.destination.ip_text();
  return std::any_of(partitioned_.begin(), partitioned_.end(),
                     [&](const std::string& ip) { return ip == source || ip == destination; });
}

// --- packets

void SimNetwork::send_packet(Packet packet, Socket* receiver) {
  const auto spread = static_cast<uint64_t>((faults.latency_max - faults.latency_min).count());
  Duration latency = faults.latency_min + Duration(static_cast<int64_t>(rng_.below(spread + 1)));
  if (!delays_.empty()) {
    for (const net::SocketAddress* end : {&packet.source, &packet.destination}) {
      const auto delay = delays_.find(end->ip_text());
      if (delay != delays_.end()) latency += delay->second;
    }
  }
  MonoTime arrival = clock_.mono() + latency;
  if (receiver == nullptr) receiver = find(packet.to);
  if (receiver != nullptr) {
    arrival = std::max(arrival, receiver->last_arrival);
    receiver->last_arrival = arrival;
  }
  packets_.emplace(std::pair(arrival, next_sequence_++), std::move(packet));
}

void SimNetwork::send_to_peer(Socket& from, Packet::Kind kind, std::string bytes) {
  if (from.peer < 0) return;
  Packet packet{.kind = kind,
                .to = from.peer,
                .source = from.local,
                .destination = from.remote,
                .bytes = std::move(bytes)};
  send_packet(std::move(packet), find(from.peer));
}

std::optional<MonoTime> SimNetwork::next_arrival() const {
  if (packets_.empty()) return std::nullopt;
  return packets_.begin()->first.first;
}

void SimNetwork::deliver_due() {
  while (!packets_.empty() && packets_.begin()->first.first <= clock_.mono()) {
    Packet packet = std::move(packets_.begin()->second);
    packets_.erase(packets_.begin());
    if (is_partitioned(packet)) {
      held_.push_back(std::move(packet));
    } else {
      arrive(packet);
    }
  }
}

void SimNetwork::arrive(Packet& packet) {
  using Kind = Packet::Kind;
  if (packet.kind == Kind::kConnect) {
    arrive_connect(packet);
    return;
  }
  Socket* socket = find(packet.to);
  if (socket == nullptr) {
    // Nobody is there any more; the sender of bytes is told (RFC 9293 3.10.7.1).
    if (packet.kind != Kind::kData && packet.kind != Kind::kAccepted) return;
    for (auto& [fd, other] : sockets_) {
      if (other.peer != packet.to || other.local == packet.destination) continue;
      send_packet({.kind = Kind::kReset,
                   .to = fd,
                   .source = packet.destination,
                   .destination = packet.source,
                   .bytes = {}},
                  &other);
      return;
    }
    return;
  }
  switch (packet.kind) {
    case Kind::kAccepted:
      socket->connected = true;
      break;
    case Kind::kRefused:
      break_connection(*socket, ECONNREFUSED);
      break;
    case Kind::kData:
      arrive_data(*socket, packet);
      break;
    case Kind::kFin:
      socket->fin_received = true;
      leave_open(*socket);
      break;
    case Kind::kReset:
      break_connection(*socket, ECONNRESET);
      break;
    case Kind::kWindow:
    case Kind::kConnect:
      break;
  }
  wake(*socket);
}

void SimNetwork::arrive_data(Socket& socket, Packet& packet) {
  socket.on_the_way_bytes -= packet.bytes.size();
  if (socket.error != 0) return;
  std::string_view bytes = packet.bytes;
  bool breaks = false;
  if (faults.reset_per_mille > 0 && rng_.chance(faults.reset_per_mille)) {
    bytes = bytes.substr(0, rng_.below(bytes.size() + 1));
    breaks = true;
  }
  if (socket.bytes_until_reset != nullptr) {
    size_t& left = *socket.bytes_until_reset;
    bytes = bytes.substr(0, left);
    left -= bytes.size();
    breaks = breaks || left == 0;
  }
  socket.inbox.append(bytes);
  if (!breaks) return;
  if (Socket* peer = find(socket.peer)) break_connection(*peer, ECONNRESET);
  break_connection(socket, ECONNRESET);
}

// --- connecting

int SimNetwork::pick_listener(const net::SocketAddress& address) {
  std::vector<int> candidates;
  for (const auto& [fd, socket] : sockets_) {
    if (!socket.listening) continue;
    const std::string ip = socket.local.ip_text();
    const bool any = (ip == "0.0.0.0" || ip == "::") && socket.local.family() == address.family() &&
                     socket.local.port() == address.port();
    if (any || socket.local == address) candidates.push_back(fd);
  }
  if (candidates.empty()) return -1;
  return candidates[rng_.below(candidates.size())];  // as SO_REUSEPORT spreads them
}

void SimNetwork::start_connect(Socket& socket) {
  socket.connect_sent = true;
  if (socket.local.size() == 0) {
    socket.local = socket.remote.is_unix() ? net::SocketAddress()
                   : socket.remote.family() == AF_INET6
                       ? *net::SocketAddress::from_ip("::1", 0)
                       : *net::SocketAddress::from_ip("127.0.0.1", 0);
  }
  if (socket.local.port() == 0) socket.local.set_port(next_port_++);
  if (Census* census = find_census(socket.remote)) {
    socket.held_in = census;
    census->held_max = std::max(census->held_max, ++census->held);
  }
  send_packet({.kind = Packet::Kind::kConnect,
               .to = socket.fd,
               .source = socket.local,
               .destination = socket.remote,
               .bytes = {}},
              nullptr);
}

void SimNetwork::arrive_connect(Packet& packet) {
  using Kind = Packet::Kind;
  Socket* client = find(packet.to);
  if (client == nullptr) return;  // given up meanwhile
  if (std::find(silent_.begin(), silent_.end(), packet.destination) != silent_.end()) return;
  if (rng_.chance(faults.unanswered_per_mille)) return;
  const int listener_fd = pick_listener(packet.destination);
  const bool told =
      std::find(refusing_.begin(), refusing_.end(), packet.destination) != refusing_.end();
  const bool refused = listener_fd < 0 || told || rng_.chance(faults.refuse_per_mille);
  if (refused) {
    send_packet({.kind = Kind::kRefused,
                 .to = client->fd,
                 .source = packet.destination,
                 .destination = packet.source,
                 .bytes = {}},
                client);
    return;
  }
  Socket& listener = get(listener_fd);
  if (listener.backlog.size() >= listener.backlog_max) return;
  Socket& server = create(listener.io);
  server.owned = false;
  server.local = packet.destination;
  server.remote = packet.source;
  server.connected = true;
  server.peer = client->fd;
  client->peer = server.fd;
  if (Census* census = find_census(server.local)) {
    server.open_in = census;
    census->open_max = std::max(census->open_max, ++census->open);
  }
  if (next_reset_after_.has_value()) {
    server.bytes_until_reset = std::make_shared<size_t>(*next_reset_after_);
    client->bytes_until_reset = server.bytes_until_reset;
    next_reset_after_.reset();
  }
  listener.backlog.push_back(server.fd);
  wake(listener);
  send_to_peer(server, Kind::kAccepted);
}

size_t SimNetwork::window_left(const Socket& from) {
  const Socket* to = find(from.peer);
  if (to == nullptr) return faults.window_bytes;  // the reset that answers is on its way
  const size_t used = to->inbox.size() + to->on_the_way_bytes;
  return used >= faults.window_bytes ? 0 : faults.window_bytes - used;
}

}  // namespace barid::sim
