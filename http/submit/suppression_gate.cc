#include "http/submit/suppression_gate.h"

#include "http/submit/suppression.h"

namespace barid::http {
namespace {

constexpr Duration kReadPatience = std::chrono::seconds(30);

struct Asked {
  uint32_t recipient;
  std::string email;
};

/// Calls `each(recipient, form)` for the pending recipients until it says true.
template <typename Each>
void for_pending(const queue::Message& message, Each&& each) {
  for (uint32_t i = 0; i < message.status.size(); ++i) {
    if (message.status[i].state != queue::RecipientState::kPending) continue;
    const auto form = suppressed_form(message.envelope.recipients[i].address);
    if (form && each(i, *form)) return;
  }
}

}  // namespace

/// Notices go to whoever sent the mail that they are about, and have no tenant's list.
bool SuppressionGate::may_refuse(const queue::Message& message, bool just_accepted) const {
  const Envelope& envelope = message.envelope;
  const bool by_api = !envelope.email_id.empty();
  if (envelope.sender.empty() || (!by_api && envelope.tenant.empty())) return false;
  if (by_api && just_accepted) return false;  // the API has just looked
  if (env_.filter.empty()) return false;
  bool found = false;
  for_pending(message, [&](uint32_t, const std::string& email) {
    return found = env_.filter.maybe(envelope.tenant, email);
  });
  return found;
}

rt::Task<Result<std::vector<uint32_t>>> SuppressionGate::find_refused(
    const queue::Message& message) {
  std::vector<Asked> asked;
  for_pending(message, [&](uint32_t recipient, const std::string& email) {
    if (env_.filter.maybe(message.envelope.tenant, email)) {
      asked.push_back({.recipient = recipient, .email = email});
    }
    return false;
  });
  auto call = [stores = env_.stores.all(), tenant = message.envelope.tenant,
               asked = std::move(asked)]() -> Result<std::vector<uint32_t>> {
    std::vector<uint32_t> refused;
    for (const Asked& one : asked) {
      BARID_TRY(const std::optional<Suppression> entry,
                find_suppression(stores, tenant, one.email));
      if (entry) refused.push_back(one.recipient);
    }
    return refused;
  };
  co_return co_await env_.offload.run(std::move(call), env_.reactor.now() + kReadPatience);
}

}  // namespace barid::http
