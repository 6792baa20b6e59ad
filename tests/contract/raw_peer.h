// A connection at the level of operations, without net::Stream: for peers that misbehave and for
// tests of the operations themselves.
#pragma once

#include <cerrno>
#include <string>
#include <utility>

#include "shard/runtime/io.h"

namespace barid::contract {

class RawPeer {
 public:
  explicit RawPeer(rt::Io& io) : io_(io), receiver_(*this), sender_(*this), connector_(*this) {}

  void adopt(int descriptor) { fd = descriptor; }
  void connect(const net::SocketAddress& address) {
    fd = *io_.open_socket(address.family(), nullptr);
    connector_.fd = fd;
    connector_.address = address;
    io_.connect(connector_);
  }
  void receive() {
    receiver_.fd = fd;
    io_.receive(receiver_);
  }
  void send(std::string bytes) {
    outgoing_ = std::move(bytes);
    vector_ = iovec{.iov_base = outgoing_.data(), .iov_len = outgoing_.size()};
    send_vectors(&vector_, 1);
  }
  void send_vectors(iovec* vectors, size_t count) {
    sender_.fd = fd;
    sender_.vectors = vectors;
    sender_.vectors_count = count;
    io_.send(sender_);
  }
  void cancel_receive() { io_.cancel(receiver_); }
  void cancel_send() { io_.cancel(sender_); }
  void cancel_connect() { io_.cancel(connector_); }
  void close() { io_.close(std::exchange(fd, -1)); }

  [[nodiscard]] bool receiving() const { return receiver_.active; }
  [[nodiscard]] bool sending() const { return sender_.active; }
  [[nodiscard]] bool connecting() const { return connector_.active; }
  [[nodiscard]] size_t bytes_sent() const { return sender_.bytes_sent; }

  static constexpr int kNothing = 1;  ///< no final completion yet
  int fd = -1;
  std::string received;
  int receive_result = kNothing;
  int send_result = kNothing;
  int connect_result = kNothing;
  int completions_count = 0;

 private:
  struct Receiver final : rt::ReceiveOp {
    explicit Receiver(RawPeer& p) : peer(p) {}
    void on_bytes(std::string_view bytes) override { peer.received.append(bytes); }
    void on_receive_end(int result) override {
      peer.receive_result = result;
      ++peer.completions_count;
    }
    RawPeer& peer;
  };
  struct Sender final : rt::SendOp {
    explicit Sender(RawPeer& p) : peer(p) {}
    void on_sent(int result) override {
      peer.send_result = result;
      ++peer.completions_count;
    }
    RawPeer& peer;
  };
  struct Connector final : rt::ConnectOp {
    explicit Connector(RawPeer& p) : peer(p) {}
    void on_connected(int result) override {
      peer.connect_result = result;
      ++peer.completions_count;
    }
    RawPeer& peer;
  };

  rt::Io& io_;
  Receiver receiver_;
  Sender sender_;
  Connector connector_;
  std::string outgoing_;
  iovec vector_{};
};

}  // namespace barid::contract
