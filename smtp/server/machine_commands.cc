// ServerMachine: the commands other than those that carry content.
#include <algorithm>
#include <array>

#include "core/base/assert.h"
#include "core/text/ascii.h"
#include "core/text/xtext.h"
#include "smtp/server/machine.h"
#include "smtp/server/replies.h"

namespace barid::smtp {
namespace {

/// A HELO name is a domain (at most 255 bytes); more would only make log and header lines long.
constexpr size_t kHeloBytesMax = 255;

/// What this machine can do.
constexpr KeywordSet kImplemented = kKeywordsServed | kKeywordXverp | kKeywordXclient |
                                    kKeywordXforward | kKeywordStarttls | kKeywordAuth;

constexpr std::string_view refusal_text(Refusal refusal) noexcept {
  switch (refusal) {
    case Refusal::kHeloFirst:
      return replies::kHeloFirst;
    case Refusal::kNestedMail:
      return replies::kNestedMail;
    case Refusal::kMailAfterBdat:
      return replies::kMailAfterBdat;
    case Refusal::kNeedMail:
      return replies::kNeedMail;
    case Refusal::kRcptAfterBdat:
      return replies::kRcptAfterBdat;
    case Refusal::kNeedRcpt:
      return replies::kNeedRcpt;
    case Refusal::kNoRecipients:
      return replies::kNoRecipients;
    case Refusal::kDataAfterBdat:
      return replies::kDataAfterBdat;
    case Refusal::kInTransaction:
      return replies::kInTransaction;
    case Refusal::kAfterFault:
    case Refusal::kNone:
      break;
  }
  return {};
}

}  // namespace

void ServerMachine::dispatch(const CommandLine& command) {
  const std::string_view arguments = command.arguments;
  switch (command.verb) {
    case Verb::kHelo:
    case Verb::kEhlo:
      return run_helo(arguments);
    case Verb::kXclient:
      return run_xclient(arguments);
    case Verb::kXforward:
      return run_xforward(arguments);
    case Verb::kStarttls:
      return run_starttls(arguments);
    case Verb::kAuth:
      return run_auth(arguments);
    case Verb::kMail:
      return run_mail(arguments);
    case Verb::kRcpt:
      return run_rcpt(arguments);
    case Verb::kData:
      return run_data(arguments);
    case Verb::kBdat:
      return run_bdat(arguments);
    case Verb::kRset:
      if (!arguments.empty()) return answer(false, replies::kRsetUsage);
      reset_transaction();
      return answer(true, replies::kOk);
    case Verb::kNoop:
      return answer(true, replies::kOk);
    case Verb::kVrfy:
      return run_vrfy(arguments);
    case Verb::kEtrn:
      return run_etrn(arguments);
    case Verb::kQuit:
      closing_ = true;
      return answer(true, replies::kBye);
    case Verb::kHelp:
      return answer(true, replies::kHelp);
    case Verb::kUnknown:
      break;
  }
  BARID_ASSERT(false && "dispatch() of an unknown command");
}

/// Answers a command that may not run in this phase; false if it may.
bool ServerMachine::refuse_phase(Verb verb) {
  const Refusal refusal = refusal_of(phase_, verb);
  if (refusal == Refusal::kNone) return false;
  if (refusal == Refusal::kHeloFirst && !policy_.helo_required) return false;
  const bool plain = refusal == Refusal::kInTransaction && verb == Verb::kEtrn;
  answer(false, plain ? replies::kEtrnInTransaction : refusal_text(refusal));
  return true;
}

// RFC 5321 4.1.1.1. HELO and EHLO are allowed at any time and end the transaction (4.1.4).
void ServerMachine::run_helo(std::string_view arguments) {
  if (arguments.empty()) {
    return answer(false, running_ == Verb::kEhlo ? replies::kEhloUsage : replies::kHeloUsage);
  }
  helo_candidate_ = arguments.substr(0, kHeloBytesMax);
  if ((policy_.checks & kCheckAtHelo) == 0) return accept_helo();
  ask_ = Ask::kHelo;
}

void ServerMachine::accept_helo() {
  helo_.swap(helo_candidate_);
  extended_ = running_ == Verb::kEhlo;
  reset_transaction();
  const size_t start = output_.size();
  if (extended_) {
    if (!client_.discard_note.empty()) note(Note::kDiscarding, client_.discard_note);
    append_keywords();
  } else {
    output_.append("250 ").append(policy_.hostname);
  }
  end_reply(start);
  finish(true);
}

/// The EHLO reply without its last CRLF: the keywords in Postfix's order.
void ServerMachine::append_keywords() {
  static constexpr std::array kOrder = {kKeywordPipelining, kKeywordSize,
                                        kKeywordVrfy,       kKeywordEtrn,
                                        kKeywordStarttls,   kKeywordAuth,
                                        kKeywordXverp,      kKeywordXclient,
                                        kKeywordXforward,   kKeywordEnhancedStatusCodes,
                                        kKeyword8BitMime,   kKeywordDsn,
                                        kKeywordSmtpUtf8,   kKeywordChunking,
                                        kKeywordBinaryMime, kKeywordMtPriority};
  size_t last_line = output_.size();
  output_.append("250-").append(policy_.hostname);
  for (const Keyword keyword : kOrder) {
    if (!enabled(keyword) || (kImplemented & keyword) == 0) continue;
    if (keyword == kKeywordStarttls && secured_) continue;
    if (keyword == kKeywordAuth) {
      append_auth_keyword(&last_line);
      continue;
    }
    if (keyword == kKeywordVrfy && policy_.disable_vrfy_command) continue;
    output_.append("\r\n");
    last_line = output_.size();
    output_.append("250-").append(keyword_name(keyword));
    if (keyword == kKeywordSize && policy_.message_size_limit > 0) {
      output_.push_back(' ');
      text::append_number(output_, policy_.message_size_limit);
    }
    if (keyword == kKeywordXclient) output_.append(kXclientAttributes);
    if (keyword == kKeywordXforward) output_.append(kXforwardAttributes);
  }
  output_[last_line + 3] = ' ';
}

// RFC 3207 4.
void ServerMachine::run_starttls(std::string_view arguments) {
  if (!arguments.empty()) return answer(false, replies::kStarttlsUsage);
  if (secured_) return answer(false, replies::kTlsActive);
  if (!enabled(kKeywordStarttls)) return answer(false, replies::kNotImplemented);
  if (refuse_phase(Verb::kStarttls)) return;
  ask_ = Ask::kStartTls;
}

ArgumentOptions ServerMachine::argument_options() const noexcept {
  const bool utf8_enabled = enabled(kKeywordSmtpUtf8);
  return {.keywords = keywords(),
          .strict = policy_.strict_rfc821_envelopes,
          .verp_delimiters = policy_.verp_delimiters,
          .verp_filter = policy_.verp_delimiter_filter,
          .utf8 = utf8_enabled && (smtputf8_ || !policy_.strict_smtputf8),
          .strict_smtputf8 = policy_.strict_smtputf8};
}

void ServerMachine::refuse_argument(const ArgumentFault& fault, bool is_mail) {
  std::string_view text;
  switch (fault.fault) {
    case Fault::kNone:
      BARID_ASSERT(false && "no fault");
      break;
    case Fault::kSyntax:
      text = is_mail ? replies::kMailUsage : replies::kRcptUsage;
      break;
    case Fault::kAddress:
      note(Note::kBadAddress, fault.text);
      text = is_mail ? replies::kBadSender : replies::kBadRecipient;
      break;
    case Fault::kUnsupported:
    case Fault::kDuplicate:
      reply_foreign(fault.fault == Fault::kDuplicate ? replies::kDuplicateOption
                                                     : replies::kUnsupportedOption,
                    fault.text);
      return finish(false);
    case Fault::kSize:
      text = replies::kBadSize;
      break;
    case Fault::kPriority:
      text = replies::kBadPriority;
      break;
    case Fault::kRet:
      text = replies::kBadRet;
      break;
    case Fault::kEnvid:
      text = replies::kBadEnvid;
      break;
    case Fault::kNotify:
      text = replies::kBadNotify;
      break;
    case Fault::kOrcpt:
      text = replies::kBadOrcpt;
      break;
    case Fault::kAuth:
      text = replies::kBadAuth;
      break;
    case Fault::kVerp:
      reply_foreign(replies::kBadVerp, policy_.verp_delimiter_filter);
      return finish(false);
    case Fault::kDsnDisabled:
      text = replies::kDsnDisabled;
      break;
  }
  answer(false, text);
}

void ServerMachine::run_mail(std::string_view arguments) {
  if (refuse_phase(Verb::kMail)) return;
  MailArguments mail;
  const ArgumentFault fault = parse_mail(arguments, argument_options(), mail);
  if (!fault.none()) return refuse_argument(fault, /*is_mail=*/true);
  if (policy_.message_size_limit > 0 && mail.size > policy_.message_size_limit) {
    note(Note::kRejected, replies::kSizeExceedsLimit);
    return answer(false, replies::kSizeExceedsLimit);
  }
  if (!mail.verp.empty() && mail.sender.is_null()) return answer(false, replies::kVerpNullSender);
  std::unique_ptr<ClientAttributes> forwarded = std::move(forwarded_);
  reset_transaction();
  forwarded_ = std::move(forwarded);
  sender_ = store_address(mail.sender);
  verp_ = mail.verp;
  const size_t envid_start = text_.size();
  text::append_xtext_decoded(text_, mail.envid);
  envid_ = since(envid_start);
  const size_t once_start = text_.size();
  text_.append(mail.once);
  once_ = since(once_start);
  auth_.sender.clear();
  text::append_xtext_decoded(auth_.sender, mail.auth);
  declared_size_ = mail.size;
  dsn_return_ = mail.dsn_return;
  body_ = mail.body;
  smtputf8_ = mail.smtputf8;
  priority_ = std::min(mail.priority, client_.priority_max);
  priority_lowered_ = priority_ != mail.priority;
  if ((policy_.checks & kCheckAtSender) == 0) return accept_mail();
  ask_ = Ask::kSender;
}

void ServerMachine::accept_mail() {
  phase_ = Phase::kMail;
  if (!priority_lowered_) return answer(true, replies::kMailOk);
  // RFC 6710 4.1: the priority that the message gets instead is told.
  const size_t start = output_.size();
  output_.append(replies::kPriorityChanged);
  text::append_number(output_, static_cast<uint64_t>(priority_));
  output_.append(replies::kPriorityIsNew);
  end_reply(start);
  finish(true);
}

void ServerMachine::run_rcpt(std::string_view arguments) {
  if (refuse_phase(Verb::kRcpt)) return;
  RcptArguments rcpt;
  const ArgumentFault fault = parse_rcpt(arguments, argument_options(), rcpt);
  if (!fault.none()) {
    // One that cannot be read was refused too: DATA says then that no recipient is valid.
    if (phase_ == Phase::kMail) phase_ = Phase::kRefused;
    return refuse_argument(fault, /*is_mail=*/false);
  }
  if (recipients_.size() >= policy_.recipient_limit) {
    reply(replies::kTooManyRecipients);
    finish(false);
    // RFC 5321 4.5.3.1.10: a client may well try more than the limit; that alone is no abuse.
    if (overshoot_count_++ < policy_.recipient_overshoot_limit) --error_count_;
    return;
  }
  candidate_ = {};
  candidate_.notify = rcpt.notify;
  candidate_.address = store_address(rcpt.recipient);
  const size_t original_start = text_.size();
  text::append_xtext_decoded(text_, rcpt.orcpt);
  candidate_.original = since(original_start);
  offer_candidate(Ask::kRecipient);
}

void ServerMachine::offer_candidate(Ask ask) {
  const std::string_view address = text(candidate_.address);
  const AddressParts parts = split_address(address);
  checked_ = {.address = address,
              .local = parts.local,
              .domain = parts.domain,
              .original = text(candidate_.original),
              .notify = candidate_.notify};
  ask_ = ask;
}

void ServerMachine::accept_rcpt() {
  recipients_.push_back(candidate_);
  phase_ = Phase::kRcpt;
  answer(true, replies::kRcptOk);
}

void ServerMachine::refuse_rcpt(std::string_view reply) {
  reply_foreign({}, reply);
  finish(false);
  text_.resize(candidate_.address.offset);
  if (phase_ == Phase::kMail) phase_ = Phase::kRefused;
}

// RFC 5321 4.1.1.6: the argument may be a path or a mailbox; RFC 6531 3.7.4.2 adds SMTPUTF8.
void ServerMachine::run_vrfy(std::string_view arguments) {
  if (policy_.disable_vrfy_command) return answer(false, replies::kVrfyDisabled);
  if (arguments.empty()) return answer(false, replies::kVrfyUsage);
  const Result<Path> path =
      parse_path(arguments, {.strict = false, .utf8 = enabled(kKeywordSmtpUtf8)});
  if (!path.ok()) {
    note(Note::kBadAddress, arguments);
    return answer(false, replies::kBadRecipient);
  }
  if (!path->rest.empty() && !text::equals_ignore_case(path->rest, "SMTPUTF8")) {
    return answer(false, replies::kVrfyUsage);
  }
  candidate_ = {};
  candidate_.address = store_address(path->address);
  offer_candidate(Ask::kVerify);
}

void ServerMachine::accept_vrfy() {
  reply_foreign(replies::kVrfyCode, checked_.address);
  finish(true);
  text_.resize(candidate_.address.offset);
}

// RFC 1985 5.1. A leading "@" or "#" is allowed there and means nothing here.
void ServerMachine::run_etrn(std::string_view arguments) {
  if (!enabled(kKeywordEtrn)) return answer(false, replies::kNotImplemented);
  if (refuse_phase(Verb::kEtrn)) return;
  const std::string_view domain = text::take_word(arguments);
  if (domain.empty() || !text::trim_left(arguments).empty()) {
    return answer(false, replies::kEtrnUsage);
  }
  const bool marked = domain.front() == '@' || domain.front() == '#';
  etrn_domain_ = domain.substr(marked ? 1 : 0);
  if (!is_valid_domain(etrn_domain_, {})) return answer(false, replies::kEtrnSyntax);
  ask_ = Ask::kEtrn;
}

}  // namespace barid::smtp
