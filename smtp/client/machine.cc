#include "smtp/client/machine.h"

#include <algorithm>

#include "core/base/assert.h"
#include "core/mail/verp.h"
#include "smtp/client/machine_commands.h"

namespace barid::smtp {
namespace {

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

/// Whether some blank-separated word of a one-line banner behind its code is ESMTP.
bool announces_esmtp(std::string_view banner) noexcept {
  while (!banner.empty()) {
    const size_t end = std::min(banner.find_first_of(" \n"), banner.size());
    if (equals_ignoring_case(banner.substr(0, end), "ESMTP")) return true;
    banner.remove_prefix(std::min(end + 1, banner.size()));
  }
  return false;
}

/// A firewall has painted the banner over with stars (spec: PIX workaround disable_esmtp).
bool is_masked(std::string_view banner) noexcept {
  return banner.find_first_not_of("20 *\t\n") == std::string_view::npos;
}

}  // namespace

Disposition disposition_of(Fate fate) noexcept {
  BARID_ASSERT(fate <= Fate::kInDoubt);
  return static_cast<Disposition>(fate);
}

ClientMachine::ClientMachine(const ClientOptions& options, ClientSink& sink)
    : options_(options),
      sink_(sink),
      slots_(std::max(options.pipeline_messages_limit, 1u)),
      plan_(std::max(options.pipeline_messages_limit, 1u)),
      reader_(options_.reply_filter) {
  BARID_ASSERT(!options_.helo_name.empty());
}

ClientMachine::~ClientMachine() { BARID_ASSERT(unfinished_count() == 0); }

// ---- messages in ----

bool ClientMachine::can_offer() const noexcept {
  const bool takes_mail = phase_ <= Phase::kOpen && !quit_wanted_ && !protocol_error_;
  return takes_mail && unfinished_count() < slots_.size();
}

void ClientMachine::offer(const OutgoingMessage& message) {
  BARID_ASSERT(!in_sink_ && can_offer());
  BARID_ASSERT(message.envelope != nullptr && !message.recipients.empty());
  BARID_ASSERT(message.recipients.size() == 1 || !uses_verp(*message.envelope));
  Transaction& t = slot(offer_index_++);
  std::vector<Mark> marks = std::move(t.marks);
  marks.assign(message.recipients.size(), Mark::kPending);
  t = Transaction{};
  t.marks = std::move(marks);
  t.message = message;
  t.unresolved = static_cast<uint32_t>(message.recipients.size());
  if (phase_ != Phase::kOpen) return;
  plan();
  retire();
}

void ClientMachine::quit() {
  BARID_ASSERT(!in_sink_);
  quit_wanted_ = true;
  if (phase_ == Phase::kOpen) plan();
}

/// Whether the message can go to this server at all; the order of the tests is Postfix's.
void ClientMachine::check_message(Transaction& t) {
  t.send = Step::kDone;  // until everything was found good
  const OutgoingMessage& message = t.message;
  const Envelope& envelope = *message.envelope;
  const bool needs_utf8 = check_addresses(t) || (envelope.smtputf8 && message.has_utf8_header);
  if (t.unresolved == 0) return;
  const std::string& peer = options_.peer;

  if (needs_utf8 && !capabilities_.has(Feature::kSmtpUtf8)) {
    text_.assign("SMTPUTF8 is required, but was not offered by host ").append(peer);
    return refuse_locally(t, Fate::kFailed, {5, 6, 7}, true);
  }
  t.utf8 = capabilities_.has(Feature::kSmtpUtf8) && (needs_utf8 || envelope.smtputf8);

  if (capabilities_.size_limit != 0 && message.size > capabilities_.size_limit) {
    text_.assign("message size ").append(std::to_string(message.size));
    text_.append(" exceeds size limit ").append(std::to_string(capabilities_.size_limit));
    text_.append(" of server ").append(peer);
    return refuse_locally(t, Fate::kFailed, {5, 3, 4}, false);
  }
  const bool binary = envelope.body == BodyType::kBinaryMime;
  if (binary && !(chunking_ && capabilities_.has(Feature::kBinaryMime))) {
    text_.assign("binary content needs BINARYMIME and CHUNKING, which were not offered by host ");
    text_.append(peer);
    return refuse_locally(t, Fate::kFailed, {5, 6, 3}, true);
  }
  if (message.has_8bit && !capabilities_.has(Feature::k8BitMime) && options_.convert_8bit &&
      !message.converted) {
    text_.assign("8BITMIME was not offered by host ").append(peer);
    return refuse_locally(t, Fate::kNeedsConversion, {5, 6, 3}, false);
  }
  if (!chunking_) {
    t.scan = scan_content(message.content, options_.line_length_max);
    if (t.scan.lenient_end) {
      text_.assign("a dot between bare CR or LF cannot be sent safely without CHUNKING to host ");
      text_.append(peer);
      const bool convert = options_.convert_8bit && !message.converted;
      return refuse_locally(t, convert ? Fate::kNeedsConversion : Fate::kFailed, {5, 6, 3},
                            !convert);
    }
  }
  t.send = Step::kBegin;
}

/// Refuses what must not reach the wire: an address with a control character could carry a command.
/// Returns whether some address needs SMTPUTF8.
bool ClientMachine::check_addresses(Transaction& t) {
  const Envelope& envelope = *t.message.envelope;
  const AddressFacts sender = check_address(envelope.sender);
  if (sender.fault != AddressFault::kNone) {
    text_.assign(sender.fault == AddressFault::kTooLong ? "sender address too long"
                                                        : "bad sender address syntax");
    refuse_locally(t, Fate::kFailed, {5, 1, 7}, false);
    return false;
  }
  if (uses_verp(envelope)) {
    t.verp_sender = verp_sender(
        envelope.sender, envelope.recipients[t.message.recipients[0]].address, envelope.verp);
    // What is too long for one command goes out under the plain sender rather than not at all.
    if (check_address(t.verp_sender).fault != AddressFault::kNone) t.verp_sender.clear();
  }
  bool non_ascii = sender.non_ascii;
  for (uint32_t i = 0; i < t.marks.size(); ++i) {
    const AddressFacts facts = check_address(envelope.recipients[t.message.recipients[i]].address);
    non_ascii |= facts.non_ascii;
    if (facts.fault == AddressFault::kNone) continue;
    const std::string_view text = facts.fault == AddressFault::kTooLong
                                      ? "recipient address too long"
                                      : "bad recipient address syntax";
    resolve(t, i, {.fate = Fate::kFailed, .dsn = {5, 1, 3}, .text = text});
    t.marks[i] = Mark::kUnsendable;
  }
  pass_unsendable(t, t.rcpt_sent);
  pass_unsendable(t, t.rcpt_answered);
  return non_ascii;
}

void ClientMachine::refuse_locally(Transaction& t, Fate fate, DsnCode dsn, bool try_next_server) {
  resolve_all(t, {.fate = fate, .dsn = dsn, .try_next_server = try_next_server, .text = text_});
}

// ---- bytes in, bytes out ----

void ClientMachine::on_bytes(std::string_view bytes) {
  BARID_ASSERT(!in_sink_);
  while (!bytes.empty() && phase_ != Phase::kClosed && phase_ != Phase::kSecuring) {
    switch (reader_.read(bytes)) {
      case ReplyReader::Status::kNeedMore:
        return;
      case ReplyReader::Status::kFailed:
        end_session(End::kMalformed);
        return retire();
      case ReplyReader::Status::kReply:
        on_reply(reader_.reply());
        break;
    }
  }
}

std::span<const iovec> ClientMachine::output() {
  if (phase_ == Phase::kClosed) return {};
  const std::span<const iovec> pieces = plan_.stage();
  tell_leaving();
  return pieces;
}

/// Of each message whose last byte was staged by now, once and in order.
void ClientMachine::tell_leaving() {
  leaving_index_ = std::max(leaving_index_, retire_index_);
  for (; leaving_index_ < offer_index_; ++leaving_index_) {
    const Transaction& t = slot(leaving_index_);
    if (!t.content_planned) {
      if (t.send != Step::kDone) return;
      continue;
    }
    if (t.end_offset == kOffsetUnknown) return;
    in_sink_ = true;
    sink_.on_leaving(t.message);
    in_sink_ = false;
  }
}

void ClientMachine::on_written(size_t bytes) {
  BARID_ASSERT(!in_sink_);
  plan_.on_written(bytes);
  if (phase_ == Phase::kOpen) plan();
  retire();
}

// ---- greeting and EHLO, HELO, LHLO ----

void ClientMachine::on_reply(const Reply& reply) {
  ++replies_count_;
  switch (phase_) {
    case Phase::kGreeting:
      return on_greeting(reply);
    case Phase::kEhlo:
    case Phase::kHelo:
      return on_hello(reply);
    case Phase::kAuth:
      return on_auth_reply(reply);
    case Phase::kStartTls:
      return on_starttls(reply);
    case Phase::kSecuring:
      return;
    case Phase::kOpen:
    case Phase::kWindDown:
      break;
    case Phase::kClosed:
      return;
  }
  if (answer_index_ < offer_index_) {
    Transaction& t = slot(answer_index_);
    if (answer_of(t) != Answer::kNone) {
      on_transaction_reply(t, reply);
      if (phase_ == Phase::kOpen) plan();
      move_answer_cursor();
      return retire();
    }
  } else if (quit_sent_) {  // the answer to QUIT
    phase_ = Phase::kClosed;
    return;
  }
  end_session(End::kUnexpected);
  retire();
}

void ClientMachine::put_hello(std::string_view verb) {
  CommandLine line;
  line.add(verb).add(options_.helo_name).add("\r\n");
  BARID_ASSERT(!line.overflowed());
  plan_.add_command(line.view());
}

void ClientMachine::on_greeting(const Reply& reply) {
  if (reply.klass() != 2) {
    DsnCode dsn = reply.status();
    if (reply.klass() == 5 && options_.skip_5xx_greeting) dsn.klass = 4;
    return refuse_session(dsn);
  }
  if (options_.lmtp) {
    phase_ = Phase::kEhlo;
    return put_hello("LHLO ");
  }
  const bool masked = options_.pix_disable_esmtp && is_masked(reply.lines);
  const bool extended = (options_.always_send_ehlo || announces_esmtp(reply.lines)) &&
                        !options_.never_send_ehlo && !masked;
  phase_ = extended ? Phase::kEhlo : Phase::kHelo;
  put_hello(extended ? "EHLO " : "HELO ");
}

void ClientMachine::on_hello(const Reply& reply) {
  const bool good = reply.klass() == 2;
  if (!good && phase_ == Phase::kEhlo && !options_.lmtp && reply.code != 421) {
    phase_ = Phase::kHelo;  // RFC 5321 3.2: an old server
    return put_hello("HELO ");
  }
  if (!good) return refuse_session(reply.status());
  if (phase_ == Phase::kEhlo) {
    capabilities_ = parse_capabilities(reply.lines, options_.discard);
    if (!options_.own_name.empty() &&
        equals_ignoring_case(capabilities_.server_name, options_.own_name)) {
      text_.assign("mail for ").append(options_.nexthop).append(" loops back to myself");
      const DsnCode dsn = options_.best_mx ? DsnCode{5, 4, 6} : DsnCode{4, 4, 6};
      const bool temporary = !options_.best_mx;
      return fail_session({.fate = temporary ? Fate::kDeferred : Fate::kFailed,
                           .dsn = dsn,
                           .try_next_server = temporary,
                           .throttle = temporary,
                           .text = text_});
    }
  }
  if (!begin_tls() && !start_auth()) establish();
}

/// True if the session does not go on to its first message now.
bool ClientMachine::begin_tls() {
  if (secured_ || options_.tls == TlsUse::kNone || options_.tls == TlsUse::kSecured) return false;
  if (capabilities_.has(Feature::kStartTls)) {
    phase_ = Phase::kStartTls;
    plan_.add_command("STARTTLS\r\n");
    return true;
  }
  if (options_.tls == TlsUse::kMay) return false;
  text_.assign("TLS is required, but was not offered by host ").append(options_.peer);
  fail_session({.dsn = {4, 7, 4}, .try_next_server = true, .throttle = true, .text = text_});
  return true;
}

void ClientMachine::on_starttls(const Reply& reply) {
  if (reply.klass() == 2) {
    phase_ = Phase::kSecuring;
    return;
  }
  if (reply.code == 421) return refuse_session(reply.status());
  if (options_.tls == TlsUse::kMay) {  // in clear, as if it was not offered
    if (!start_auth()) establish();
    return;
  }
  const std::string_view said = reader_.one_line();
  text_.assign("TLS is required, but host ").append(options_.peer);
  text_.append(" refused to start TLS: ").append(said);
  fail_session({.dsn = {4, 7, 4},
                .try_next_server = true,
                .throttle = true,
                .text = text_,
                .diagnostic = said});
}

void ClientMachine::on_secured(sasl::Channel channel, std::string binding) {
  BARID_ASSERT(!secured_ && (phase_ == Phase::kSecuring || phase_ == Phase::kGreeting));
  secured_ = true;
  login_channel_ = channel;
  login_binding_ = std::move(binding);
  if (phase_ == Phase::kGreeting) return;
  reader_ = ReplyReader();  // RFC 3207 4.2: what was heard in clear is forgotten
  capabilities_ = Capabilities();
  phase_ = Phase::kEhlo;
  put_hello(options_.lmtp ? "LHLO " : "EHLO ");
}

void ClientMachine::on_tls_failed(std::string_view text) {
  BARID_ASSERT(!in_sink_);
  text_.assign(text);
  fail_session({.dsn = {4, 7, 5}, .try_next_server = true, .throttle = true, .text = text_});
}

void ClientMachine::establish() {
  capabilities_known_ = true;
  pipelining_ = capabilities_.has(Feature::kPipelining);
  chunking_ = capabilities_.has(Feature::kChunking);
  phase_ = Phase::kOpen;
  plan();
  retire();
}

/// The server answered the greeting or hello with something other than 2xx.
void ClientMachine::refuse_session(DsnCode dsn) {
  const Reply& reply = reader_.reply();
  protocol_error_ |= is_protocol_trouble(reply);
  text_.clear();
  if (reply.klass() != 4 && reply.klass() != 5) {
    text_.append("Protocol error: ");
    dsn = {5, 5, 0};
  }
  const std::string_view said = reader_.one_line();
  text_.append("host ").append(options_.peer).append(" refused to talk to me: ").append(said);
  const bool temporary = dsn.klass == 4;
  fail_session({.fate = temporary ? Fate::kDeferred : Fate::kFailed,
                .dsn = dsn,
                .try_next_server = temporary,
                .throttle = temporary,
                .text = text_,
                .diagnostic = said});
}

void ClientMachine::fail_session(const Verdict& verdict) {
  failure_text_ = verdict.text;
  failure_dsn_ = verdict.dsn;
  phase_ = Phase::kClosed;
  for (uint64_t i = answer_index_; i < offer_index_; ++i) resolve_all(slot(i), verdict);
  answer_index_ = send_index_ = offer_index_;
  retire();
}

}  // namespace barid::smtp
