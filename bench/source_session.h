// One SMTP conversation on the load generator's side: replies in, commands and content out, in one
// of three styles. No socket and no clock of its own.
// Source: RFC 5321, 2920 (PIPELINING), 3030 (CHUNKING). Layer: bench; no allocation per message.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load_session.h"

namespace barid::bench {

class SourceSession final : public LoadSession {
 public:
  explicit SourceSession(SourceContext& context);

  void on_connected(MonoTime now) override;
  void on_bytes(std::string_view bytes, MonoTime now) override;
  void on_secured(MonoTime now) override;
  void on_disconnect(MonoTime now) override;
  void pump(MonoTime now) override;
  void quit(MonoTime now) override;
  [[nodiscard]] bool idle() const noexcept override {
    return phase_ == Phase::kReady && flight_count_ == 0 && !resetting_;
  }

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
  void on_auth_reply(uint16_t code, std::string_view line, MonoTime now);
  void become_ready(MonoTime now);
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

  bool resetting_ = false;   ///< a RSET is out; nothing begins before its reply
  bool collateral_ = false;  ///< a pipelined message failed: those behind it were not judged
  bool offers_pipelining_ = false;
  bool offers_chunking_ = false;
  bool offers_starttls_ = false;
  bool offers_auth_plain_ = false;
  bool secured_ = false;
  uint64_t begun_count_ = 0;     ///< on this connection
  std::vector<Flight> flights_;  ///< ring
  uint32_t flight_first_ = 0;
  uint32_t flight_count_ = 0;
  std::string carry_;  ///< an incomplete reply line
  std::string scratch_;
};

}  // namespace barid::bench
