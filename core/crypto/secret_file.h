// Files with secrets: read only if nobody else can.
// Layer: core/crypto. Any thread; blocks on the disk.
#pragma once

#include <cstdint>
#include <string>

namespace barid::crypto {

/// What tells one state of a file from another.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t changed_nanos = 0;  ///< of its content
  uint64_t bytes = 0;
  uint32_t mode = 0;

  bool operator==(const FileIdentity&) const = default;
};

struct SecretFile {
  std::string content;
  FileIdentity identity;
  int error_number = 0;  ///< not 0: it cannot be read
  std::string problem;   ///< empty = good; else a sentence with the path
};

/// What tells whether a file was changed; all zero if it is not there.
[[nodiscard]] FileIdentity identify_file(const std::string& path);

/// Refused: what others than the owner may read or write. A group may read what belongs to another
/// user, since that is how a container gets a secret.
[[nodiscard]] SecretFile read_secret_file(const std::string& path);

}  // namespace barid::crypto
