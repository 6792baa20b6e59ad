#include "http/submit/idempotency.h"

#include "core/crypto/digest.h"

namespace barid::http {

std::string idempotency_key(std::string_view tenant, std::string_view key) {
  return crypto::sha256({tenant, std::string_view("\0", 1), key});
}

std::string idempotent_record(const IdempotentEntry& entry) {
  std::string record;
  const auto micros = static_cast<uint64_t>(unix_micros(entry.expires));
  for (int shift = 56; shift >= 0; shift -= 8) record += static_cast<char>(micros >> shift & 0xff);
  record += entry.digest;
  record += entry.answer;
  return record;
}

std::optional<IdempotentEntry> parse_idempotent(std::string_view record) {
  if (record.size() < 8 + crypto::kSha256Bytes) return std::nullopt;
  uint64_t micros = 0;
  for (size_t i = 0; i < 8; ++i) micros = micros << 8 | static_cast<uint8_t>(record[i]);
  return IdempotentEntry{.expires = wall_from_micros(static_cast<int64_t>(micros)),
                         .digest = std::string(record.substr(8, crypto::kSha256Bytes)),
                         .answer = std::string(record.substr(8 + crypto::kSha256Bytes))};
}

Result<std::string> find_idempotent(const std::vector<const queue::Store*>& stores,
                                    std::string_view key) {
  std::string latest;
  WallTime expires;
  for (const queue::Store* store : stores) {
    Result<std::string> found = store->get(queue::Family::kIdempotency, key);
    if (!found.ok() && found.error().code != Code::kNotFound) return found;
    const auto entry = found.ok() ? parse_idempotent(*found) : std::nullopt;
    if (!entry || (!latest.empty() && entry->expires <= expires)) continue;
    expires = entry->expires;
    latest = *std::move(found);
  }
  return latest;
}

}  // namespace barid::http
