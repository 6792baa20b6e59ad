// Seals mail that others sent and we pass on: says what we saw of it when it came, so that the next
// receiver can believe it although the way over us broke what it would check.
//
// At delivery, like DKIM signatures and after them. The message as it came in is checked, the
// message as it goes out is sealed.
// Source: RFC 8617 5.1 (sealing), 5.2 (validation).
// Layer:  policy. Shard-owned.
#pragma once

#include <memory>
#include <string>

#include "core/mail/arc_chain.h"
#include "dns/resolver.h"
#include "policy/dkim_signer.h"

namespace barid::policy {

struct ArcSettings {
  DkimRules rules;
  dkim::FieldChoice fields;
  uint32_t origins = 0;        ///< which mail is sealed: bits 1 << MailOrigin
  bool send_unsealed = false;  ///< rather than defer, when our key cannot be had
  std::string host_name;       ///< the authserv-id (RFC 8601 2.5)
};

class ArcSealer {
 public:
  /// For all lookups of one message: what cannot be told by then is sent without a seal.
  static constexpr Duration kDnsPatience = std::chrono::seconds(20);

  ArcSealer(rt::Reactor& reactor, dns::Resolver& resolver, Counters& counters, DkimSigner& signer)
      : reactor_(reactor), resolver_(resolver), counters_(counters), signer_(signer) {}

  /// For messages whose sealing begins from now on.
  void set(ArcSettings settings) {
    settings_ = std::make_shared<const ArcSettings>(std::move(settings));
  }
  /// False: seal() need not be called for it.
  [[nodiscard]] bool concerns(const Envelope& envelope) const noexcept {
    return !settings_->rules.empty() &&
           (settings_->origins >> static_cast<unsigned>(envelope.origin) & 1) != 0;
  }

  struct Forms {
    ContentRef received;          ///< what is checked
    ContentRef sent;              ///< what is sealed; perhaps the same
    std::string_view own_fields;  ///< DKIM signatures of ours that go before it
  };
  /// The fields go before the signatures of ours. `envelope` and the fields outlive the call.
  rt::Task<Signing> seal(const Envelope& envelope, Forms forms);

 private:
  struct Seen;
  rt::Task<Seen> look_at(const Envelope& envelope, ContentRef content);
  rt::Task<std::string> make_set(const ArcSettings& settings, const Forms& forms,
                                 const DkimRule& rule, const Seen& seen, std::string* problem);

  rt::Reactor& reactor_;
  dns::Resolver& resolver_;
  Counters& counters_;
  DkimSigner& signer_;
  std::shared_ptr<const ArcSettings> settings_ = std::make_shared<const ArcSettings>();
};

/// The domain at which a message arrived here: that of its first recipient, lower case, A-labels.
[[nodiscard]] std::string arrival_domain(const Envelope& envelope);

}  // namespace barid::policy
