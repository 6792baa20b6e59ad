// Signs messages on their way out: at delivery, so that 250 is not later for it, a retry goes out
// under the key that is published then, and a form made for the next server is signed as it is.
//
// RSA keys sign on the offload pool (0.2 ms and more), and on the shard when that has no room;
// Ed25519 keys on the shard (0.03 ms). The shard makes one signature a turn of the reactor, so that
// no session waits for more than one, and hashes 256 KiB of bodies a turn.
// Source: RFC 6376, 8301, 8463.
// Layer:  policy. Shard-owned.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/mail/envelope.h"
#include "core/mem/content.h"
#include "core/obs/counters.h"
#include "policy/body_hashes.h"
#include "policy/dkim_keys.h"
#include "policy/dkim_rules.h"

namespace barid::policy {

struct DkimSettings {
  DkimRules rules;
  dkim::FieldChoice fields;
  uint32_t origins = 0;        ///< which mail is signed: bits 1 << MailOrigin
  bool send_unsigned = false;  ///< rather than defer, when a signature cannot be made
};

/// Parses a list of names of fields into lower case. The first that cannot be one in `*bad`.
[[nodiscard]] std::vector<std::string> parse_field_names(std::string_view list, std::string* bad);
/// Parses dkim_signing_sources. The first unknown word in `*bad`.
[[nodiscard]] uint32_t parse_dkim_sources(std::string_view list, std::string* bad);

/// What signing a message came to.
struct Signing {
  enum class State : uint8_t {
    kUnsigned,  ///< it is to go as it is; `problem` says why, if that is not what was wanted
    kSigned,    ///< `fields` go before the content
    kDeferred,  ///< it must not go; `problem` says why, `domain` for whom
  };
  State state = State::kUnsigned;
  std::string fields;
  std::string problem;
  std::string domain;
};

class DkimSigner {
 public:
  DkimSigner(rt::Reactor& reactor, rt::Offload& offload, Counters& counters)
      : reactor_(reactor), offload_(offload), counters_(counters), keys_(reactor, offload) {}

  /// For messages whose signing begins from now on.
  void set(DkimSettings settings) {
    settings_ = std::make_shared<const DkimSettings>(std::move(settings));
  }
  /// False: sign() need not be called for it.
  [[nodiscard]] bool concerns(const Envelope& envelope) const noexcept {
    return !settings_->rules.empty() &&
           (settings_->origins >> static_cast<unsigned>(envelope.origin) & 1) != 0;
  }
  /// `envelope` outlives the call.
  rt::Task<Signing> sign(const Envelope& envelope, ContentRef content);

  // For others that sign on this shard.
  [[nodiscard]] DkimKeys& keys() noexcept { return keys_; }
  /// One signature; empty if the key does not sign.
  rt::Task<std::string> sign_digest(crypto::PrivateKey key, std::string digest);

 private:
  struct Work;
  rt::Task<std::string> sign_rule(Work& work, const DkimRule& rule, std::string* problem);

  rt::Reactor& reactor_;
  rt::Offload& offload_;
  Counters& counters_;
  std::shared_ptr<const DkimSettings> settings_ = std::make_shared<const DkimSettings>();
  DkimKeys keys_;
  uint64_t turn_of_last_ = UINT64_MAX;  // the turn in which the last signature was made
};

}  // namespace barid::policy
