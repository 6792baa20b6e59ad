// ClientMachine: AUTH, between EHLO and the first MAIL.
// Source: RFC 4954 4.
#include "core/base/assert.h"
#include "smtp/client/machine.h"
#include "smtp/client/machine_commands.h"

namespace barid::smtp {
namespace {
/// RFC 4954 4: an initial response goes with the command only if the line stays a command's.
constexpr size_t kAuthLineBytesMax = 510;
}  // namespace

/// True if the server is to be logged in at, and the exchange has begun or failed.
bool ClientMachine::start_auth() {
  if (login_ == nullptr || !capabilities_.has(Feature::kAuth)) return false;
  const std::string mechanism =
      login_->choose(capabilities_.auth_mechanisms, login_channel_, login_binding_);
  if (mechanism.empty()) {
    text_.assign("SASL authentication failed; cannot authenticate to server ");
    text_.append(options_.peer).append(": no mechanism available");
    fail_auth({4, 7, 0});
    return true;
  }
  phase_ = Phase::kAuth;
  auth_waiting_.reset();
  CommandLine line;
  line.add("AUTH ").add(mechanism);
  if (std::optional<std::string> initial = login_->initial_response()) {
    if (line.size() + initial->size() + 1 <= kAuthLineBytesMax) {
      line.add(" ").add(initial->empty() ? "=" : *initial);
    } else {
      auth_waiting_ = std::move(initial);
    }
  }
  line.add("\r\n");
  BARID_ASSERT(!line.overflowed());
  plan_.add_command(line.view());
  return true;
}

void ClientMachine::on_auth_reply(const Reply& reply) {
  if (reply.code == 334) return answer_challenge(reply);
  if (reply.klass() == 2 && login_->satisfied()) {
    login_.reset();
    return establish();
  }
  if (reply.klass() == 2) {
    text_.assign("SASL authentication failed; server ").append(options_.peer);
    text_.append(" did not prove that it knows the password");
    return fail_auth({4, 7, 8});
  }
  text_.assign("SASL authentication failed; server ").append(options_.peer).append(" said: ");
  text_.append(reader_.one_line());
  DsnCode dsn = reply.status();
  // smtp_sasl_auth_soft_bounce: our password is at fault, not the mail.
  if (options_.auth_soft_bounce) dsn.klass = 4;
  if (dsn.subject == 0 && dsn.detail == 0)
    dsn = {reply.klass() == 5 && !options_.auth_soft_bounce ? uint8_t{5} : uint8_t{4}, 7, 8};
  fail_auth(dsn);
}

void ClientMachine::answer_challenge(const Reply& reply) {
  std::string_view challenge = reply.lines;
  challenge.remove_prefix(std::min<size_t>(challenge.size(), 4));  // "334 "
  std::optional<std::string> answer;
  if (auth_waiting_ && challenge.empty()) {
    answer = std::exchange(auth_waiting_, std::nullopt);
  } else if (login_->is_costly(challenge)) {
    costly_challenge_ = challenge;
    return;
  } else {
    answer = login_->respond(challenge);
  }
  send_auth_answer(std::move(answer));
}

void ClientMachine::on_login_answer(std::unique_ptr<sasl::Client> login,
                                    std::optional<std::string> answer) {
  BARID_ASSERT(wants_login_answer());
  costly_challenge_.clear();
  if (login == nullptr) {
    text_.assign("SASL authentication failed; no time to answer the challenge of server ");
    text_.append(options_.peer);
    return fail_auth({4, 7, 0});
  }
  login_ = std::move(login);
  send_auth_answer(std::move(answer));
}

void ClientMachine::send_auth_answer(std::optional<std::string> answer) {
  if (!answer || !plan_.has_room(answer->size() + 2)) {
    text_.assign("SASL authentication failed; server ").append(options_.peer);
    text_.append(" sent a challenge that makes no sense");
    return fail_auth({4, 7, 8});
  }
  answer->append("\r\n");
  plan_.add_command(*answer);
}

void ClientMachine::fail_auth(DsnCode dsn) {
  fail_session({.fate = dsn.klass == 5 ? Fate::kFailed : Fate::kDeferred,
                .dsn = dsn,
                .try_next_server = true,
                .throttle = true,
                .text = text_});
}

}  // namespace barid::smtp
