// DeliveryRun: what goes over the wire, signed and sealed.
#include <fmt/format.h>

#include "smtp/client/delivery_run.h"

namespace barid::smtp {

/// Signs what the first pending flight, which is `flight`, will send. If that is due and cannot be
/// done, its recipients are deferred and it is gone.
rt::Task<void> DeliveryRun::make_form(Flight* flight) {
  Work& work = *flight->work;
  const ContentRef content = flight->use_converted ? work.converted : work.content;
  const Envelope& envelope = work.job.message->envelope;
  SignedForm form;
  if (env_.signer != nullptr && env_.signer->concerns(envelope)) {
    policy::Signing signing = co_await env_.signer->sign(envelope, content);
    BARID_ASSERT(!pending_.empty() && pending_.front().get() == flight);
    if (!accept(signing, work, "DKIM", "the DKIM signature")) co_return;
    form.fields = std::move(signing.fields);
  }
  // LMTP ends in a mailbox: nobody behind it asks how the mail came here.
  if (env_.sealer != nullptr && !settings_->machine.lmtp && env_.sealer->concerns(envelope)) {
    const policy::ArcSealer::Forms forms{
        .received = work.content, .sent = content, .own_fields = form.fields};
    policy::Signing sealing = co_await env_.sealer->seal(envelope, forms);
    BARID_ASSERT(!pending_.empty() && pending_.front().get() == flight);
    if (!accept(sealing, work, "ARC", "the ARC seal")) co_return;
    form.fields = std::move(sealing.fields) + form.fields;
  }
  form.size = form.fields.size() + content->size();
  std::optional<SignedForm>& place = work.forms[flight->use_converted ? 1 : 0];
  place = std::move(form);
  if (!place->fields.empty()) place->spans.push_back(place->fields);
  place->spans.insert(place->spans.end(), content->spans().begin(), content->spans().end());
}

/// Notes what went wrong. False: the first pending flight is deferred for it.
bool DeliveryRun::accept(const policy::Signing& signing, Work& work, std::string_view kind,
                         std::string_view what) {
  if (!signing.problem.empty()) {
    note(LogSeverity::kWarning, work.job.message->id,
         fmt::format("{}: {}: {}", kind, signing.domain, signing.problem));
  }
  if (signing.state != policy::Signing::State::kDeferred) return true;
  const std::unique_ptr<Flight> flight = std::move(pending_.front());
  pending_.pop_front();
  for (const uint32_t recipient : flight->recipients) {
    report(*flight->work, recipient,
           Outcome{.disposition = Disposition::kDeferred,
                   .dsn = {4, 7, 5},
                   .text = fmt::format("cannot make {} of {}", what, signing.domain),
                   .relay = "none"});
  }
  finish_reported();
  return false;
}

}  // namespace barid::smtp
