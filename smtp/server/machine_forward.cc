// ServerMachine: XCLIENT and XFORWARD, what a trusted proxy says of the client behind it.
#include "core/base/assert.h"
#include "smtp/server/machine.h"
#include "smtp/server/replies.h"

namespace barid::smtp {

/// Refuses what is refused whatever the attributes say.
bool ServerMachine::refuse_forwarding(Verb verb, std::string_view arguments) {
  if (refuse_phase(verb)) return true;
  const bool is_xclient = verb == Verb::kXclient;
  if (arguments.empty()) {
    answer(false, is_xclient ? replies::kXclientUsage : replies::kXforwardUsage);
  } else if (!enabled(is_xclient ? kKeywordXclient : kKeywordXforward)) {
    answer(false, replies::kNotAuthorized);
  } else {
    return false;
  }
  return true;
}

void ServerMachine::run_xclient(std::string_view arguments) {
  if (refuse_forwarding(Verb::kXclient, arguments)) return;
  if (!claimed_) claimed_ = std::make_unique<ClientAttributes>();
  const std::string refusal = parse_client_attributes(Verb::kXclient, arguments, claimed_.get());
  if (!refusal.empty()) {
    reply_foreign({}, refusal);
    return finish(false);
  }
  ask_ = Ask::kIdentity;
}

/// The session begins anew, as if the other client had connected; what it said of HELO stays.
void ServerMachine::become(ClientFacts client) {
  BARID_ASSERT(owed_ == Ask::kIdentity);
  client_ = std::move(client);
  const auto& helo = claimed_->find(ClientAttribute::kHelo);
  const auto& protocol = claimed_->find(ClientAttribute::kProtocol);
  helo_ = helo.value_or(std::string());
  extended_ = protocol == "ESMTP";
  reset_transaction();
}

void ServerMachine::greet_again(std::string_view refusal) {
  refused_ = !refusal.empty();
  finish(true);
  if (refused_) return reply_foreign({}, refusal);
  const size_t start = output_.size();
  output_.append(replies::kGreetingCode).append(policy_.banner);
  end_reply(start);
}

void ServerMachine::run_xforward(std::string_view arguments) {
  if (refuse_forwarding(Verb::kXforward, arguments)) return;
  if (!forwarded_) forwarded_ = std::make_unique<ClientAttributes>();
  const std::string refusal = parse_client_attributes(Verb::kXforward, arguments, forwarded_.get());
  if (refusal.empty()) return answer(true, replies::kOk);
  reply_foreign({}, refusal);
  finish(false);
}

/// A proxy's word about whom the mail came from goes before what this session sees.
void ServerMachine::fill_origin(Envelope& out) const {
  out.client_name = client_.name;
  out.client_address = client_.address;
  out.client_port = client_.port;
  out.client_is_local = false;
  out.helo = helo_;
  out.protocol = protocol();
  out.forwarded_id.clear();
  if (!forwarded_) return;
  const auto take = [this](ClientAttribute attribute, std::string& value,
                           std::string_view unavailable) {
    const auto& given = forwarded_->find(attribute);
    if (given) value = given->empty() ? std::string(unavailable) : *given;
  };
  take(ClientAttribute::kName, out.client_name, "unknown");
  take(ClientAttribute::kAddress, out.client_address, "unknown");
  take(ClientAttribute::kHelo, out.helo, {});
  take(ClientAttribute::kProtocol, out.protocol, {});
  take(ClientAttribute::kIdent, out.forwarded_id, {});
  out.client_is_local = forwarded_->find(ClientAttribute::kSource) == "LOCAL";
  const auto& address = forwarded_->find(ClientAttribute::kAddress);
  const auto& port = forwarded_->find(ClientAttribute::kPort);
  if (address || port) out.client_port = 0;  // ours is not that client's
  if (port) {
    for (const char digit : *port) {
      out.client_port = static_cast<uint16_t>(out.client_port * 10 + (digit - '0'));
    }
  }
}

}  // namespace barid::smtp
