#include "smtp/server/session_auth.h"

#include <fmt/format.h>

#include <algorithm>

namespace barid::smtp {

rt::Task<AuthOffer> SessionAuth::offer(std::string* problem) {
  AuthOffer offer;
  if (!enabled()) co_return offer;
  offer.needs_encryption = settings_.encrypted_only && !peer_.encrypted;
  if (offer.needs_encryption) co_return offer;
  *problem = co_await settings_.server->refresh(env_);
  offer.mechanisms = settings_.server->mechanisms(peer_);
  co_return offer;
}

void SessionAuth::set_encrypted(std::string channel_binding) {
  peer_.encrypted = true;
  peer_.channel_binding = std::move(channel_binding);
}

void SessionAuth::assume(const std::string& user) {
  login_.reset();
  if (user.empty()) return;
  login_ = sasl::Login{.user = user, .method = "XCLIENT", .tenant = {}, .from_domains = {}};
}

rt::Task<sasl::Step> SessionAuth::perform(ServerMachine& machine) {
  sasl::Step step;
  if (machine.auth_is_first()) {
    const std::vector<std::string> offered = settings_.server->mechanisms(peer_);
    exchange_.reset();
    if (std::find(offered.begin(), offered.end(), machine.auth_mechanism()) == offered.end()) {
      step.text = "Invalid authentication mechanism";
    } else {
      exchange_ = settings_.server->begin(env_, machine.auth_mechanism(), peer_);
      std::optional<std::string> initial;
      if (machine.auth_has_line()) initial = std::string(machine.auth_line());
      step = co_await exchange_->start(std::move(initial));
    }
  } else {
    step = co_await exchange_->respond(std::string(machine.auth_line()));
  }
  switch (step.kind) {
    case sasl::Step::Kind::kChallenge:
      machine.on_auth_challenge(step.text);
      co_return step;
    case sasl::Step::Kind::kSuccess:
      login_ = step.login;
      machine.on_auth_success(step.login.user);
      break;
    case sasl::Step::Kind::kFailure:
      machine.on_auth_failure(fmt::format("535 5.7.8 Error: authentication failed: {}", step.text));
      break;
    case sasl::Step::Kind::kTemporary:
      machine.on_auth_failure(
          fmt::format("454 4.7.0 Temporary authentication failure: {}", step.text));
      break;
  }
  exchange_.reset();
  co_return step;
}

}  // namespace barid::smtp
