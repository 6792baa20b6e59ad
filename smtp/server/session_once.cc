// ServerSession: messages with an Idempotency-Key, and those of this host's programs with a key of
// their own (XONCE).
#include "core/crypto/digest.h"
#include "core/mail/header_find.h"
#include "smtp/server/session.h"

namespace barid::smtp {
namespace {

constexpr size_t kKeyBytesMax = 256;
constexpr std::string_view kLocalTenant = "\n";  // no tenant of a table

}  // namespace

/// What the client sent, without what we put on top.
std::string ServerSession::digest_of_message() const {
  std::vector<std::string_view> pieces;
  Envelope envelope;
  machine_.fill_envelope(envelope);
  pieces.emplace_back(envelope.sender);
  for (const Recipient& recipient : envelope.recipients) {
    pieces.emplace_back("\0", 1);
    pieces.emplace_back(recipient.address);
  }
  pieces.emplace_back("\0\0", 2);
  size_t own = own_header_bytes_;
  for (std::string_view span : content_->spans()) {
    const size_t skipped = std::min(own, span.size());
    own -= skipped;
    pieces.push_back(span.substr(skipped));
  }
  return crypto::sha256(pieces);
}

/// Whose key the message has, and which; an empty key = none.
OnceOnly::Claim ServerSession::claim_of_message() const {
  if (settings_->local && !machine_.once_key().empty()) {
    return {
        .tenant = std::string(kLocalTenant), .key = std::string(machine_.once_key()), .digest = {}};
  }
  if (!auth_.login()) return {};
  return {.tenant = auth_.login()->tenant,
          .key = find_header(content_->spans().front(), "Idempotency-Key"),
          .digest = {}};
}

/// The reply to a message that is not to be stored; empty = it is to be.
rt::Task<std::string> ServerSession::begin_once() {
  once_ = {};
  if (env_.once == nullptr) co_return std::string();
  OnceOnly::Claim claim = claim_of_message();
  if (claim.key.empty()) co_return std::string();
  if (claim.key.size() > kKeyBytesMax) {
    co_return std::string("554 5.6.0 Error: Idempotency-Key has more than 256 characters");
  }
  claim.digest = digest_of_message();
  once_ = std::move(claim);
  OnceOnly::Answer answer = co_await env_.once->begin(once_);
  if (answer.kind == OnceOnly::Answer::Kind::kNew) {
    const std::string_view refusal = env_.queue.refuse_mail(0);  // the store may have failed since
    if (!refusal.empty()) end_once(env_.queue.home());
    co_return std::string(refusal);
  }
  once_ = {};
  switch (answer.kind) {
    case OnceOnly::Answer::Kind::kRepeated:
      co_return "250 " + std::move(answer.first);
    case OnceOnly::Answer::Kind::kOther:
      co_return std::string("554 5.6.0 Error: Idempotency-Key was used for a different message");
    case OnceOnly::Answer::Kind::kRunning:
      co_return std::string("451 4.6.0 Error: this message is being stored");
    case OnceOnly::Answer::Kind::kNew:
    case OnceOnly::Answer::Kind::kUnavailable:
      break;
  }
  co_return std::string("451 4.3.0 Error: Idempotency-Key cannot be looked up now");
}

void ServerSession::end_once(const queue::Partition& partition) {
  if (!once_.key.empty()) env_.once->end(partition, once_);
  once_ = {};
}

}  // namespace barid::smtp
