// What the world sees of a signing key: its DNS record against the key itself.
// Layer: tools.
#pragma once

#include <string>
#include <vector>

#include "core/crypto/private_key.h"
#include "dns/resolver.h"
#include "policy/dkim_rules.h"

namespace barid::tools {

/// "rsa2048", "ed25519".
[[nodiscard]] std::string key_algorithm(const crypto::PrivateKey& key);
/// The text of the record that a key needs.
[[nodiscard]] std::string key_record(const crypto::PrivateKey& key);

struct DkimVerdict {
  bool good = false;
  bool warning = false;  ///< good, and yet worth a look
  std::string text;      ///< one sentence
};

/// Pure. `answer`: that of the record's name, type TXT.
[[nodiscard]] DkimVerdict judge_dkim_record(const crypto::PrivateKey& key,
                                            const policy::DkimRule& rule,
                                            const dns::Answer& answer);

}  // namespace barid::tools
