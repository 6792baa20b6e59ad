// ServerSession: AUTH, and what a login may send.
#include <fmt/format.h>

#include <algorithm>

#include "core/mail/header_fields.h"
#include "core/text/ascii.h"
#include "smtp/server/session.h"

namespace barid::smtp {

rt::Task<void> ServerSession::offer_auth() {
  if (!auth_.enabled()) co_return;
  std::string problem;
  AuthOffer offer = co_await auth_.offer(&problem);
  if (!problem.empty()) {
    const std::string text =
        fmt::format("SASL: the authentication server cannot be asked: {}", problem);
    env_.log.write(
        origin(),
        LogNote{.program = LogProgram::kSmtpd, .severity = LogSeverity::kWarning, .text = text});
  }
  machine_.set_auth_offer(std::move(offer));
}

rt::Task<void> ServerSession::authenticate() {
  if (machine_.auth_is_first() && exceeds_rate(ClientEvent::kLogin)) {
    machine_.on_auth_failure(refusal_);
    co_return;
  }
  const std::string method(machine_.auth_mechanism());
  const sasl::Step step = co_await auth_.perform(machine_);
  const bool failed =
      step.kind == sasl::Step::Kind::kFailure || step.kind == sasl::Step::Kind::kTemporary;
  if (step.kind == sasl::Step::Kind::kSuccess) env_.counters.add(Counter::kLogins);
  if (!failed) co_return;
  env_.counters.add(Counter::kLoginsFailed);
  const std::string text =
      fmt::format("{}[{}]: SASL {} authentication failed: {}, sasl_username={}",
                  machine_.client().name, machine_.client().address, method, step.text,
                  step.login.user.empty() ? "(unavailable)" : step.login.user);
  env_.log.write(
      origin(),
      LogNote{.program = LogProgram::kSmtpd, .severity = LogSeverity::kWarning, .text = text});
}

/// A login that may use some domains only must not write another one into From.
std::string ServerSession::refuse_foreign_from() const {
  if (!auth_.login() || auth_.login()->from_domains.empty()) return {};
  std::string scratch;
  const MessageParts parts = split_message(content_->spans(), &scratch);
  std::string domain;
  for (const HeaderField& field : split_header(parts.header)) {
    if (!text::equals_ignore_case(field.name, "from")) continue;
    domain = first_domain(field.body());
    break;
  }
  const auto& allowed = auth_.login()->from_domains;
  if (std::find(allowed.begin(), allowed.end(), domain) != allowed.end()) return {};
  return fmt::format("550 5.7.1 Error: user {} must not write From this domain",
                     auth_.login()->user);
}

}  // namespace barid::smtp
