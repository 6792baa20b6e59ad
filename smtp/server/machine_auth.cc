// ServerMachine: AUTH and its dialogue. The lines between are no commands.
// Source: RFC 4954 4.
#include "core/base/assert.h"
#include "core/text/ascii.h"
#include "smtp/server/machine.h"
#include "smtp/server/replies.h"

namespace barid::smtp {

void ServerMachine::set_auth_offer(AuthOffer offer) { auth_.offer = std::move(offer); }

/// The AUTH lines of the EHLO reply; `*last_line` is where the last one starts.
void ServerMachine::append_auth_keyword(size_t* last_line) {
  if (!enabled(kKeywordAuth) || auth_.offer.mechanisms.empty()) return;
  for (const char separator : {' ', '='}) {
    if (separator == '=' && !policy_.broken_sasl_auth_clients) break;
    output_.append("\r\n");
    *last_line = output_.size();
    output_.append("250-AUTH");
    char next = separator;
    for (const std::string& mechanism : auth_.offer.mechanisms) {
      output_.push_back(next);
      output_.append(mechanism);
      next = ' ';
    }
  }
}

void ServerMachine::run_auth(std::string_view arguments) {
  if (!enabled(kKeywordAuth) || (auth_.offer.mechanisms.empty() && !auth_.offer.needs_encryption)) {
    return answer(false, replies::kAuthNotEnabled);
  }
  if (refuse_phase(Verb::kAuth)) return;
  if (!extended_) return answer(false, replies::kEhloFirst);
  if (auth_.done) return answer(false, replies::kAuthTwice);
  if (auth_.offer.needs_encryption) return answer(false, replies::kAuthNeedsEncryption);
  const std::string_view mechanism = text::take_word(arguments);
  const std::string_view initial = text::take_word(arguments);
  if (mechanism.empty() || !text::trim_left(arguments).empty()) {
    return answer(false, replies::kAuthUsage);
  }
  auth_.mechanism.clear();
  for (const char c : mechanism) auth_.mechanism += text::to_upper(c);
  auth_.line = initial;
  auth_.has_line = !initial.empty();
  auth_.is_first = true;
  ask_ = Ask::kAuth;
}

/// A line of the dialogue, without CRLF.
void ServerMachine::run_auth_line(std::string_view line) {
  reading_ = Reading::kCommand;
  if (line == "*") return answer(false, replies::kAuthAborted);
  auth_.line = line;
  auth_.has_line = true;
  auth_.is_first = false;
  ask_ = Ask::kAuth;
}

void ServerMachine::on_auth_challenge(std::string_view challenge) {
  BARID_ASSERT(owed_ == Ask::kAuth);
  owed_ = Ask::kNothing;
  const size_t start = output_.size();
  output_.append("334 ").append(challenge);
  end_reply(start);
  reading_ = Reading::kAuthLine;
}

void ServerMachine::on_auth_success(std::string_view user) {
  BARID_ASSERT(owed_ == Ask::kAuth && !auth_.done);
  owed_ = Ask::kNothing;
  auth_.done = true;
  auth_.user = user;
  auth_.line.clear();
  answer(true, replies::kAuthOk);
}

/// Each failure waits: who guesses learns little in an hour.
void ServerMachine::on_auth_failure(std::string_view reply) {
  BARID_ASSERT(owed_ == Ask::kAuth);
  owed_ = Ask::kNothing;
  auth_.line.clear();
  reply_foreign({}, reply);
  finish(false);
  reply_delay_ = policy_.error_sleep_time;
}

}  // namespace barid::smtp
