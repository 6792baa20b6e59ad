// One SMTP conversation on the sink's side: bytes in, replies out, no socket and no clock.
// Source: RFC 5321, 2920 (PIPELINING), 3030 (CHUNKING), 1870 (SIZE). A sink takes anything that is
// plausible; it is not a judge of its clients' grammar.
// Layer: bench, pure apart from what SinkContext points to; no allocation per message.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bench/content_inspector.h"
#include "bench/dot_decoder.h"
#include "bench/ledger.h"
#include "bench/sequence_tracker.h"
#include "bench/sink_faults.h"
#include "core/base/time.h"

namespace barid::bench {

struct SinkExtensions {
  bool pipelining = true;
  bool eight_bit_mime = true;
  bool smtputf8 = true;
  bool chunking = true;
  bool dsn = false;
  bool enhanced_codes = true;
  bool starttls = false;
  uint64_t size_max = 256u << 20;  ///< 0: SIZE is not offered and not enforced
};

struct SinkCounts {
  uint64_t connections = 0;
  uint64_t connections_refused = 0;  ///< over the connection limit
  uint64_t messages = 0;             ///< answered with 250
  uint64_t recipients = 0;
  uint64_t bytes = 0;            ///< content of those, without dot-stuffing
  uint64_t corrupt = 0;          ///< body differs from its hash
  uint64_t foreign = 0;          ///< without our sequence header
  uint64_t tempfailed = 0;       ///< 4xx by script, greylisting included
  uint64_t permfailed = 0;       ///< 5xx by script
  uint64_t dropped = 0;          ///< connections closed by script
  uint64_t unfinished = 0;       ///< connections the client left inside a message
  uint64_t protocol_errors = 0;  ///< 5xx for what the client did wrong
  MonoTime first_message{};
  MonoTime last_message{};

  void add(const SinkCounts& other) noexcept;
};

/// What the sessions of one thread share. All of it outlives the sessions.
struct SinkContext {
  const SinkExtensions* extensions = nullptr;
  FaultDecider* faults = nullptr;
  SequenceTracker* tracker = nullptr;
  SinkCounts* counts = nullptr;
  LedgerWriter* ledger = nullptr;  ///< may be null
};

class SinkSession {
 public:
  static constexpr uint32_t kLineBytesMax = 4096;

  enum class Next : uint8_t {
    kRead,    ///< give more bytes
    kDelay,   ///< send what is in `out`, wait `delay`, take_held_reply(), then feed again
    kClose,   ///< send what is in `out`, then close
    kSecure,  ///< send what is in `out`, start TLS, on_secured()
  };
  struct Step {
    size_t taken = 0;  ///< bytes used up; the rest must be given again
    Next next = Next::kRead;
    Duration delay{};
  };

  explicit SinkSession(const SinkContext& context) : context_(context) {}

  /// Appends the greeting. Call once, before feed().
  [[nodiscard]] Step greet(std::string& out);
  [[nodiscard]] Step feed(std::string_view in, std::string& out, MonoTime now);
  void take_held_reply(std::string& out);
  /// TLS is through: the client says EHLO again.
  void on_secured() noexcept;
  /// The client is gone.
  void on_disconnect() noexcept;

 private:
  enum class Mode : uint8_t { kCommands, kData, kChunk };

  void command(std::string_view line, std::string& out, MonoTime now);
  void on_hello(bool extended, std::string& out);
  void on_mail(std::string_view line, std::string& out);
  void on_rcpt(std::string_view line, std::string& out, MonoTime now);
  void on_data(std::string& out);
  void on_bdat(std::string_view line, std::string& out);
  void on_chunk_end(std::string& out, MonoTime now);
  void on_message_end(std::string& out, MonoTime now);
  void count_message(MonoTime now);

  /// Acts on the script's verdict; true if the stage was accepted.
  [[nodiscard]] bool accepted(Verdict verdict, std::string& out);
  void reply(Stage stage, std::string_view text, std::string& out);
  void refuse(std::string_view text, std::string& out);
  void reset_transaction() noexcept;

  const SinkContext context_;
  Mode mode_ = Mode::kCommands;
  bool in_transaction_ = false;
  bool closing_ = false;
  bool secured_ = false;
  bool securing_ = false;
  bool chunk_last_ = false;
  bool chunk_refused_ = false;
  uint32_t recipient_count_ = 0;
  bool script_refused_ = false;  ///< something of this transaction
  uint64_t chunk_left_ = 0;
  Duration delay_{};
  std::string held_reply_;
  std::string sender_;
  std::string recipients_;  ///< each followed by '\n'
  std::string recipient_scratch_;
  DotDecoder dots_;
  ContentInspector content_;
};

}  // namespace barid::bench
