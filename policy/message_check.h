// Checks what others signed of a message that came in: DKIM signatures and the ARC chain, with the
// keys that DNS has now. For the results that a seal reports; nothing is refused for them.
// Source: RFC 6376 6.1, 8301 3.2 (keys), 8601 2.7.1 (results), 8617 5.2.
// Layer:  policy. Shard-owned.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/mail/arc_chain.h"
#include "core/mail/dkim_record.h"
#include "dns/resolver.h"
#include "policy/body_hashes.h"

namespace barid::policy {

enum class SignatureVerdict : uint8_t {
  kPass,
  kFail,       ///< the message is not what was signed
  kPolicy,     ///< it covers part of the body only
  kPermError,  ///< signature or key are malformed, missing or expired
  kTempError,  ///< the key cannot be asked for now
};
/// "pass", "fail", "policy", "permerror", "temperror".
[[nodiscard]] std::string_view verdict_name(SignatureVerdict verdict) noexcept;

/// One message being checked. What it is made from outlives it.
class MessageCheck {
 public:
  static constexpr size_t kSignaturesMax = 10;  ///< DKIM signatures that are looked at
  static constexpr unsigned kRsaBitsMin = 1024;
  static constexpr unsigned kRsaBitsMax = 4096;  ///< a larger key costs us more than its sender

  MessageCheck(rt::Reactor& reactor, dns::Resolver& resolver, std::span<const HeaderField> header,
               BodyHashes& bodies, MonoTime deadline)
      : reactor_(reactor),
        resolver_(resolver),
        header_(header),
        bodies_(bodies),
        deadline_(deadline) {}

  struct Chain {
    arc::ChainStatus status = arc::ChainStatus::kNone;
    bool temporary = false;  ///< it cannot be told now
    std::string problem;     ///< why it does not hold, or cannot be told
  };
  /// `chain` is this header's.
  rt::Task<Chain> chain(const arc::ArcChain& chain);

  /// RFC 8601 results of the DKIM signatures, the topmost first: "dkim=pass header.d=… header.s=…".
  /// "dkim=none" if there is no signature.
  rt::Task<std::vector<std::string>> dkim_results();

 private:
  struct Key {
    SignatureVerdict verdict = SignatureVerdict::kPass;  // or why there is none
    dkim::KeyRecord record;
  };
  struct Signed {
    dkim::Algorithm algorithm;
    std::string_view domain;
    std::string_view selector;
    std::string_view identity_domain;  // empty: none is said
    std::string_view signature;
  };
  rt::Task<SignatureVerdict> signature(const HeaderField& field,
                                       const dkim::ReceivedSignature& signature);
  rt::Task<SignatureVerdict> verify(Signed what, std::string data);
  rt::Task<Key> key_of(std::string selector, std::string domain);

  rt::Reactor& reactor_;
  dns::Resolver& resolver_;
  std::span<const HeaderField> header_;
  BodyHashes& bodies_;
  MonoTime deadline_;
  std::map<std::string, Key> keys_;  // by name of the record
};

}  // namespace barid::policy
