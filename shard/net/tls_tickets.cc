#include "shard/net/tls_tickets.h"

#include <algorithm>

#include "core/crypto/digest.h"

namespace barid::net {
namespace {

template <size_t kBytes>
void fill(std::array<unsigned char, kBytes>& out) {
  const std::string bytes = crypto::random_bytes(kBytes);
  std::copy(bytes.begin(), bytes.end(), out.begin());
}

TlsTicketKey make_key(WallTime now) {
  TlsTicketKey key;
  fill(key.name);
  fill(key.cipher_key);
  fill(key.mac_key);
  key.made = now;
  return key;
}

}  // namespace

/// A clock that was set back must not keep a key for ever.
void TlsTicketKeys::rotate(WallTime now) {
  const auto age = [now](const TlsTicketKey& key) {
    return now >= key.made ? now - key.made : key.made - now;
  };
  if (current_ && age(*current_) >= lifetime_) {
    previous_ = age(*current_) < 2 * lifetime_ ? current_ : std::nullopt;
    current_.reset();
  }
  if (previous_ && age(*previous_) >= 2 * lifetime_) previous_.reset();
  if (!current_) current_ = make_key(now);
}

TlsTicketKey TlsTicketKeys::sealing(WallTime now) {
  const std::lock_guard lock(mutex_);
  rotate(now);
  return *current_;
}

std::optional<TlsTicketKeys::Found> TlsTicketKeys::opening(const unsigned char* name,
                                                           WallTime now) {
  const std::lock_guard lock(mutex_);
  rotate(now);
  const auto has_name = [name](const std::optional<TlsTicketKey>& key) {
    return key && std::equal(key->name.begin(), key->name.end(), name);
  };
  if (has_name(current_)) return Found{.key = *current_};
  if (has_name(previous_)) return Found{.key = *previous_, .renew = true};
  return std::nullopt;
}

}  // namespace barid::net
