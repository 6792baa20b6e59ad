// Lines of Dovecot's auth client protocol.
// Source: Dovecot's "Authentication Protocol" design document, version 1.x.
// Layer:  smtp/sasl, pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/sasl/server.h"

namespace barid::sasl {

struct DovecotMechanism {
  std::string name;
  MechanismTraits traits;
  bool hidden = false;  ///< private: not for clients
};

/// What the server says before DONE.
class DovecotGreeting {
 public:
  /// Takes one line without LF. False: this is no auth server for clients; problem() says why.
  bool add(std::string_view line);
  [[nodiscard]] bool done() const noexcept { return done_; }
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  [[nodiscard]] const std::vector<DovecotMechanism>& mechanisms() const noexcept {
    return mechanisms_;
  }

 private:
  bool fail(std::string_view why);
  bool versioned_ = false;
  bool done_ = false;
  std::string problem_;
  std::vector<DovecotMechanism> mechanisms_;
};

/// An answer to AUTH or CONT.
struct DovecotReply {
  enum class Kind : uint8_t { kContinue, kOk, kFail, kOther };
  Kind kind = Kind::kOther;
  uint32_t id = 0;
  /// kContinue: the challenge, base64; kOk: the mechanism's last word, likewise, or empty; kFail:
  /// the reason, perhaps empty.
  std::string text;
  std::string user;
  bool temporary = false;  ///< kFail with "temp"
};
[[nodiscard]] DovecotReply parse_dovecot_reply(std::string_view line);

/// `VERSION` and `CPID`, with LFs.
[[nodiscard]] std::string dovecot_hello(uint32_t client_id);
struct DovecotRequest {
  uint32_t id = 0;
  std::string_view mechanism;
  std::string_view service;
  std::optional<std::string_view> initial;  ///< base64
};
/// An AUTH line with its LF.
[[nodiscard]] std::string dovecot_auth(const DovecotRequest& request, const Peer& peer);
[[nodiscard]] std::string dovecot_continue(uint32_t id, std::string_view response);

/// Whether the text has only base64's characters: nothing else may go into a line.
[[nodiscard]] bool is_base64_text(std::string_view text) noexcept;

}  // namespace barid::sasl
