// What the load generator's conversations have in common, whatever they speak: what all of them
// share, bytes to send, the balance of accepted messages.
// Layer: bench; no socket and no clock.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/histogram.h"
#include "bench/ledger.h"
#include "bench/message_factory.h"
#include "bench/work_supply.h"
#include "core/base/time.h"

namespace barid::bench {

enum class SourceMode : uint8_t {
  kSequential,  ///< every command waits for the reply of the one before
  kPipeline,    ///< envelope in one write; content together with the next envelope
  kBdat,        ///< whole messages with BDAT LAST, several in flight
  kHttp,        ///< POST /emails, or /emails/batch, over kept connections
};

/// How a source's connections are encrypted.
enum class SourceTls : uint8_t { kNone, kStarttls, kImplicit };

struct SourceCounts {
  uint64_t accepted = 0;            ///< messages with a final 250
  uint64_t accepted_in_window = 0;  ///< of those, after the warm-up
  uint64_t tempfailed = 0;          ///< messages that ended with 4xx
  uint64_t permfailed = 0;          ///< messages that ended with 5xx
  uint64_t retried = 0;             ///< attempts repeated
  uint64_t lost = 0;                ///< given up: the connection broke before all was sent
  uint64_t in_doubt = 0;            ///< the connection broke between the last byte and the reply
  uint64_t recipients_refused = 0;  ///< in messages that were accepted for others
  uint64_t bytes_accepted = 0;
  uint64_t connections = 0;
  uint64_t connections_failed = 0;
  uint64_t connections_broken = 0;
  uint64_t tls_sessions = 0;                      ///< handshakes that ended well,
  uint64_t tls_resumed = 0;                       ///< of those, without a new key exchange
  std::map<uint16_t, uint64_t> replies_refusing;  ///< by code
  std::string first_refusal;                      ///< text of the first refusing reply
};

/// What all sessions of a source share; outlives them.
struct SourceContext {
  const MessageFactory* factory = nullptr;
  WorkSupply* supply = nullptr;
  SourceCounts* counts = nullptr;
  Histogram* latency = nullptr;
  LedgerWriter* ledger = nullptr;  ///< may be null
  SourceMode mode = SourceMode::kPipeline;
  SourceTls tls = SourceTls::kNone;
  uint32_t depth = 1;                 ///< messages in flight per session with kBdat
  uint64_t messages_per_session = 0;  ///< 0: no limit
  bool with_size = false;
  uint32_t batch = 1;         ///< kHttp: messages in a request
  std::string authorization;  ///< kHttp: value of the field of that name; empty = none
  std::string auth_plain;     ///< SMTP: AUTH PLAIN with this initial response; empty = no AUTH
  bool open_loop = false;
  std::string helo_name = "source.bench.example";
  MonoTime window_start{};
  MonoTime last_progress{};
  uint64_t in_flight = 0;      ///< messages begun and not ended, over all sessions
  uint64_t idle_sessions = 0;  ///< sessions that could begin a message at once
  bool fall_back = false;      ///< become sequential when the target lacks an extension
  bool fell_back = false;
  const char* fatal = nullptr;  ///< set when the target cannot do what the mode needs
};

/// Bytes to send: short texts that the queue owns, and long pieces that it borrows.
class OutputQueue {
 public:
  /// Text to append to; ends up behind everything queued so far.
  std::string& text() noexcept { return text_; }
  /// Queues bytes that stay valid until they are sent.
  void borrow(std::string_view bytes);
  [[nodiscard]] bool empty() const noexcept { return segments_.empty() && text_.size() == closed_; }
  /// Fills `out` with what is next; returns how many entries.
  [[nodiscard]] size_t vectors(std::span<iovec> out);
  void consume(size_t bytes);
  void clear() noexcept;

 private:
  struct Segment {
    const char* borrowed;  ///< null: bytes of text_ from `offset`
    size_t offset;
    size_t length;
  };
  void close_text();

  std::string text_;
  size_t closed_ = 0;  ///< bytes of text_ that already belong to a segment
  size_t first_ = 0;   ///< first segment not wholly sent
  std::vector<Segment> segments_;
};

class LoadSession {
 public:
  enum class Phase : uint8_t {  // of SMTP; others use some
    kGreeting,
    kHello,
    kStarttls,
    kSecuring,  ///< the owner of the connection does the handshake, then calls on_secured()
    kAuth,
    kReady,
    kQuitting,
    kClosed,
  };

  explicit LoadSession(SourceContext& context) : context_(context) {}
  virtual ~LoadSession() = default;

  /// A new connection is up.
  virtual void on_connected(MonoTime now) = 0;
  virtual void on_bytes(std::string_view bytes, MonoTime now) = 0;
  /// The connection is encrypted.
  virtual void on_secured(MonoTime now) = 0;
  /// The connection is gone; messages in flight are settled.
  virtual void on_disconnect(MonoTime now) = 0;
  /// Begins as many messages as mode, limits and supply allow.
  virtual void pump(MonoTime now) = 0;
  /// Takes leave when nothing is in flight.
  virtual void quit(MonoTime now) = 0;
  /// Ready, and nothing in flight.
  [[nodiscard]] virtual bool idle() const noexcept = 0;

  [[nodiscard]] OutputQueue& output() noexcept { return output_; }
  [[nodiscard]] Phase phase() const noexcept { return phase_; }
  /// The peer owes something since then.
  [[nodiscard]] bool waiting() const noexcept { return phase_ != Phase::kClosed && !idle(); }
  [[nodiscard]] MonoTime last_active() const noexcept { return last_active_; }
  /// Closed because this side had enough of the connection.
  [[nodiscard]] bool left() const noexcept { return left_; }

 protected:
  /// Counts a message that is accepted for the recipients marked in `accepted`.
  void count_accepted(const Work& work, const std::vector<bool>& accepted, MonoTime now);
  /// Another attempt at a message that failed for now. False: none is left.
  [[nodiscard]] bool try_again(const Work& work, MonoTime now);

  SourceContext& context_;
  Phase phase_ = Phase::kClosed;
  bool left_ = false;
  MonoTime last_active_{};
  OutputQueue output_;

 private:
  std::string recipient_;  ///< for the ledger
};

}  // namespace barid::bench
