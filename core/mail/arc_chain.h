// The Authenticated Received Chain of a message: its sets, what a seal is made of, and a new set.
// Source: RFC 8617 4.1 (fields), 4.2 (instances), 5.1 (sealing), 5.2 (validation).
// Layer:  core/mail, pure: hashing, keys and DNS are the caller's.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/mail/received_signature.h"

namespace barid::arc {

inline constexpr unsigned kInstancesMax = 50;  ///< RFC 8617 4.2.1

enum class ChainStatus : uint8_t { kNone, kPass, kFail };
/// "none", "pass", "fail".
[[nodiscard]] std::string_view status_name(ChainStatus status) noexcept;

struct Seal {
  dkim::Algorithm algorithm = dkim::Algorithm::kRsaSha256;
  ChainStatus status = ChainStatus::kNone;  ///< cv=
  std::string domain;
  std::string selector;
  std::string signature;
};

/// What one intermediary added. The fields are those of the header that was read.
struct ArcSet {
  const HeaderField* results = nullptr;    ///< ARC-Authentication-Results
  const HeaderField* signature = nullptr;  ///< ARC-Message-Signature
  const HeaderField* seal_field = nullptr;
  Seal seal;
};

struct ArcChain {
  std::vector<ArcSet> sets;        ///< instance 1 first; complete only without `problem`
  dkim::ReceivedSignature newest;  ///< the last set's ARC-Message-Signature
  unsigned highest = 0;            ///< the highest instance that any field names, at most 1000
  std::string problem;             ///< not empty: the chain does not hold, whatever its keys say
  bool ended = false;              ///< its last seal says fail: nobody adds to it

  /// Whether any field of a chain is there.
  [[nodiscard]] bool exists() const noexcept { return highest > 0 || !problem.empty(); }
  /// The instance of a set that is added now; 0 = none may be (RFC 8617 4.2.1, 5.1).
  [[nodiscard]] unsigned next_instance() const noexcept;
};

/// The chain of a header, which outlives it. Steps 1 to 3 of RFC 8617 5.2.
[[nodiscard]] ArcChain read_chain(std::span<const HeaderField> header);

/// Appends what the seal of `instance` signs: all sets up to it (RFC 8617 5.1.1).
void append_sealed_data(std::string& out, const ArcChain& chain, unsigned instance);

/// The ARC-Authentication-Results field with its CRLF. `results` are RFC 8601's, e.g. "arc=none".
[[nodiscard]] std::string results_field(unsigned instance, std::string_view host,
                                        std::span<const std::string> results);

struct SealTags {
  unsigned instance = 1;
  dkim::Algorithm algorithm = dkim::Algorithm::kRsaSha256;
  ChainStatus status = ChainStatus::kNone;
  std::string_view domain;
  std::string_view selector;
  int64_t signed_at = 0;
};
/// The ARC-Seal field up to and with "b=". dkim::finished_field() makes it whole.
[[nodiscard]] std::string unsigned_seal(const SealTags& tags);

/// Appends what a new seal signs: the chain before it, unless that does not hold, and its own set.
void append_new_sealed_data(std::string& out, const ArcChain& chain, ChainStatus status,
                            std::string_view results, std::string_view signature,
                            std::string_view unsigned_seal);

}  // namespace barid::arc
