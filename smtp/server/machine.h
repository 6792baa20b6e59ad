// The SMTP server's side of the protocol as a pure machine: bytes in, actions out. It owns the
// grammar, the order of commands, the counters and limits, and every reply; the session around it
// owns the socket, the clock, the policy and the queue.
//
// How a session drives it:
//
//   machine.start(...);
//   for (;;) {
//     size_t consumed = 0;
//     const Action action = machine.next(unread_input, &consumed);
//     switch (action.kind) { … perform it, answer it if it asks … }
//     drop `consumed` bytes of input;                   // after the action was performed
//   }
//
// Replies gather in output(), so that those of a pipelined group leave in one write. The session
// writes output() and calls clear_output(): always before it waits for input, on kFlush and on
// kClose; before other waits it may.
//
// Source: RFC 5321, 1870, 2920, 3030, 3207, 3461, 4954, 6152, 6531, 6710.
// Layer:  smtp/server, pure: no I/O, no clock, no globals; allocates nothing per command once its
//         buffers have grown. One machine per connection, used by one thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/lookup/match_list.h"
#include "core/lookup/table_list.h"
#include "core/mail/envelope.h"
#include "smtp/proto/address.h"
#include "smtp/proto/command.h"
#include "smtp/proto/dot_decoder.h"
#include "smtp/proto/keyword.h"
#include "smtp/proto/received.h"
#include "smtp/proto/verb.h"
#include "smtp/server/client_attributes.h"
#include "smtp/server/rules.h"

namespace barid::smtp {

/// smtpd_forbid_bare_newline. A bare LF never ends a line whatever the value is (RFC 5321 2.3.8);
/// the value only decides what else happens when one is seen.
enum class BareNewline : uint8_t {
  kNo,         ///< content: passes; command: 500
  kNote,       ///< the same, and the session is marked notes=bare_lf
  kNormalize,  ///< the same as kNo: content is stored byte for byte
  kReject,     ///< content: 550 after the end of data; command: 550 and disconnect
};

/// Stages at which the machine asks the session. Recipients are always asked about.
enum CheckStage : uint8_t {
  kCheckAtHelo = 1,
  kCheckAtSender = 2,
  kCheckAtData = 4,
};

/// What one listener is configured to do. An immutable snapshot that outlives its machines.
struct ServerPolicy {
  std::string hostname = "localhost";              ///< myhostname, in replies
  std::string banner = "localhost ESMTP Postfix";  ///< smtpd_banner, expanded, without "220 "
  KeywordSet keywords = kKeywordsDefault;          ///< announced; what is absent is disabled
  uint8_t checks = kCheckAtSender;                 ///< CheckStage bits

  uint64_t message_size_limit = 10'240'000;   ///< bytes, 0 = none
  uint32_t line_length_limit = 2048;          ///< bytes of a command line without CRLF
  uint32_t recipient_limit = 1000;            ///< smtpd_recipient_limit
  uint32_t recipient_overshoot_limit = 1000;  ///< refusals beyond it that are no errors
  uint32_t hopcount_limit = 50;               ///< Received headers, ours included
  uint32_t soft_error_limit = 10;             ///< from here every reply is delayed
  uint32_t hard_error_limit = 20;             ///< here the session ends
  uint32_t junk_command_limit = 100;          ///< above it, NOOP, RSET … count as errors
  Duration error_sleep_time = std::chrono::seconds(1);
  uint16_t bare_newline_reject_code = 550;  ///< 500..599

  Stream default_stream = Stream::kTransactional;  ///< smtpd_default_stream
  std::string verp_delimiters = "+=";              ///< default_verp_delimiters
  std::string verp_delimiter_filter = "-=+";       ///< what XVERP's delimiters may be

  bool tls_required = false;  ///< nothing but the way to STARTTLS is allowed in clear
  bool broken_sasl_auth_clients = false;
  uint32_t sasl_response_limit = 12288;  ///< bytes of a line in an AUTH dialogue
  bool helo_required = false;
  bool disable_vrfy_command = false;
  bool strict_rfc821_envelopes = false;
  bool strict_smtputf8 = false;  ///< UTF-8 addresses only after MAIL … SMTPUTF8
  bool forbid_unauth_pipelining = true;
  bool soft_bounce = false;  ///< every 5xx reply becomes 4xx

  lookup::StringList noop_commands;  ///< smtpd_noop_commands
  lookup::StringList forbidden_commands = {
      "smtpd_forbidden_commands", "CONNECT GET POST regexp:{{/^[^A-Z]/ Bogus}}", {}};
  lookup::TableList command_filter;  ///< smtpd_command_filter: asked with each whole command line
  lookup::TableList reject_filter_maps;  ///< asked with each refusal; what it says is said instead
  std::string reject_footer;             ///< smtpd_reject_footer, not expanded
  lookup::TableList reject_footer_maps;  ///< asked with the reply; goes before reject_footer

  [[nodiscard]] bool has_footer() const noexcept {
    return !reject_footer.empty() || !reject_footer_maps.empty();
  }
};

/// Who is connected. Copied by the machine.
struct ClientFacts {
  std::string name = "unknown";                        ///< verified host name or "unknown"
  std::string address = "127.0.0.1";                   ///< textual IP address without brackets
  uint16_t port = 0;                                   ///< 0 = not known
  KeywordSet discarded = 0;                            ///< keywords hidden from this client
  std::string discard_note;                            ///< to be logged at EHLO; empty = nothing
  int8_t priority_max = kPriorityMax;                  ///< more than this is not granted
  BareNewline bare_newline = BareNewline::kNormalize;  ///< after the exclusions
};

/// What may be said about AUTH to this client now.
struct AuthOffer {
  std::vector<std::string> mechanisms;  ///< upper case; empty = AUTH is not offered
  bool needs_encryption = false;        ///< it would be, under TLS
};

enum class ActionKind : uint8_t {
  /// All input was used. Write output(), then wait for more input.
  kNeedInput,
  /// Wait `delay` (often zero), then write output(), then call next() again.
  kFlush,
  /// Log `note` about `bytes`; nothing to answer.
  kNote,
  /// Ask the policy about helo_offered(); answer with on_verdict().
  kCheckHelo,
  /// Ask about sender(), declared_size(); answer with on_verdict().
  kCheckSender,
  /// Ask about recipient(); answer with on_verdict().
  kCheckRecipient,
  /// Ask whether content may come now (DATA, first BDAT); answer with on_verdict().
  kCheckData,
  /// VRFY: ask about recipient(); answer with on_verdict().
  kCheckVerify,
  /// ETRN: ask about etrn_domain(); answer with on_verdict(), whose empty text means "queued".
  kCheckEtrn,
  /// XCLIENT: build the facts of the client that claimed_client() describes and give them to
  /// become(); then ask whether it may connect and answer with on_verdict().
  kIdentify,
  /// First accepted recipient: assign a queue id, log it. Nothing to answer, but on_open_failed()
  /// may turn the recipient down.
  kOpenMessage,
  /// Append `bytes` to the message's content; nothing to answer.
  kBodyBytes,
  /// AUTH, or a line of its dialogue: auth_mechanism(), auth_line(). Answer with
  /// on_auth_challenge(), on_auth_success() or on_auth_failure().
  kAuth,
  /// STARTTLS: answer with on_verdict() whether TLS is to be had. If it is, throw away all input
  /// that is left (RFC 3207 4: it came in clear), write output(), do the handshake, and call
  /// on_secured() before next(); if the handshake fails, the session is over.
  kStartTls,
  /// The message is complete. Take the envelope with fill_envelope(), make it durable, then call
  /// on_committed() or on_commit_failed(). No input is used in between.
  kCommit,
  /// Forget the open message and its content; nothing to answer.
  kAbort,
  /// Write output(), then close. next() must not be called again.
  kClose,
};

/// What is worth a log line besides the checks' own.
enum class Note : uint8_t {
  kNone,
  kPipelining,      ///< "improper command pipelining after stage()": bytes = what came too early
  kNonSmtpCommand,  ///< "non-SMTP command": bytes = the line
  kTooManyErrors,   ///< "too many errors after stage()"
  kBareNewline,     ///< a bare LF; once per command line, once per message
  kBadAddress,      ///< "Illegal address syntax": bytes = the argument
  kRejected,        ///< the machine itself refused: bytes = the reply
  kReplaced,        ///< smtpd_command_filter: bytes = "replacing command …"
  kDiscarding,      ///< EHLO: bytes = ClientFacts::discard_note
};

struct Action {
  ActionKind kind = ActionKind::kNeedInput;
  Note note = Note::kNone;
  std::string_view bytes;  ///< valid until the next call, and no longer than the passed input
  Duration delay{};
};

/// The recipient a check is about. Views live until the verdict.
struct CheckedRecipient {
  std::string_view address;   ///< external canonical form without brackets
  std::string_view local;     ///< its local part, quoted if it must be
  std::string_view domain;    ///< empty for <postmaster> and, if not strict, other bare names
  std::string_view original;  ///< ORCPT decoded, or empty
  uint8_t notify = 0;
};

struct CommandCount {
  uint32_t total = 0;
  uint32_t ok = 0;
};

class ServerMachine {
 public:
  /// `policy` must outlive the machine.
  ServerMachine(const ServerPolicy& policy, ClientFacts client);
  ServerMachine(const ServerMachine&) = delete;
  ServerMachine& operator=(const ServerMachine&) = delete;

  struct Start {
    std::string_view early_input;  ///< what the client sent before the banner
    std::string_view refusal;      ///< a reply to say instead of the banner, e.g. a 554 or a 421
  };
  /// Queues the banner, or the refusal, or the 554 for a client that talked first. Call once.
  /// After a refusal that is not 421 or 521 the session goes on, and all but QUIT is answered 503.
  void start(const Start& start);

  /// Uses some of `input` and returns the next thing to do. `*consumed` is how many bytes it used.
  /// The caller passes all unread bytes it has: what stands behind a command that must end its
  /// group (RFC 2920 3.1) is how unauthorised pipelining is recognised.
  /// Cost: O(bytes consumed). Must not be called while an answer is owed, or after kClose.
  [[nodiscard]] Action next(std::string_view input, size_t* consumed);

  /// Answers kCheck…: empty = go on, else the whole reply without CRLF ("554 5.7.1 <a@b>: …").
  void on_verdict(std::string_view refusal);
  /// After kOpenMessage, before next(): no message can be opened; the recipient gets `reply`.
  void on_open_failed(std::string_view reply);
  /// At kIdentify, before on_verdict(): from here on `client` is who is connected.
  void become(ClientFacts client);
  /// The connection is encrypted from here on: what the client said before is forgotten (RFC 3207
  /// 4.2). After kStartTls, or before start() where TLS comes first.
  void on_secured();
  /// What EHLO says about AUTH from now on.
  void set_auth_offer(AuthOffer offer);
  /// Answers kAuth: `challenge` in base64; the next line of the client is its response.
  void on_auth_challenge(std::string_view challenge);
  void on_auth_success(std::string_view user);
  /// A whole reply.
  void on_auth_failure(std::string_view reply);
  /// Answers kCommit: the message is durable.
  void on_committed(std::string_view queue_id);
  /// Answers kCommit: it is not, and nothing of it remains.
  void on_commit_failed(std::string_view reply);

  /// No input within the time limit: queues the 421; next() then aborts and closes.
  void on_timeout();
  /// The server stops: queues `421 4.3.2`; next() then aborts and closes.
  void on_shutdown();

  /// "Nov  5 19:58:35", for footers that name the time; before next() where policy has_footer().
  void set_local_time(std::string text) { local_time_ = std::move(text); }

  [[nodiscard]] std::string_view output() const noexcept { return output_; }
  void clear_output() noexcept;

  // Facts for checks, logs and headers. Views live until the next call of a non-const member.
  [[nodiscard]] const ClientFacts& client() const noexcept { return client_; }
  /// The accepted HELO or EHLO name; empty before.
  [[nodiscard]] std::string_view helo() const noexcept { return helo_; }
  /// At kCheckHelo: the name it is about.
  [[nodiscard]] std::string_view helo_offered() const noexcept { return helo_candidate_; }
  /// "SMTP", "ESMTP" or "UTF8SMTP", as in proto=.
  [[nodiscard]] std::string_view protocol() const noexcept;
  /// The same with what RFC 3848 appends for TLS: "ESMTPS", as in Received's "with".
  [[nodiscard]] std::string_view transport_protocol() const noexcept;
  /// The connection is encrypted.
  [[nodiscard]] bool secured() const noexcept { return secured_; }
  /// At kAuth: the mechanism, in upper case; the initial response or the line, in base64.
  [[nodiscard]] std::string_view auth_mechanism() const noexcept { return auth_.mechanism; }
  [[nodiscard]] std::string_view auth_line() const noexcept { return auth_.line; }
  [[nodiscard]] bool auth_has_line() const noexcept { return auth_.has_line; }
  /// At kAuth: it is the command itself.
  [[nodiscard]] bool auth_is_first() const noexcept { return auth_.is_first; }
  /// Who logged in; empty = nobody.
  [[nodiscard]] std::string_view auth_user() const noexcept { return auth_.user; }
  /// MAIL's AUTH=, decoded; empty = not given.
  [[nodiscard]] std::string_view auth_sender() const noexcept { return auth_.sender; }
  [[nodiscard]] bool in_transaction() const noexcept;
  [[nodiscard]] std::string_view sender() const noexcept { return text(sender_); }
  /// MAIL's XONCE=key; empty = the message has none.
  [[nodiscard]] std::string_view once_key() const noexcept { return text(once_); }
  [[nodiscard]] uint64_t declared_size() const noexcept { return declared_size_; }
  [[nodiscard]] const CheckedRecipient& recipient() const noexcept { return checked_; }
  [[nodiscard]] std::string_view etrn_domain() const noexcept { return etrn_domain_; }
  /// What XCLIENT said so far; null = nothing.
  [[nodiscard]] const ClientAttributes* claimed_client() const noexcept { return claimed_.get(); }
  /// What XFORWARD said of the mail to come; null = nothing.
  [[nodiscard]] const ClientAttributes* forwarded_client() const noexcept {
    return forwarded_.get();
  }
  /// Accepted recipients of this transaction.
  [[nodiscard]] size_t recipient_count() const noexcept { return recipients_.size(); }
  [[nodiscard]] std::string_view recipient_address(size_t index) const noexcept;
  /// True from kOpenMessage until kCommit's answer or kAbort: on a lost connection, abort it.
  [[nodiscard]] bool message_open() const noexcept { return message_open_; }
  /// Writes the transaction into `out`, reusing its capacity. Callable at kCommit and before.
  void fill_envelope(Envelope& out) const;

  /// "CONNECT", the last command's name, "END-OF-MESSAGE": for "lost connection after …".
  [[nodiscard]] std::string_view stage() const noexcept { return stage_; }
  /// The client sent something before it may have.
  [[nodiscard]] bool saw_pipelining() const noexcept { return pipelining_noted_; }
  /// Content bytes so far, if stage() is DATA or BDAT: Postfix logs "DATA (N bytes)".
  /// The next line is one of AUTH's dialogue: a secret.
  [[nodiscard]] bool in_auth() const noexcept { return reading_ == Reading::kAuthLine; }
  [[nodiscard]] bool in_content() const noexcept {
    return reading_ == Reading::kData || reading_ == Reading::kChunk;
  }
  [[nodiscard]] uint64_t content_bytes() const noexcept { return content_bytes_; }
  [[nodiscard]] const std::array<CommandCount, kVerbCount>& counts() const noexcept {
    return counts_;
  }
  /// Appends "ehlo=1 mail=1 rcpt=0/1 data=1 quit=1 commands=4/5[ notes=bare_lf]".
  void append_summary(std::string& out) const;

  /// A bare LF was seen in this session.
  [[nodiscard]] bool saw_bare_newline() const noexcept { return bare_newline_seen_; }

  /// For tests of the decision table.
  [[nodiscard]] Phase phase() const noexcept { return phase_; }

 private:
  /// What next() reads from the input.
  enum class Reading : uint8_t { kCommand, kAuthLine, kRestOfLine, kData, kChunk };
  /// What the session is asked, or has been asked and owes.
  enum class Ask : uint8_t {
    kNothing,
    kHelo,
    kSender,
    kRecipient,
    kData,
    kVerify,
    kEtrn,
    kIdentity,
    kAuth,
    kStartTls,
    kCommit,
  };
  /// kOpenMessage: to be returned by next(), or returned and not yet turned down.
  enum class Opening : uint8_t { kNone, kToAsk, kAsked };
  /// Why the content read now is thrown away.
  enum class ContentFault : uint8_t { kNone, kTooBig, kRefused };

  struct Slice {
    uint32_t offset = 0;
    uint32_t length = 0;
  };
  struct RecipientSlot {
    Slice address;
    Slice original;
    uint8_t notify = 0;
  };
  struct PendingNote {
    Note kind = Note::kNone;
    Slice bytes;  ///< of note_text_
  };

  // machine.cc: the loop, lines, answers
  bool take_pending(Action& action);
  bool take_note(Action& action);
  bool take_ask(Action& action);
  bool step(std::string_view& input, Action& action);
  void step_command(std::string_view& input);
  void step_rest_of_line(std::string_view& input);
  void refuse_bare_newline(std::string_view line);
  void run_line(std::string_view line, std::string_view behind);
  void run_unknown(const CommandLine& command, std::string_view line);
  bool refuse_pipelining(Verb verb, std::string_view behind);
  bool filter_line(std::string_view& line);
  void end_session(std::string_view code, std::string_view text);

  // machine_report.cc: replies, notes, counters, storage of the transaction
  void reply(std::string_view text);
  void reply_host(std::string_view code, std::string_view text);
  void reply_bare_newline_reject();
  void reply_foreign(std::string_view prefix, std::string_view text);
  void end_reply(size_t start);
  void filter_refusal(size_t start);
  void add_footer(size_t start);
  void finish(bool ok);
  void count_junk();
  void note(Note kind, std::string_view bytes);
  void note_bare_newline(std::string_view bytes);
  void drop_message();
  void reset_transaction();
  [[nodiscard]] KeywordSet keywords() const noexcept;
  [[nodiscard]] bool enabled(Keyword keyword) const noexcept;
  [[nodiscard]] std::string_view text(Slice slice) const noexcept {
    return std::string_view(text_).substr(slice.offset, slice.length);
  }
  [[nodiscard]] Slice since(size_t start) const noexcept;
  Slice store_address(const Address& address);

  // machine_commands.cc: one function per verb
  void dispatch(const CommandLine& command);
  bool refuse_phase(Verb verb);
  void refuse_argument(const ArgumentFault& fault, bool is_mail);
  void run_helo(std::string_view arguments);
  void accept_helo();
  void append_keywords();
  void run_mail(std::string_view arguments);
  void accept_mail();
  void run_rcpt(std::string_view arguments);
  void accept_rcpt();
  void refuse_rcpt(std::string_view reply);
  void run_vrfy(std::string_view arguments);
  void accept_vrfy();
  void run_etrn(std::string_view arguments);
  void run_starttls(std::string_view arguments);
  void answer(bool ok, std::string_view text);
  [[nodiscard]] ArgumentOptions argument_options() const noexcept;
  void offer_candidate(Ask ask);

  // machine_forward.cc: XCLIENT and XFORWARD
  bool refuse_forwarding(Verb verb, std::string_view arguments);
  void run_xclient(std::string_view arguments);
  void greet_again(std::string_view refusal);
  void run_xforward(std::string_view arguments);
  void fill_origin(Envelope& out) const;
  // machine_auth.cc: AUTH
  void append_auth_keyword(size_t* last_line);
  void run_auth(std::string_view arguments);
  void run_auth_line(std::string_view line);

  // machine_content.cc: DATA, BDAT and what follows them
  void run_data(std::string_view arguments);
  void accept_data();
  void begin_content();
  void run_bdat(std::string_view arguments);
  void accept_bdat();
  void skip_chunk(std::string_view refusal);
  bool step_data(std::string_view& input, Action& action);
  bool step_chunk(std::string_view& input, Action& action);
  bool emit_content(std::string_view bytes, Action& action);
  void scan_chunk_newlines(std::string_view bytes);
  void end_of_chunk();
  void end_of_content();
  void refuse_content(std::string_view text);
  void finish_content(bool ok);

  const ServerPolicy& policy_;
  ClientFacts client_;

  std::string output_;
  std::string line_;      ///< a command line that came in pieces
  std::string filtered_;  ///< what smtpd_command_filter made of it
  std::string local_time_;
  std::array<PendingNote, 3> notes_{};
  std::string note_text_;
  uint8_t notes_count_ = 0;
  Duration reply_delay_{};

  Phase phase_ = Phase::kConnected;
  Reading reading_ = Reading::kCommand;
  Ask ask_ = Ask::kNothing;   ///< to be returned by next()
  Ask owed_ = Ask::kNothing;  ///< returned and not answered yet
  Opening opening_ = Opening::kNone;
  Verb running_ = Verb::kUnknown;  ///< the command an answer belongs to
  bool abort_pending_ = false;
  bool closing_ = false;
  bool closed_ = false;
  bool refused_ = false;  ///< greeted with a refusal
  bool extended_ = false;
  bool secured_ = false;
  bool after_cr_ = false;  ///< kRestOfLine and kChunk: the last byte used was CR
  bool pipelining_noted_ = false;
  bool bare_newline_seen_ = false;
  std::string_view stage_ = "CONNECT";

  std::string helo_;
  std::string helo_candidate_;
  std::string etrn_domain_;
  uint32_t error_count_ = 0;
  uint32_t junk_count_ = 0;
  std::array<CommandCount, kVerbCount> counts_{};

  std::unique_ptr<ClientAttributes> claimed_;  ///< XCLIENT
  struct Auth {
    AuthOffer offer;
    std::string mechanism;
    std::string line;
    bool has_line = false;
    bool is_first = false;
    bool done = false;
    std::string user;
    std::string sender;
  };
  Auth auth_;

  // The transaction; its strings are slices of text_.
  std::unique_ptr<ClientAttributes> forwarded_;  ///< XFORWARD, said before MAIL
  std::string text_;
  Slice sender_;
  Slice envid_;
  Slice once_;        ///< XONCE
  std::string verp_;  // two delimiters, or empty
  uint64_t declared_size_ = 0;
  DsnReturn dsn_return_ = DsnReturn::kNotGiven;
  BodyType body_ = BodyType::k7Bit;
  bool smtputf8_ = false;
  int8_t priority_ = 0;
  bool priority_lowered_ = false;
  bool message_open_ = false;
  std::vector<RecipientSlot> recipients_;
  RecipientSlot candidate_;
  CheckedRecipient checked_;
  uint32_t overshoot_count_ = 0;

  // The content.
  DotDecoder dots_;
  ReceivedCounter hops_;
  uint64_t content_bytes_ = 0;
  uint64_t chunk_bytes_ = 0;  ///< size of the current chunk
  uint64_t chunk_remaining_ = 0;
  bool chunk_last_ = false;
  bool content_bare_newline_ = false;
  ContentFault fault_ = ContentFault::kNone;
  std::string chunk_refusal_;  ///< what to answer once the chunk is consumed
};

}  // namespace barid::smtp
