#include "shard/queue/queue_key.h"

namespace barid::queue {
namespace {
constexpr char kSeparator = '\x1f';
constexpr size_t kPrefixBytes = 2;
}  // namespace

std::string queue_key(const QueueKey& key) {
  std::string text;
  text.reserve(kPrefixBytes + key.tenant.size() + 1 + key.destination.size());
  text += key.is_new ? 'n' : 'd';
  text += key.lane == Stream::kBulk ? '1' : '0';
  for (const char c : key.tenant) text += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  text += kSeparator;
  text += key.destination;
  return text;
}

std::optional<QueueKey> parse_queue_key(std::string_view text) noexcept {
  if (text.size() <= kPrefixBytes) return std::nullopt;
  if (text[0] != 'n' && text[0] != 'd') return std::nullopt;
  if (text[1] != '0' && text[1] != '1') return std::nullopt;
  const size_t end = text.find(kSeparator, kPrefixBytes);
  if (end == std::string_view::npos) return std::nullopt;
  return QueueKey{.is_new = text[0] == 'n',
                  .lane = text[1] == '1' ? Stream::kBulk : Stream::kTransactional,
                  .tenant = text.substr(kPrefixBytes, end - kPrefixBytes),
                  .destination = text.substr(end + 1)};
}

}  // namespace barid::queue
