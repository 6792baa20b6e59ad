// The client's side of one SMTP or LMTP connection, as a pure machine: reply bytes and write
// progress in, bytes to write and per-recipient results out. It does the greeting, EHLO/HELO/LHLO,
// and then a stream of messages with as much pipelining as the server's capabilities allow. Source:
// RFC 5321 (SMTP), RFC 2033 (LMTP), RFC 3207 (STARTTLS), RFC 2920 (PIPELINING), RFC 3030 (CHUNKING,
// BINARYMIME),
//         RFC 1870 (SIZE), RFC 6152 (8BITMIME), RFC 6531 (SMTPUTF8), RFC 3461 (DSN).
// Layer:  smtp/client, pure. No I/O, clock or coroutine; one thread at a time. Allocates when it is
//         constructed and for reasons of failures, never per command or per message in steady
//         state.
//
// How a session uses it:
//   ClientMachine machine(options, sink);
//   machine.offer(message) while machine.can_offer();      // before or after the greeting
//   writer: iov = machine.output(); if empty wait, else n = writev(iov); machine.on_written(n);
//   reader: machine.on_bytes(bytes), or on_lost() at end of file or error, or on_timeout() when
//           stage()'s time limit passed. Reader and writer run concurrently: a client that only
//           writes while the server only writes would deadlock.
//   After every call: results have been given to the sink; look at output(), stage(), closed().
//
// Two cursors, next to send and next to be answered, move forward only. How far apart they may be:
//   neither PIPELINING        one command at a time;
//   PIPELINING, DATA          MAIL RCPT… DATA in one write; after the 354 the body and its dot and,
//                             behind it, the next message's MAIL RCPT… DATA (RFC 2920 3.1);
//   PIPELINING and CHUNKING   MAIL RCPT… BDAT with the body for up to pipeline_messages_limit
//                             messages, within pipeline_bytes_limit. A RSET goes before each MAIL
//                             that follows an unanswered message: if that one loses all recipients,
//                             its transaction stays open (RFC 3030 2) and the RCPTs behind it would
//                             be accepted under the wrong sender.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/queue_id.h"
#include "core/mail/envelope.h"
#include "smtp/client/machine_capabilities.h"
#include "smtp/client/machine_output.h"
#include "smtp/proto/dot_stuffer.h"
#include "smtp/proto/reply_reader.h"
#include "smtp/sasl/client.h"

namespace barid::smtp {

/// What becomes of TLS on one connection.
enum class TlsUse : uint8_t {
  kNone,     ///< not even if it is offered
  kMay,      ///< if it is offered
  kMust,     ///< or the session fails
  kSecured,  ///< before the greeting, by the caller
};

/// What is fixed for one connection. Copied; the strings are owned.
struct ClientOptions {
  bool lmtp = false;
  std::string helo_name;  ///< smtp_helo_name
  std::string host;       ///< the server's name, for Remote-MTA
  std::string peer;       ///< "host[address]" as logs show it, without the port
  FeatureSet discard;     ///< smtp_discard_ehlo_keywords
  TlsUse tls = TlsUse::kNone;
  bool always_send_ehlo = true;               ///< smtp_always_send_ehlo
  bool never_send_ehlo = false;               ///< smtp_never_send_ehlo
  bool skip_5xx_greeting = true;              ///< smtp_skip_5xx_greeting
  bool pix_disable_esmtp = true;              ///< HELO only when the banner is masked ("220 ****")
  bool convert_8bit = true;                   ///< not disable_mime_output_conversion
  bool send_xforward = false;                 ///< smtp_send_xforward_command
  bool auth_soft_bounce = true;               ///< smtp_sasl_auth_soft_bounce
  const ReplyFilter* reply_filter = nullptr;  ///< smtp_reply_filter; outlives the machine

  // "Mail loops back to myself": checked when own_name is not empty (spec: only on port 25).
  std::string own_name;  ///< myhostname
  std::string nexthop;   ///< for the text
  bool best_mx = false;  ///< the peer is a best MX: permanent, else temporary

  uint32_t line_length_max = 998;            ///< smtp_line_length_limit, for DATA; 0 = off
  uint32_t pipeline_messages_limit = 32;     ///< messages offered and not finished, at least 1
  uint64_t pipeline_bytes_limit = 1u << 20;  ///< content sent and unanswered, across messages
  /// A larger message sends its BDAT only once its recipients have been answered.
  uint64_t speculative_bytes_max = 256u << 10;
};

/// One message for one server. Everything it refers to is borrowed until on_message_done().
struct OutgoingMessage {
  QueueId id;
  const Envelope* envelope = nullptr;
  /// Indices into envelope->recipients, not empty; a single one if uses_verp(*envelope).
  std::span<const uint32_t> recipients;
  std::span<const std::string_view> content;  ///< header and body, CRLF line ends, in order
  uint64_t size = 0;                          ///< sum of the content's sizes
  bool has_8bit = false;                      ///< some byte of the content is above 127
  bool has_utf8_header = false;               ///< a header field holds UTF-8
  bool converted = false;                     ///< content is the answer to kNeedsConversion
  uint64_t tag = 0;                           ///< the caller's own
};

/// How one session ended for one recipient. The first four are Disposition's.
enum class Fate : uint8_t {
  kDelivered = 0,
  kDeferred = 1,
  kFailed = 2,
  kInDoubt = 3,       ///< final dot or last BDAT byte given to the kernel, reply never came
  kNotAttempted = 4,  ///< the server cannot have taken it: offer it again, do not count an attempt
  kNeedsConversion = 5,  ///< the content cannot go to this server as it is (8-bit without
                         ///< 8BITMIME; a bare CR or LF before a lone dot without CHUNKING): offer
                         ///< it again with quoted-printable or base64 content and converted = true
};

/// The views are valid during the call that passes them.
struct RecipientResult {
  const OutgoingMessage* message = nullptr;
  uint32_t recipient = 0;  ///< index into message->envelope->recipients
  Fate fate = Fate::kDeferred;
  DsnCode dsn;
  /// As long as a further server is allowed this result is not final: keep the recipient for it.
  bool try_next_server = false;
  /// Negative feedback for the destination, if the recipient really ends deferred.
  bool throttle = false;
  uint32_t connection_use = 1;  ///< messages begun on this connection so far, this one included
  std::string_view text;        ///< the log's reason, one line, printable
  std::string_view remote_mta;  ///< options.host when the server said it, else empty
  std::string_view diagnostic;  ///< the server's reply, one line; empty = decided here
};

/// Receives results. Must not call the machine back from inside.
class ClientSink {
 public:
  /// Exactly once per recipient offered.
  virtual void on_result(const RecipientResult& result) = 0;
  /// Its last byte is in what output() is about to give: once that is written it may be delivered.
  virtual void on_leaving(const OutgoingMessage& message) = 0;
  /// After all its results, and once no byte of its content is needed or being written.
  virtual void on_message_done(const OutgoingMessage& message) = 0;

 protected:
  ~ClientSink() = default;
};

/// What the machine waits for: selects the time limit (smtp_*_timeout).
enum class Stage : uint8_t {
  kGreeting,   ///< smtp_helo_timeout
  kHello,      ///< EHLO, HELO or LHLO: smtp_helo_timeout
  kStartTls,   ///< STARTTLS and the handshake: smtp_starttls_timeout
  kIdle,       ///< nothing sent is unanswered: the caller's idle limit
  kReset,      ///< smtp_rset_timeout
  kForward,    ///< smtp_xforward_timeout
  kMail,       ///< smtp_mail_timeout
  kRcpt,       ///< smtp_rcpt_timeout
  kData,       ///< smtp_data_init_timeout
  kBody,       ///< smtp_data_xfer_timeout, per write
  kEndOfData,  ///< smtp_data_done_timeout
  kQuit,       ///< smtp_quit_timeout
  kClosed,     ///< close the connection
};

class ClientMachine {
 public:
  /// `sink` must outlive the machine.
  ClientMachine(const ClientOptions& options, ClientSink& sink);
  /// Everything offered must have been resolved: call on_cancel() first if in doubt.
  ~ClientMachine();
  ClientMachine(const ClientMachine&) = delete;
  ClientMachine& operator=(const ClientMachine&) = delete;

  /// Whom to log in as, where the server offers AUTH. Before the greeting.
  void set_login(std::unique_ptr<sasl::Client> login) { login_ = std::move(login); }

  // ---- messages in ----

  /// True when offer() may be called: the session takes mail and a slot is free.
  [[nodiscard]] bool can_offer() const noexcept;
  /// Queues a message. Results may come during the call (too large, SMTPUTF8 not offered, …).
  void offer(const OutgoingMessage& message);
  /// The session was idle and may be stale: a RSET goes before the next message, and if it is
  /// refused or the connection is gone, the message counts as not attempted. Costs no round trip
  /// with PIPELINING and DATA.
  void probe_before_next() noexcept { probe_wanted_ = true; }
  /// No more messages: QUIT follows what was offered, in the same write where PIPELINING allows.
  void quit();

  // ---- bytes and events in ----

  /// Reply bytes, any segmentation. Consumed wholly.
  void on_bytes(std::string_view bytes);
  /// The connection ended or broke. Call only when no write is under way, after on_written() told
  /// of all that the kernel took. Also after closed(), to release contents; harmless when repeated.
  void on_lost() { end_from_outside(End::kLost); }
  /// stage()'s time limit passed. The same rule about writes.
  void on_timeout() { end_from_outside(End::kTimeout); }
  /// The caller gives the session up. What cannot have been taken was not attempted.
  void on_cancel() { end_from_outside(End::kCancelled); }

  // ---- TLS (RFC 3207) ----

  /// The server said 220 to STARTTLS: the caller does the handshake, then calls on_secured() or
  /// on_tls_failed(). What came behind the 220 in clear is not looked at.
  [[nodiscard]] bool wants_handshake() const noexcept { return phase_ == Phase::kSecuring; }
  /// The connection is encrypted, and the server is who it has to be.
  /// `binding`: what a login can be bound to (sasl::Client::choose), if it can.
  void on_secured(sasl::Channel channel = sasl::Channel::kEncrypted, std::string binding = {});
  [[nodiscard]] bool has_login() const noexcept { return login_ != nullptr; }
  /// It is not, or the server is somebody else (`text` says what, RFC 3463 4.7.5). Also before the
  /// greeting.
  void on_tls_failed(std::string_view text);

  // ---- bytes out ----

  /// What to write next, in order; empty when there is nothing now. The array and the bytes stay
  /// untouched until on_written(), whatever is fed meanwhile.
  [[nodiscard]] std::span<const iovec> output();
  /// Whether these bytes of output() are of commands; else of a content.
  [[nodiscard]] bool is_command(const void* data) const noexcept { return plan_.is_command(data); }
  /// The kernel took `bytes` of what output() gave last. May be less than all.
  void on_written(size_t bytes);

  // ---- state ----

  [[nodiscard]] Stage stage() const noexcept;
  /// Whole replies so far.
  [[nodiscard]] uint64_t replies_count() const noexcept { return replies_count_; }
  /// The greeting and EHLO/HELO/LHLO went well.
  [[nodiscard]] bool established() const noexcept { return capabilities_known_; }
  /// Idle and fit for further messages, now or later from a cache.
  [[nodiscard]] bool reusable() const noexcept;
  /// Nothing more will be sent or understood.
  [[nodiscard]] bool closed() const noexcept { return phase_ == Phase::kClosed; }
  /// Valid once established().
  [[nodiscard]] const Capabilities& capabilities() const noexcept { return capabilities_; }
  /// Messages offered whose on_message_done() is still to come.
  [[nodiscard]] uint32_t unfinished_count() const noexcept {
    return static_cast<uint32_t>(offer_index_ - retire_index_);
  }
  [[nodiscard]] bool lmtp() const noexcept { return options_.lmtp; }
  /// What is said now belongs to AUTH's dialogue: a secret.
  [[nodiscard]] bool in_login() const noexcept { return phase_ == Phase::kAuth; }
  /// An answer of AUTH's dialogue takes long: the caller has it made elsewhere.
  [[nodiscard]] bool wants_login_answer() const noexcept {
    return phase_ == Phase::kAuth && !costly_challenge_.empty();
  }
  [[nodiscard]] const std::string& costly_challenge() const noexcept { return costly_challenge_; }
  [[nodiscard]] std::unique_ptr<sasl::Client> take_login() noexcept { return std::move(login_); }
  /// What respond() of the login that was taken said; null: it is lost, there was no time for it.
  void on_login_answer(std::unique_ptr<sasl::Client> login, std::optional<std::string> answer);
  /// One side broke the protocol.
  [[nodiscard]] bool protocol_error() const noexcept { return protocol_error_; }
  /// Why the session ended badly; empty while it has not.
  [[nodiscard]] std::string_view failure_text() const noexcept { return failure_text_; }
  [[nodiscard]] DsnCode failure_dsn() const noexcept { return failure_dsn_; }

 private:
  enum class Phase : uint8_t {
    kGreeting,
    kEhlo,  ///< or LHLO
    kHelo,
    kAuth,
    kStartTls,
    kSecuring,  ///< the caller does the handshake
    kOpen,
    kWindDown,  ///< the server said 421: read what comes, send nothing more
    kClosed,
  };
  enum class End : uint8_t { kLost, kTimeout, kMalformed, kUnexpected, kStale, kCancelled };

  /// Next to be sent, in order.
  enum class Step : uint8_t { kChecks, kBegin, kReset, kForward, kMail, kRcpt, kData, kGo, kDone };
  /// Next to be answered, in order. kNone: all that was sent has been answered.
  enum class Answer : uint8_t { kReset, kForward, kMail, kRcpt, kData, kEnd, kNone };
  enum class Mark : uint8_t { kPending, kAccepted, kResolved, kUnsendable };

  struct Transaction {
    OutgoingMessage message;
    std::vector<Mark> marks;  ///< per recipient; capacity is kept between messages
    uint32_t unresolved = 0;
    uint32_t rcpt_sent = 0;        ///< next recipient to send; unsendable ones are passed over
    uint32_t rcpt_answered = 0;    ///< next recipient to be answered, likewise
    uint32_t end_answers_due = 0;  ///< 1, or with LMTP one per accepted recipient
    uint32_t lmtp_next = 0;        ///< LMTP: the recipient whose end-of-data reply comes next
    uint32_t use = 0;              ///< how many messages the connection had begun with this one
    Step send = Step::kChecks;
    std::string verp_sender;   ///< instead of the envelope's; empty = that one
    bool utf8 = false;         ///< SMTPUTF8 is declared
    bool probe = false;        ///< its RSET asks whether a reused connection still lives
    bool reset = false;        ///< RSET goes before MAIL
    bool reset_due = false;    ///< the command was sent and is not answered; so the next two
    uint8_t forward_sent = 0;  ///< of the two XFORWARD commands: sent or passed over
    uint8_t forward_due = 0;   ///< and not answered yet
    bool mail_due = false;
    bool data_due = false;
    bool mail_sent = false;
    bool go = false;               ///< 354 came
    bool content_planned = false;  ///< body and dot, or BDAT, are in the output plan
    ContentScan scan;
    uint64_t end_offset = kOffsetUnknown;  ///< stream offset behind the dot or last BDAT byte
  };

  /// Of one reply or local decision, before it is given to recipients. `text` borrows.
  struct Verdict {
    Fate fate = Fate::kDeferred;
    DsnCode dsn;
    bool try_next_server = false;
    bool throttle = false;
    std::string_view text;
    std::string_view diagnostic;
  };

  // machine.cc: handshake, offering, input and output
  void put_hello(std::string_view verb);
  void on_reply(const Reply& reply);
  void on_greeting(const Reply& reply);
  void on_hello(const Reply& reply);
  void on_starttls(const Reply& reply);
  [[nodiscard]] bool begin_tls();
  void establish();
  void refuse_session(DsnCode dsn);
  void fail_session(const Verdict& verdict);
  void check_message(Transaction& t);
  bool check_addresses(Transaction& t);
  void refuse_locally(Transaction& t, Fate fate, DsnCode dsn, bool try_next_server);
  void tell_leaving();

  // machine_auth.cc: AUTH
  bool start_auth();
  void on_auth_reply(const Reply& reply);
  void answer_challenge(const Reply& reply);
  void send_auth_answer(std::optional<std::string> answer);
  void fail_auth(DsnCode dsn);

  // machine_send.cc: the send cursor
  void plan();
  bool advance(Transaction& t);
  bool may_begin(const Transaction& t) const noexcept;
  void begin(Transaction& t);
  bool put(std::string_view command);
  bool send_reset(Transaction& t);
  bool send_forward(Transaction& t);
  bool send_mail(Transaction& t);
  bool send_rcpt(Transaction& t);
  bool send_data(Transaction& t);
  bool send_bdat(Transaction& t);
  bool send_body(Transaction& t);
  bool envelope_answered(const Transaction& t) const noexcept;
  void finish_sending(Transaction& t) noexcept;
  void pass_unsendable(const Transaction& t, uint32_t& position) const noexcept;

  // machine_reply.cc: the answer cursor
  static Answer answer_of(const Transaction& t) noexcept;
  void on_transaction_reply(Transaction& t, const Reply& reply);
  void on_reset_reply(Transaction& t, const Reply& reply);
  void on_forward_reply(Transaction& t, const Reply& reply);
  void on_mail_reply(Transaction& t, const Reply& reply);
  void on_rcpt_reply(Transaction& t, const Reply& reply);
  void on_data_reply(Transaction& t, const Reply& reply);
  void on_end_reply(Transaction& t, const Reply& reply);
  void on_early_reply(Transaction& t, const Reply& reply);
  Verdict judge(const Reply& reply, std::string_view command);
  Verdict delivered(const Reply& reply);
  void move_answer_cursor();

  // machine_end.cc: results, and how sessions end
  void resolve(Transaction& t, uint32_t position, const Verdict& verdict);
  void resolve_all(Transaction& t, const Verdict& verdict);
  void end_session(End end);
  void end_from_outside(End end);
  void end_handshake(End end);
  void end_transaction(Transaction& t, End end, bool oldest);
  void set_failure(DsnCode dsn);
  static DsnCode end_dsn(End end) noexcept;
  static bool is_protocol_trouble(const Reply& reply) noexcept;
  void wind_down();
  void refuse_new_messages();
  void write_end_text(End end, std::string_view doing);
  std::string_view doing(const Transaction& t) const noexcept;
  bool end_was_written(const Transaction& t) const noexcept;
  bool is_stale(const Transaction& t) const noexcept;
  void retire();

  Transaction& slot(uint64_t index) noexcept { return slots_[index % slots_.size()]; }
  const Transaction& slot(uint64_t index) const noexcept { return slots_[index % slots_.size()]; }

  const ClientOptions options_;
  ClientSink& sink_;
  Capabilities capabilities_;
  Phase phase_ = Phase::kGreeting;
  bool capabilities_known_ = false;
  bool secured_ = false;
  bool pipelining_ = false;
  bool chunking_ = false;
  bool probe_wanted_ = false;
  bool reset_wanted_ = false;    ///< the server may hold an open transaction
  bool protocol_error_ = false;  ///< finish what is under way, take nothing new
  bool quit_wanted_ = false;
  bool quit_sent_ = false;
  bool in_sink_ = false;
  uint32_t uses_ = 0;
  uint32_t outstanding_ = 0;      ///< replies due for what was planned
  uint64_t bytes_in_flight_ = 0;  ///< content of transactions begun and not answered

  // Absolute message numbers: retire <= answer <= send <= offer.
  uint64_t retire_index_ = 0;
  uint64_t leaving_index_ = 0;
  uint64_t answer_index_ = 0;
  uint64_t send_index_ = 0;
  uint64_t offer_index_ = 0;
  std::vector<Transaction> slots_;

  std::unique_ptr<sasl::Client> login_;  ///< null: none, or logged in
  sasl::Channel login_channel_ = sasl::Channel::kClear;
  std::string login_binding_;
  std::optional<std::string> auth_waiting_;  ///< an initial response too long for its command
  std::string costly_challenge_;             ///< empty: no answer is being made elsewhere

  OutputPlan plan_;
  ReplyReader reader_;
  uint64_t replies_count_ = 0;
  std::string text_;  ///< the reason being given; capacity is kept
  std::string failure_text_;
  DsnCode failure_dsn_;
};

/// The queue's name for a fate; kNotAttempted and kNeedsConversion have none and must not be
/// passed.
[[nodiscard]] Disposition disposition_of(Fate fate) noexcept;

}  // namespace barid::smtp
