// One request and its answer, as a handler sees them. An answer is given whole (answer()) or as a
// stream (begin(), write()…); a handler that gives none is answered for with 500.
// Source: RFC 9112 6, 7.1 (framing of answers), RFC 9110 9.3.2 (HEAD).
// Layer:  http. Shard-owned; lives while its handler runs.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/message.h"
#include "shard/net/stream.h"
#include "shard/runtime/reactor.h"
#include "shard/runtime/task.h"

namespace barid::http {

class Exchange {
 public:
  struct Options {
    bool keep_alive = true;  ///< after the answer
    bool http_1_0 = false;
    bool head_only = false;
    Duration patience{};  ///< how long a client may take to read what is waiting for it
    ErrorForm errors = error_response;
  };
  Exchange(rt::Reactor& reactor, net::Stream& stream, Request& request, const Options& options)
      : reactor_(reactor), stream_(stream), request_(request), options_(options) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  [[nodiscard]] Request& request() noexcept { return request_; }
  [[nodiscard]] rt::Reactor& reactor() noexcept { return reactor_; }
  [[nodiscard]] const net::SocketAddress& peer() const noexcept { return stream_.peer(); }

  /// Sends the whole answer. Once only, and not after begin().
  rt::Task<void> answer(Response response);
  rt::Task<void> refuse(ApiError error);

  /// A further field of the answer, whichever it will be.
  void add_field(std::string name, std::string value) {
    fields_.push_back({.name = std::move(name), .value = std::move(value)});
  }

  /// The same, in the place of one of that name.
  void set_field(std::string name, std::string value) {
    std::erase_if(fields_, [&name](const Field& field) { return field.name == name; });
    add_field(std::move(name), std::move(value));
  }

  /// Starts a streamed answer; `head.body` is its first piece.
  rt::Task<bool> begin(Response head);
  /// Sends a piece; false: the client is gone or too slow, give up.
  rt::Task<bool> write(std::string_view piece);

  /// A streamed answer that cannot be completed: the client sees the connection end within it.
  void cut_short() noexcept { broken_ = true; }

  // --- for the connection
  /// Ends what the handler began, or says 500 for it. False: the connection cannot be used again.
  rt::Task<bool> finish();
  [[nodiscard]] uint16_t status() const noexcept { return status_; }
  [[nodiscard]] uint64_t body_bytes() const noexcept { return body_bytes_; }
  [[nodiscard]] bool answered() const noexcept { return state_ != State::kOpen; }

 private:
  enum class State : uint8_t { kOpen, kStreaming, kDone };
  [[nodiscard]] std::string head_of(const Response& response, bool streamed);
  void write_piece(std::string_view piece);
  rt::Task<bool> drain();

  rt::Reactor& reactor_;
  net::Stream& stream_;
  Request& request_;
  Options options_;
  State state_ = State::kOpen;
  bool broken_ = false;
  std::vector<Field> fields_;
  uint16_t status_ = 0;
  uint64_t body_bytes_ = 0;
};

}  // namespace barid::http
