#include "tools/barid/smtp_once.h"

#include "core/crypto/digest.h"
#include "http/submit/idempotency.h"

namespace barid::tools {

namespace {

constexpr Duration kReadPatience = std::chrono::seconds(30);

}  // namespace

rt::Task<smtp::OnceOnly::Answer> SmtpOnce::begin(const Claim& claim) {
  const std::string key = http::idempotency_key(claim.tenant, claim.key);
  if (!env_.ledger.begin(key)) co_return Answer{.kind = Answer::Kind::kRunning, .first = {}};
  auto call = [stores = env_.stores.all(), key] { return http::find_idempotent(stores, key); };
  const Result<std::string> found =
      co_await env_.offload.run(std::move(call), env_.reactor.now() + kReadPatience);
  Answer answer;
  if (found.ok()) {
    const auto entry = http::parse_idempotent(*found);
    if (!entry || entry->expires <= env_.reactor.wall_now()) {
      answer.kind = Answer::Kind::kNew;
      co_return answer;
    }
    const bool same = crypto::equal_secrets(entry->digest, claim.digest);
    answer.kind = same ? Answer::Kind::kRepeated : Answer::Kind::kOther;
    answer.first = entry->answer;
  }
  env_.ledger.end(key);
  co_return answer;
}

void SmtpOnce::keep(queue::Partition& partition, const Claim& claim, std::string_view queue_id) {
  const WallTime expires = std::chrono::time_point_cast<WallTime::duration>(
      env_.reactor.wall_now() + http::kIdempotencyLife);
  partition.put_entry(
      queue::Family::kIdempotency, http::idempotency_key(claim.tenant, claim.key),
      http::idempotent_record(
          {.expires = expires, .digest = claim.digest, .answer = std::string(queue_id)}),
      queue::IfLost::kErased);  // with the message
}

void SmtpOnce::end(const queue::Partition& partition, const Claim& claim) {
  env_.fates.release(partition, env_.ledger, http::idempotency_key(claim.tenant, claim.key));
}

}  // namespace barid::tools
