// Signing keys by their files' names, read on the offload pool, kept, and read again when the file
// changes.
// Layer: policy. Shard-owned.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <optional>
#include <string>

#include "core/crypto/private_key.h"
#include "core/crypto/secret_file.h"
#include "shard/runtime/offload.h"

namespace barid::policy {

/// A key, or why there is none.
struct DkimKey {
  std::optional<crypto::PrivateKey> key;
  std::string problem;   ///< a sentence that names the file
  bool missing = false;  ///< the file is not there
};

/// Blocks on the disk. Refuses files that others may read, and RSA keys that RFC 8301 3.2 does.
[[nodiscard]] DkimKey load_dkim_key(const std::string& path);

class DkimKeys {
 public:
  static constexpr Duration kCheckInterval = std::chrono::seconds(1);
  static constexpr size_t kKeysMax = 4096;  ///< then all are forgotten

  DkimKeys(rt::Reactor& reactor, rt::Offload& offload) : reactor_(reactor), offload_(offload) {}

  /// A key whose file was looked at within kCheckInterval is not looked at again. If the pool is
  /// full, a key that is known stays in use.
  rt::Task<DkimKey> get(std::string path);

 private:
  struct Entry {
    DkimKey key;
    crypto::FileIdentity identity;
    MonoTime checked{};
  };
  rt::Reactor& reactor_;
  rt::Offload& offload_;
  absl::flat_hash_map<std::string, Entry> entries_;
};

}  // namespace barid::policy
