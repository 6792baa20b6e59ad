#include "tools/barid/tracking_key.h"

#include <cerrno>

#include "core/crypto/digest.h"
#include "core/crypto/secret_file.h"
#include "core/text/base64.h"
#include "http/submit/tracking.h"
#include "tools/barid/state_file.h"

namespace barid::tools {

std::string load_tracking_key(const std::string& directory, std::string* key) {
  const std::string path = directory + "/tracking.key";
  const crypto::SecretFile file = crypto::read_secret_file(path);
  if (file.problem.empty()) {
    const auto stored = text::decode_base64(file.content);
    if (stored && stored->size() == http::kTrackingKeyBytes) {
      *key = *stored;
      return {};
    }
  }
  *key = crypto::random_bytes(http::kTrackingKeyBytes);
  if (file.problem.empty()) return path + ": it is damaged";
  if (file.error_number != ENOENT) return file.problem;
  std::string text;
  text::append_base64(text, *key);
  return replace_file(path, text + '\n');
}

}  // namespace barid::tools
