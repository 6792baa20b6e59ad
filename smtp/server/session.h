// One SMTP server connection: the coroutine that feeds the machine, asks policy and queue, and
// writes what the machine says. It decides nothing about the protocol.
// Layer: smtp/server. Shard-owned.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "core/obs/counters.h"
#include "core/obs/log.h"
#include "policy/restrictions.h"
#include "shard/net/stream.h"
#include "shard/runtime/scope.h"
#include "shard/schedule/queue_manager.h"
#include "smtp/server/machine.h"

namespace barid::smtp {

/// What one listener is configured to do; an immutable snapshot that sessions keep until they end.
struct ServerSettings {
  ServerPolicy protocol;
  policy::RelayPolicy relay;
  std::string mail_name;
  std::string syslog_name;  ///< of this service, e.g. "postfix/submission"; empty = the default
  Duration timeout = std::chrono::seconds(300);  ///< smtpd_timeout
  bool peer_name_known = false;  ///< smtpd_peername_lookup: this version looks up loopback only
  lookup::AddressList bare_newline_exclusions;
  KeywordSet discarded = 0;          ///< smtpd_discard_ehlo_keywords
  lookup::TableList discard_maps;    ///< smtpd_discard_ehlo_keyword_address_maps
  lookup::AddressList verp_clients;  ///< smtpd_authorized_verp_clients: XVERP is theirs
  BareNewline bare_newline = BareNewline::kNormalize;
  uint32_t connections_per_client_max = 50;  ///< smtpd_client_connection_count_limit, 0 = none
  lookup::AddressList client_limit_exceptions;
};

/// What restrictions decided about a message besides letting it in.
struct MessageChanges {
  std::string prepended;                ///< header lines, with CRLF
  std::string redirect;                 ///< the one recipient instead of all; empty = no redirect
  std::vector<std::string> recipients;  ///< BCC
  bool discard = false;
};

struct ServerEnv {
  rt::Reactor& reactor;
  schedule::QueueManager& queue;
  Log& log;
  Counters& counters;
  rt::StopSource& stop;
};

class ServerSession final : private rt::StopCallback {
 public:
  /// `refusal`: said instead of the banner; empty = come in. `log_pid` is distinct among the
  /// process's sessions.
  ServerSession(const ServerEnv& env, std::shared_ptr<const ServerSettings> settings,
                net::Stream stream, std::string refusal, uint32_t log_pid);

  /// The whole session. The stream is closed when the object goes.
  rt::Task<void> run();

 private:
  void on_stop() override;
  rt::Task<bool> perform(const Action& action);
  rt::Task<bool> read_more();
  rt::Task<bool> flush_output(Duration delay);
  rt::Task<void> commit();
  /// Asks the restriction lists; returns the refusal, or nothing, valid until the next call.
  std::string_view check(policy::CheckPoint point, std::string_view stage);
  std::string_view check_sender();
  void take_actions(policy::RelayPolicy::Verdict& verdict, std::string_view stage);
  void open_message();
  void append_body(std::string_view bytes);
  void begin_content();
  void log_note(const Action& action);
  void log_reject(std::string_view reply, std::string_view stage);
  void log_verdict(std::string_view verb, std::string_view reply, std::string_view stage);
  void log_end(SessionEnd end);
  void log_disconnect();
  [[nodiscard]] LogClient client() const noexcept;
  [[nodiscard]] LogOrigin origin() const noexcept;

  ServerEnv env_;
  std::shared_ptr<const ServerSettings> settings_;
  net::Stream stream_;
  policy::ClientSideFacts facts_;
  ServerMachine machine_;
  std::string refusal_;
  policy::RelayPolicy::Verdict verdict_;     ///< of the last check
  std::array<std::string, 3> pending_;       ///< what CONNECT, HELO and MAIL deferred
  std::unique_ptr<MessageChanges> changes_;  ///< what access tables want done to this message
  uint32_t log_pid_;

  QueueId id_{};
  ContentRef content_;
  WallTime arrival_{};
  bool stopping_ = false;
};

}  // namespace barid::smtp
