// Reads one request after another out of a byte stream, whatever the segmentation. The grammar of
// start line, fields and chunks is Beast's parser; what that accepts and intermediaries read
// differently is refused before: bare CR or LF, obs-fold, several or mixed lengths, blanks before a
// colon, trailers as fields.
// Source: RFC 9112 2.2, 5, 6, 7.1, 11.2 (request smuggling).
// Layer:  http, pure: bytes in, events out. Owns what it needs of them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/message.h"

namespace barid::http {

inline constexpr size_t kLineBytesMax = 8 * 1024;   // a line of the head or of the chunk framing
inline constexpr size_t kHeadBytesMax = 64 * 1024;  // start line and all fields
inline constexpr size_t kFieldsMax = 100;

/// Where body bytes go.
class BodySink {
 public:
  /// False refuses the rest of the body: the reader ends with kRefused and leaves the reason to the
  /// sink's owner.
  virtual bool on_body(std::string_view bytes) = 0;

 protected:
  ~BodySink() = default;
};

/// Why a request cannot be served, before any handler saw it. The connection ends with it.
struct Refusal {
  uint16_t status = 400;
  std::string_view message;  ///< static
};

/// What the head says about the body and the connection.
struct Framing {
  bool keep_alive = true;
  bool chunked = false;
  bool has_length = false;
  bool expects_continue = false;
  bool http_1_0 = false;
  uint64_t length = 0;
};

class RequestReader {
 public:
  enum class Event : uint8_t {
    kNeedInput,
    kHead,     ///< request() and framing() are there; say whether the body is wanted, then go on
    kDone,     ///< the body is complete; reset() starts the next request
    kRefused,  ///< refusal() says why; nothing more can be read
  };

  explicit RequestReader(BodySink& sink);
  ~RequestReader();

  /// Uses some of `input` and says what that led to. `consumed` bytes must not be given again.
  [[nodiscard]] Event next(std::string_view input, size_t* consumed);
  /// The next request, on the same connection.
  void reset();

  /// Fields, method and target of the request; without body and id. Valid from kHead to reset().
  [[nodiscard]] Request& request() noexcept { return request_; }
  [[nodiscard]] const Framing& framing() const noexcept { return framing_; }
  [[nodiscard]] const Refusal& refusal() const noexcept { return refusal_; }
  /// Nothing of a request has been read yet.
  [[nodiscard]] bool idle() const noexcept { return phase_ == Phase::kHead && held_.empty(); }

 private:
  enum class Phase : uint8_t { kHead, kBody, kDone, kRefused };
  class Parser;

  Event refuse(uint16_t status, std::string_view message);
  Event read_head(std::string_view input, size_t* consumed);
  Event read_body(std::string_view input, size_t* consumed);
  Event finish_body();
  bool check_head(std::string_view head);
  bool check_line(std::string_view line, bool first);
  bool parse_head(std::string_view head);
  bool read_framing();
  bool read_length();
  [[nodiscard]] Event parse_piece(std::string_view piece, size_t* used);

  BodySink& sink_;
  std::unique_ptr<Parser> parser_;
  Phase phase_ = Phase::kHead;
  std::string held_;  // an incomplete head, or an incomplete line of the chunk framing
  size_t scanned_bytes_ = 0;
  Request request_;
  Framing framing_;
  Refusal refusal_;
};

}  // namespace barid::http
