// One HTTP connection on the load generator's side: POST /emails, or /emails/batch with several
// emails, one request at a time over a kept connection.
// Source: RFC 9112. Layer: bench; no allocation per message.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load_session.h"

namespace barid::bench {

class HttpSession final : public LoadSession {
 public:
  explicit HttpSession(SourceContext& context);

  void on_connected(MonoTime now) override;
  void on_bytes(std::string_view bytes, MonoTime now) override;
  void on_secured(MonoTime now) override;
  void on_disconnect(MonoTime now) override;
  void pump(MonoTime now) override;
  void quit(MonoTime now) override;
  [[nodiscard]] bool idle() const noexcept override {
    return phase_ == Phase::kReady && works_.empty();
  }

 private:
  void send_request();
  void on_head(std::string_view head);
  void on_answer(MonoTime now);

  uint64_t begun_count_ = 0;  ///< messages on this connection
  std::vector<Work> works_;   ///< of the request under way
  std::vector<bool> all_;     ///< every recipient
  std::string heads_;         ///< what differs from email to email, one after the other
  std::string answer_;        ///< the head so far, then the body
  bool in_body_ = false;
  bool closing_ = false;  ///< the peer said that it will
  uint16_t status_ = 0;
  uint64_t body_bytes_ = 0;  ///< of the answer
};

}  // namespace barid::bench
