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
#include "core/obs/timings.h"
#include "policy/restrictions.h"
#include "shard/net/stream.h"
#include "shard/net/tls_facts.h"
#include "shard/net/tls_server_context.h"
#include "shard/net/tls_tickets.h"
#include "shard/runtime/scope.h"
#include "shard/schedule/queue_manager.h"
#include "smtp/proto/dialogue_tap.h"
#include "smtp/proto/transcript_sink.h"
#include "smtp/server/client_table.h"
#include "smtp/server/machine.h"
#include "smtp/server/once_only.h"
#include "smtp/server/session_auth.h"

namespace barid::smtp {

/// How much one client may do in a while; 0 = as much as it likes.
struct ClientLimits {
  Duration unit = std::chrono::seconds(60);  ///< anvil_rate_time_unit
  uint32_t connections_max = 50;             ///< smtpd_client_connection_count_limit: at a time
  uint32_t connections = 0;                  ///< smtpd_client_connection_rate_limit
  uint32_t messages = 0;                     ///< smtpd_client_message_rate_limit
  uint32_t recipients = 0;                   ///< smtpd_client_recipient_rate_limit
  uint32_t logins = 0;                       ///< smtpd_client_auth_rate_limit
  uint32_t tls_sessions = 0;                 ///< smtpd_client_new_tls_session_rate_limit
  uint32_t ipv4_prefix = 32;                 ///< clients of one network count as one
  uint32_t ipv6_prefix = 84;
};

/// The TLS of one listener.
struct ServerTls {
  std::unique_ptr<const net::TlsServerContext> context;  ///< null: there is none to be had
  bool wrapper = false;                          ///< smtpd_tls_wrappermode: before the banner
  bool certificate_required = false;             ///< smtpd_tls_req_ccert where TLS is mandatory
  bool received_header = false;                  ///< smtpd_tls_received_header
  uint32_t log_level = 0;                        ///< smtpd_tls_loglevel
  Duration timeout = std::chrono::seconds(300);  ///< smtpd_starttls_timeout
  std::vector<std::string> files;  ///< what the context was made of: a change calls for a new one
  uint32_t handshakes_max = 1000;  ///< smtpd_tls_handshake_limit: of one shard at a time
};

/// What one listener is configured to do; an immutable snapshot that sessions keep until they end.
struct ServerSettings {
  ServerPolicy protocol;
  policy::RelayPolicy relay;
  std::string mail_name;
  std::string syslog_name;  ///< of this service, e.g. "postfix/submission"; empty = the default
  Duration timeout = std::chrono::seconds(300);  ///< smtpd_timeout
  bool peer_name_lookup = true;   ///< smtpd_peername_lookup: only loopback has a name so far
  bool request_deadline = false;  ///< smtpd_per_request_deadline: `timeout` is for a whole request
  uint32_t data_rate_min = 500;   ///< smtpd_min_data_rate, bytes a second: content extends the time
  lookup::AddressList bare_newline_exclusions;
  lookup::DomainList flush_domains;      ///< fast_flush_domains: ETRN is for these
  KeywordSet discarded = 0;              ///< smtpd_discard_ehlo_keywords
  lookup::TableList discard_maps;        ///< smtpd_discard_ehlo_keyword_address_maps
  std::string discard_maps_text;         ///< its value, for complaints
  lookup::AddressList verp_clients;      ///< smtpd_authorized_verp_clients: XVERP is theirs
  lookup::AddressList xclient_clients;   ///< smtpd_authorized_xclient_hosts
  lookup::AddressList xforward_clients;  ///< smtpd_authorized_xforward_hosts
  BareNewline bare_newline = BareNewline::kNormalize;
  std::string service = "smtp";  ///< name in master.cf
  ServerTls tls;
  AuthSettings auth;
  Duration proxy_timeout{};  ///< smtpd_upstream_proxy_timeout; 0 = no PROXY header is expected
  ClientLimits client_limits;
  lookup::AddressList client_limit_exceptions;
  /// For programs of this host over a unix socket: they are users, not clients.
  bool local = false;
  lookup::StringList submitters;    ///< of `local`: authorized_submit_users
  bool anybody_may_submit = false;  ///< `submitters` need not be asked
};

/// What restrictions decided about a message besides letting it in.
struct MessageChanges {
  std::string prepended;                ///< header lines, with CRLF
  std::string redirect;                 ///< the one recipient instead of all; empty = no redirect
  std::vector<std::string> recipients;  ///< BCC
  bool discard = false;
};

/// Makes what waits for a domain due, on every shard (ETRN).
class DomainFlusher {
 public:
  /// False: not now, too many are under way.
  virtual bool flush_domain(std::string_view domain) = 0;

 protected:
  ~DomainFlusher() = default;
};

struct ServerEnv {
  rt::Reactor& reactor;
  rt::Offload& offload;
  schedule::QueueManager& queue;
  Log& log;
  Counters& counters;
  Timings& timings;
  rt::StopSource& stop;  ///< sessions end when their transaction is over
  rt::StopSource& cut;   ///< sessions end with 421, whatever they are at
  ClientTable& clients;
  net::TlsTicketKeys& tickets;
  uint32_t& handshakes_count;             ///< under way on this shard
  OnceOnly* once = nullptr;               ///< null: Idempotency-Key is a field like any other
  DomainFlusher* flusher = nullptr;       ///< null: ETRN is answered 458
  TranscriptSink* transcripts = nullptr;  ///< null: nobody hears of sessions that went wrong
  DialogueTap* tap = nullptr;             ///< null: nobody can watch
};

/// How a connection came in.
struct Admission {
  std::string refusal;     ///< said instead of the banner; empty = come in
  std::string client_key;  ///< under which it is counted in the ClientTable; empty = it is not
  uint32_t log_pid = 0;    ///< distinct among the process's sessions
  uint32_t uid = 0;        ///< of ServerSettings::local: whose process it is
};

/// The comments about TLS in a Received field, folded.
[[nodiscard]] std::string received_tls(const net::TlsFacts& facts);

class ServerSession final : private rt::StopCallback {
 public:
  ServerSession(const ServerEnv& env, std::shared_ptr<const ServerSettings> settings,
                net::Stream stream, Admission admission);

  /// The whole session. The stream is closed when the object goes.
  rt::Task<void> run();

 private:
  class CutOff final : public rt::StopCallback {
   public:
    CutOff(rt::StopSource& source, ServerSession& session)
        : StopCallback(source), session_(session) {}
    void on_stop() override;

   private:
    ServerSession& session_;
  };

  void on_stop() override;
  rt::Task<void> converse();
  rt::Task<bool> perform(const Action& action);
  rt::Task<bool> read_more();
  rt::Task<bool> flush_output(Duration delay);
  rt::Task<void> commit();
  [[nodiscard]] std::string digest_of_message() const;
  [[nodiscard]] OnceOnly::Claim claim_of_message() const;
  rt::Task<std::string> begin_once();
  void end_once(const queue::Partition& partition);
  rt::Task<void> offer_auth();
  rt::Task<void> authenticate();
  [[nodiscard]] std::string refuse_foreign_from() const;
  rt::Task<bool> start_tls();
  rt::Task<bool> shake_hands();
  [[nodiscard]] std::string_view refuse_tls();
  [[nodiscard]] bool take_tls_facts();
  /// Asks the restriction lists; returns the refusal, or nothing, valid until the next call.
  std::string_view check(policy::CheckPoint point, std::string_view stage);
  /// XCLIENT: from here on another client is connected.
  void identify();
  std::string_view check_sender();
  std::string_view check_etrn();
  void warn(std::string_view text);
  void tell_machine_the_time();
  MonoTime read_deadline(bool answered);
  std::string_view check_recipient();
  bool exceeds_rate(ClientEvent event);
  void take_actions(policy::RelayPolicy::Verdict& verdict, std::string_view stage);
  void open_message();
  void append_body(std::string_view bytes);
  void begin_content();
  void log_note(const Action& action);
  void log_reject(std::string_view reply, std::string_view stage);
  void log_verdict(std::string_view verb, std::string_view reply, std::string_view stage);
  void log_verdict(std::string_view verb, std::string_view reply, std::string_view stage,
                   bool has_sender);
  void log_end(SessionEnd end);
  // session_transcript.cc
  void begin_transcript();
  void keep_input(const Action& action, size_t consumed, bool is_secret);
  std::string_view noted_output();
  void write_output();
  [[nodiscard]] DialogueParty party() const noexcept;
  void end_transcript();
  void log_disconnect();
  [[nodiscard]] LogClient client() const noexcept;
  [[nodiscard]] LogOrigin origin() const noexcept;

  ServerEnv env_;
  std::shared_ptr<const ServerSettings> settings_;
  net::Stream stream_;
  policy::ClientSideFacts facts_;
  ServerMachine machine_;
  SessionAuth auth_;
  std::string refusal_;
  int64_t footer_second_ = 0;  ///< that the machine was told
  std::string client_key_;
  policy::RelayPolicy::Verdict verdict_;      ///< of the last check
  std::array<std::string, 3> pending_;        ///< what CONNECT, HELO and MAIL deferred
  std::unique_ptr<const net::TlsFacts> tls_;  ///< null: in clear
  std::unique_ptr<MessageChanges> changes_;   ///< what access tables want done to this message
  std::unique_ptr<Transcript> transcript_;    ///< null: nobody wants one
  bool about_notice_ = false;                 ///< it carried a notice to the postmaster
  uint32_t log_pid_;
  const uint32_t uid_;

  QueueId id_{};
  ContentRef content_;
  size_t own_header_bytes_ = 0;  ///< of content_, before what the client sent
  OnceOnly::Claim once_;         ///< of the message that is being stored
  WallTime arrival_{};
  MonoTime request_end_{};  ///< with request_deadline: by when the request must be complete
  bool stopping_ = false;
  bool cut_ = false;
  CutOff cut_off_;
};

}  // namespace barid::smtp
