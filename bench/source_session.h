// One SMTP conversation on the load generator's side: replies in, commands and content out, in one
// of three styles. No socket and no clock of its own.
// Source: RFC 5321, 2920 (PIPELINING), 3030 (CHUNKING). Layer: bench; no allocation per message.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <deque>
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

class SourceSession {
 public:
  enum class Phase : uint8_t {
    kGreeting,
    kHello,
    kStarttls,
    kSecuring,  ///< the owner of the connection does the handshake, then calls on_secured()
    kReady,
    kQuitting,
    kClosed,
  };

  explicit SourceSession(SourceContext& context);

  /// A new connection is up: expects the greeting.
  void on_connected(MonoTime now);
  void on_bytes(std::string_view bytes, MonoTime now);
  /// The connection is encrypted; also before the greeting.
  void on_secured(MonoTime now);
  /// The connection is gone; messages in flight are settled.
  void on_disconnect(MonoTime now);
  /// Begins as many messages as mode, limits and supply allow.
  void pump(MonoTime now);
  /// Says QUIT when nothing is in flight.
  void quit(MonoTime now);

  [[nodiscard]] OutputQueue& output() noexcept { return output_; }
  [[nodiscard]] Phase phase() const noexcept { return phase_; }
  /// Ready, and nothing in flight.
  [[nodiscard]] bool idle() const noexcept {
    return phase_ == Phase::kReady && flight_count_ == 0 && !resetting_;
  }
  /// The peer owes something since then.
  [[nodiscard]] bool waiting() const noexcept { return phase_ != Phase::kClosed && !idle(); }
  [[nodiscard]] MonoTime last_active() const noexcept { return last_active_; }

 private:
  enum class Step : uint8_t { kMail, kRcpt, kData, kFinal };
  /// A message between its first byte and its last reply.
  struct Flight {
    Work work;
    Step step = Step::kMail;
    bool content_sent = false;
    uint16_t refusal = 0;  ///< code that decided against the message, 0: none yet
    uint32_t rcpt_replies = 0;
    uint32_t rcpt_accepted = 0;
    std::vector<bool> accepted;  ///< per recipient
  };

  void on_line(std::string_view line, MonoTime now);
  void on_reply(uint16_t code, std::string_view line, MonoTime now);
  void say_hello();
  void on_hello_reply(uint16_t code, MonoTime now);
  void on_flight_reply(Flight& flight, uint16_t code, std::string_view line, MonoTime now);
  void on_mail_reply(Flight& flight, MonoTime now);
  void on_rcpt_reply(Flight& flight, uint16_t code, MonoTime now);
  void on_data_reply(Flight& flight, uint16_t code, MonoTime now);
  void on_accepted(Flight& flight, MonoTime now);
  void on_refused(Flight& flight, MonoTime now);
  void settle_broken(Flight& flight, MonoTime now);
  void end_flight(MonoTime now);
  void reset_transaction();
  void note_refusal(Flight& flight, uint16_t code, std::string_view line);

  [[nodiscard]] bool may_begin() const noexcept;
  [[nodiscard]] bool begin(MonoTime now);
  void send_whole_with_bdat(const Flight& flight);
  void send_content(Flight& flight, MonoTime now);

  [[nodiscard]] Flight& front() noexcept { return flights_[flight_first_]; }
  [[nodiscard]] Flight& flight_at(uint32_t index) noexcept {
    return flights_[(flight_first_ + index) % flights_.size()];
  }

  SourceContext& context_;
  Phase phase_ = Phase::kClosed;
  bool resetting_ = false;   ///< a RSET is out; nothing begins before its reply
  bool collateral_ = false;  ///< a pipelined message failed: those behind it were not judged
  bool offers_pipelining_ = false;
  bool offers_chunking_ = false;
  bool offers_starttls_ = false;
  bool secured_ = false;
  uint64_t begun_count_ = 0;  ///< on this connection
  MonoTime last_active_{};
  std::vector<Flight> flights_;  ///< ring
  uint32_t flight_first_ = 0;
  uint32_t flight_count_ = 0;
  std::string carry_;  ///< an incomplete reply line
  std::string scratch_;
  OutputQueue output_;
};

}  // namespace barid::bench
