// ServerSession: STARTTLS, TLS before the banner, and what is said about both.
#include <fmt/format.h>

#include "shard/net/tls_engine.h"
#include "smtp/server/replies.h"
#include "smtp/server/session.h"

namespace barid::smtp {

/// The comments of the Received field, as Postfix words them.
std::string received_tls(const net::TlsFacts& facts) {
  std::string text = fmt::format("(using {} with cipher {} ({}/{} bits)", facts.protocol,
                                 facts.cipher, facts.cipher_bits_used, facts.cipher_bits);
  if (!facts.key_exchange.empty()) {
    text += fmt::format("\r\n\t key-exchange {}", facts.key_exchange);
    const auto add = [&text](std::string_view what, const std::string& value) {
      if (!value.empty()) text += fmt::format(" {} {}", what, value);
    };
    add("server-signature", facts.server_signature);
    add("server-digest", facts.server_digest);
    if (!facts.client_signature.empty()) {
      text += fmt::format("\r\n\t client-signature {}", facts.client_signature);
      add("client-digest", facts.client_digest);
    }
  }
  text += ")\r\n\t";
  if (facts.peer_presented) {
    // What a certificate says of itself must not shape the header.
    const auto quoted = [](std::string name) {
      for (char& c : name) {
        if (c == '"' || c == '\\') c = '?';
      }
      return name;
    };
    text +=
        fmt::format("(Client CN \"{}\", Issuer \"{}\" ({}))", quoted(facts.peer_name),
                    quoted(facts.peer_issuer), facts.peer_trusted ? "verified OK" : "not verified");
  } else {
    text += facts.peer_asked ? "(Client did not present a certificate)"
                             : "(No client certificate requested)";
  }
  return text;
}

/// Why there is no TLS for this client now, as a reply; empty = it is to be had.
std::string_view ServerSession::refuse_tls() {
  const ServerTls& tls = settings_->tls;
  if (tls.context == nullptr) return replies::kTlsUnavailable;
  if (env_.handshakes_count >= tls.handshakes_max) {
    env_.counters.reach(Limit::kTlsHandshakes);
    return replies::kTlsUnavailable;
  }
  const ClientLimits& limits = settings_->client_limits;
  if (limits.tls_sessions == 0 || client_key_.empty()) return {};
  const uint32_t rate =
      env_.clients.rate(client_key_, ClientEvent::kTlsSession, env_.reactor.now());
  if (rate < limits.tls_sessions) return {};
  env_.counters.reach(Limit::kRatePerClient);
  const std::string text =
      fmt::format("New TLS session rate limit exceeded: {} from {}[{}] for service {}", rate + 1,
                  machine_.client().name, machine_.client().address, settings_->service);
  env_.log.write(
      origin(),
      LogNote{.program = LogProgram::kSmtpd, .severity = LogSeverity::kWarning, .text = text});
  refusal_ =
      fmt::format("454 4.7.0 Error: too many new TLS sessions from {}", machine_.client().address);
  return refusal_;
}

/// After STARTTLS, or before the banner. False ends the session.
rt::Task<bool> ServerSession::start_tls() {
  const bool before_banner = settings_->tls.wrapper;
  const std::string_view refusal = refuse_tls();
  if (before_banner && !refusal.empty()) co_return false;  // no words are agreed on yet
  if (!before_banner) {
    machine_.on_verdict(refusal);
    if (!refusal.empty()) co_return true;
    // The answer leaves in clear; all that comes from here on, or came already, must be TLS.
    const bool flushed = co_await flush_output(Duration::zero());
    if (!flushed) co_return false;
  }
  if (!stream_.start_tls_server(*settings_->tls.context, env_.tickets)) co_return false;
  ++env_.handshakes_count;
  const bool done = co_await shake_hands();
  --env_.handshakes_count;
  if (!done || !take_tls_facts()) co_return false;
  machine_.on_secured();
  // RFC 9266 4.2: before TLS 1.3 it binds only with an extension that the client may lack.
  auth_.set_encrypted(auth_.enabled() && tls_->protocol == "TLSv1.3"
                          ? stream_.tls()->export_key(sasl::kBindingLabel, sasl::kBindingBytes)
                          : std::string());
  if (!before_banner) co_await offer_auth();
  co_return true;
}

rt::Task<bool> ServerSession::shake_hands() {
  const Status status = co_await stream_.handshake(env_.reactor.now() + settings_->tls.timeout);
  if (status.ok()) co_return true;
  env_.counters.add(Counter::kTlsHandshakesFailed);
  std::string reason = stream_.tls()->problem();
  if (reason.empty()) {
    reason = status.error().code == Code::kTimeout ? "timeout" : "lost connection";
  }
  const std::string text = fmt::format("SSL_accept error from {}[{}]: {}", machine_.client().name,
                                       machine_.client().address, reason);
  env_.log.write(origin(), LogNote{.program = LogProgram::kSmtpd, .text = text});
  log_end(status.error().code == Code::kTimeout ? SessionEnd::kTimeout
                                                : SessionEnd::kLostConnection);
  // The alert that says why leaves, if it can.
  constexpr Duration kFarewellPatience = std::chrono::seconds(1);
  static_cast<void>(co_await stream_.flush(env_.reactor.now() + kFarewellPatience));
  co_return false;
}

/// Logs and counts a finished handshake. False: the client lacks a certificate that it must have.
bool ServerSession::take_tls_facts() {
  const ServerTls& tls = settings_->tls;
  tls_ = std::make_unique<const net::TlsFacts>(stream_.tls()->facts());
  env_.counters.add(tls_->resumed ? Counter::kTlsResumedIn : Counter::kTlsSessionsIn);
  if (!tls_->resumed && settings_->client_limits.tls_sessions != 0 && !client_key_.empty()) {
    static_cast<void>(env_.clients.count(client_key_, ClientEvent::kTlsSession, env_.reactor.now(),
                                         settings_->client_limits.unit));
  }
  if (tls.log_level >= 1) {
    std::string text =
        fmt::format("{} TLS connection established from {}[{}]", net::trust_word(*tls_),
                    machine_.client().name, machine_.client().address);
    if (!tls_->server_name.empty()) text += " to " + tls_->server_name;
    text += ": " + net::tls_summary(*tls_);
    env_.log.write(origin(), LogNote{.program = LogProgram::kSmtpd, .text = text});
    if (tls_->peer_presented) {
      text = fmt::format("{}[{}]: subject_CN={}, issuer_CN={}, fingerprint={}, pkey_fingerprint={}",
                         machine_.client().name, machine_.client().address, tls_->peer_name,
                         tls_->peer_issuer, tls_->certificate_fingerprint, tls_->key_fingerprint);
      env_.log.write(origin(), LogNote{.program = LogProgram::kSmtpd, .text = text});
    }
  }
  if (!tls.certificate_required || tls_->peer_trusted) return true;
  const std::string text = fmt::format(
      "NOQUEUE: abort: TLS from {}[{}]: {}", machine_.client().name, machine_.client().address,
      tls_->peer_presented ? "Client certificate not trusted" : "No client certificate presented");
  env_.log.write(origin(), LogNote{.program = LogProgram::kSmtpd, .text = text});
  return false;
}

}  // namespace barid::smtp
