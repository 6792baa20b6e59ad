#include "policy/dkim_keys.h"

#include <fmt/format.h>

#include <cerrno>

namespace barid::policy {
namespace {

constexpr unsigned kRsaBitsMin = 1024;  // RFC 8301 3.2: verifiers need not accept less
constexpr Duration kDiskPatience = std::chrono::seconds(30);

struct Loaded {
  bool changed = false;
  DkimKey key;
  crypto::FileIdentity identity;
};

DkimKey key_of(crypto::SecretFile file, const std::string& path) {
  if (!file.problem.empty()) {
    return {.key = {}, .problem = std::move(file.problem), .missing = file.error_number == ENOENT};
  }
  DkimKey key;
  std::string problem;
  key.key = crypto::PrivateKey::parse(file.content, &problem);
  if (key.key && key.key->type() == crypto::KeyType::kRsa && key.key->bits() < kRsaBitsMin) {
    problem =
        fmt::format("an RSA key of {} bits, at least {} are needed", key.key->bits(), kRsaBitsMin);
    key.key.reset();
  }
  if (!problem.empty()) key.problem = fmt::format("{}: {}", path, problem);
  return key;
}

Loaded load_if_changed(const std::string& path, const crypto::FileIdentity& known) {
  const crypto::FileIdentity now = crypto::identify_file(path);
  if (now == known && now != crypto::FileIdentity{}) return {};
  crypto::SecretFile file = crypto::read_secret_file(path);
  const crypto::FileIdentity identity = file.identity;
  return {.changed = true, .key = key_of(std::move(file), path), .identity = identity};
}

}  // namespace

DkimKey load_dkim_key(const std::string& path) {
  return key_of(crypto::read_secret_file(path), path);
}

rt::Task<DkimKey> DkimKeys::get(std::string path) {
  const MonoTime now = reactor_.now();
  auto found = entries_.find(path);
  crypto::FileIdentity known;
  if (found != entries_.end()) {
    if (now - found->second.checked < kCheckInterval) co_return found->second.key;
    known = found->second.identity;
    // The next ones go on with what is known while this one looks.
    if (found->second.key.key) found->second.checked = now;
  }
  Result<Loaded> loaded = co_await offload_.run(
      [path, known] { return load_if_changed(path, known); }, now + kDiskPatience);
  found = entries_.find(path);
  if (!loaded.ok()) {
    if (found != entries_.end() && found->second.key.key) co_return found->second.key;
    co_return DkimKey{
        .key = {},
        .problem = fmt::format("{}: not read: {}", path, code_name(loaded.error().code))};
  }
  if (!loaded->changed) {
    if (found == entries_.end()) co_return co_await get(std::move(path));  // forgotten meanwhile
    found->second.checked = reactor_.now();
    co_return found->second.key;
  }
  if (found == entries_.end() && entries_.size() >= kKeysMax) entries_.clear();
  Entry& entry = entries_[path];
  entry = {.key = std::move(loaded->key), .identity = loaded->identity, .checked = reactor_.now()};
  co_return entry.key;
}

}  // namespace barid::policy
