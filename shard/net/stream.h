// A stream connection as a coroutine sees it: bytes in through input()/consume(), bytes out through
// write() (small, copied) or start_write() (gathered, pinned, no copy).
//
// Receiving is multishot and goes on by itself until the inbox holds kInboxBytesMax; then it pauses
// until half of that is consumed (back-pressure on the peer).
// All waits end by their deadline, by the peer, or by interrupt(). Deadlines cost nothing while
// they only move forward: one timer per stream, checked lazily.
//
// start_tls_…() puts TLS between the stream and the wire, at any moment when nothing is half
// written: everything else stays as it is, and without it TLS costs a comparison a call.
// Layer: shard/net. Shard-owned. At most one coroutine waits on a stream at a time.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "shard/net/socket_address.h"
#include "shard/runtime/event.h"
#include "shard/runtime/io.h"
#include "shard/runtime/reactor.h"
#include "shard/runtime/task.h"

namespace barid::net {

inline constexpr size_t kInboxBytesMax = 64 * 1024;

class Connection;  // stream.cc: the pinned part that the kernel may still write to
class TlsEngine;
class TlsServerContext;
class TlsClientContext;
class TlsTicketKeys;
struct TlsClientPeer;

class Stream {
 public:
  /// Takes over a connected descriptor and starts receiving.
  Stream(rt::Reactor& reactor, int fd, const SocketAddress& peer);
  Stream(Stream&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
  Stream& operator=(Stream&& other) noexcept;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  /// Closes, at some later turn. What write() accepted and the kernel has not taken yet is dropped.
  ~Stream();

  [[nodiscard]] const SocketAddress& peer() const noexcept;
  [[nodiscard]] SocketAddress local() const;
  /// From here on peer() is this: a balancer said who is behind it.
  void set_peer(const SocketAddress& peer);

  /// Received and not yet consumed. Valid until the next consume() or co_await.
  [[nodiscard]] std::string_view input() const noexcept;
  void consume(size_t bytes) noexcept;

  enum Wake : uint8_t { kInput = 1, kWritten = 2, kSecured = 4 };
  struct Awaiter {
    Connection& connection;
    uint8_t interest;
    MonoTime deadline;
    bool await_ready() const noexcept;
    void await_suspend(std::coroutine_handle<> waiter) const;
    Status await_resume() const noexcept;
  };
  /// Waits until input() has grown since the last wait, or until it cannot any more.
  /// Errors: kTimeout, kClosed (orderly end of stream), kReset/kIo, kCancelled (interrupt()).
  /// Bytes that arrived before the end are still in input().
  [[nodiscard]] Awaiter read(MonoTime deadline) noexcept;

  /// Queues a copy of `bytes` for sending. Never waits; check write_backlog().
  void write(std::string_view bytes);
  [[nodiscard]] size_t write_backlog() const noexcept;
  /// Waits until everything queued is with the kernel. Errors as read(), but never kClosed.
  [[nodiscard]] Awaiter flush(MonoTime deadline) noexcept;

  /// Starts a gathered write after flush() completed. `vectors` and the memory they point to stay
  /// untouched until written() returns true or wait() reported an error and close() finished.
  void start_write(std::span<iovec> vectors);
  [[nodiscard]] bool written() const noexcept;
  /// Bytes of the present start_write() that are with the kernel (a lower bound until it ends).
  [[nodiscard]] size_t written_bytes() const noexcept;
  /// Waits for any of `interest` (Wake bits). Errors as read().
  [[nodiscard]] Awaiter wait(uint8_t interest, MonoTime deadline) noexcept;

  /// From now on the bytes of the wire are TLS. What was received and not consumed is thrown away:
  /// it came in clear. What write() accepted before goes out in clear. The context (and the keys)
  /// outlive the stream's Connection, so they live as long as the reactor turns. False: out of
  /// memory, or nothing that `peer` must prove can be proven.
  bool start_tls_server(const TlsServerContext& context, TlsTicketKeys& tickets);
  bool start_tls_client(const TlsClientContext& context, TlsClientPeer peer);
  /// Waits until the handshake is through. Errors as read(), and kRefused: it failed, see tls().
  [[nodiscard]] Awaiter handshake(MonoTime deadline) noexcept { return wait(kSecured, deadline); }
  /// The TLS of this stream; null while there is none.
  [[nodiscard]] const TlsEngine* tls() const noexcept;
  /// Writes `last` and says that no more will come, if TLS has a word for it; both leave together.
  /// Flush afterwards.
  void end_writing(std::string_view last = {});

  /// Open, and nothing has arrived that was not consumed: fit to be kept idle or used again.
  [[nodiscard]] bool quiet() const noexcept;

  /// The present and every later wait ends with kCancelled.
  void interrupt() noexcept;

  /// Ends a start_write() whose memory must be freed: cancels it and waits for the kernel's word.
  rt::Task<void> cancel_write();

  /// Closes in order: waits until `flush_until` for what is queued, then closes the descriptor and
  /// returns after that: the FIN is with the kernel, before anything that is sent later. Ends at
  /// most kCloseMax after `flush_until`, whatever the peer does. The stream is empty afterwards.
  /// kTimeout: something was dropped, or the kernel did not let go in time.
  rt::Task<Code> close(MonoTime flush_until);

  static constexpr Duration kCloseMax = std::chrono::seconds(5);

 private:
  Connection* connection_;
};

/// Connects to `address` from `source` (null = the kernel's choice).
/// Errors: kTimeout, or the errno of socket, bind or connect.
rt::Task<Result<Stream>> connect(rt::Reactor& reactor, const SocketAddress& address,
                                 const SocketAddress* source, MonoTime deadline);

}  // namespace barid::net
