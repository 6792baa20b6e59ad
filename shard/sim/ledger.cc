#include "shard/sim/ledger.h"

#include <fmt/format.h>

#include <algorithm>

namespace barid::sim {

uint64_t content_hash(std::string_view content) noexcept {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : content) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3u;
  }
  return hash;
}

void Ledger::offered(const std::string& token, const std::string& recipient, uint64_t hash) {
  Copy& entry = copy(token, recipient);
  entry.is_offered = true;
  entry.hash = hash;
}

void Ledger::accepted(const std::string& token, const std::string& recipient) {
  Copy& entry = copy(token, recipient);
  accepted_count_ += entry.is_promised ? 0 : 1;
  entry.is_promised = true;
}

void Ledger::delivered(const std::string& token, const std::string& recipient, uint64_t hash,
                       const std::string& queue_id) {
  Copy& entry = copy(token, recipient);
  ++entry.deliveries;
  entry.queue_id = queue_id;
  entry.crashes_seen = crashes_count_;
  if (entry.is_offered && hash != entry.hash) ++entry.corrupt_deliveries;
}

void Ledger::answer_lost(const std::string& token, const std::string& recipient) {
  Copy& entry = copy(token, recipient);
  if (entry.crashes_seen == crashes_count_) ++entry.excuses;
}

void Ledger::noticed(const std::string& token, const std::string& recipient) {
  ++copy(token, recipient).notices;
}
void Ledger::queued(const std::string& token, const std::string& recipient) {
  copy(token, recipient).is_queued = true;
}
void Ledger::discarded(const std::string& token, const std::string& recipient) {
  copy(token, recipient).is_discarded = true;
}

void Ledger::sender_crashed(const std::set<std::string>& doubted_queue_ids) {
  ++crashes_count_;
  for (auto& [key, entry] : copies_) {
    if (entry.deliveries > 0 && doubted_queue_ids.contains(entry.queue_id)) ++entry.excuses;
  }
}

uint64_t Ledger::ended_count() const {
  return static_cast<uint64_t>(std::count_if(copies_.begin(), copies_.end(), [](const auto& pair) {
    return pair.second.deliveries > 0 || pair.second.notices > 0 || pair.second.is_discarded;
  }));
}

Ledger::Balance Ledger::balance() const {
  Balance sum;
  for (const auto& [key, entry] : copies_) {
    const bool ended =
        entry.deliveries > 0 || entry.notices > 0 || entry.is_queued || entry.is_discarded;
    sum.promised += entry.is_promised ? 1 : 0;
    sum.lost += entry.is_promised && !ended ? 1 : 0;
    sum.unexpected += !entry.is_offered && ended ? 1 : 0;
    sum.corrupt += entry.corrupt_deliveries;
    if (entry.deliveries > 1) {
      const uint32_t extra = entry.deliveries - 1;
      sum.duplicates += extra;
      sum.unlawful_duplicates += extra > entry.excuses ? extra - entry.excuses : 0;
    }
    sum.contradictory += entry.notices > 0 && entry.deliveries > entry.excuses ? 1 : 0;
  }
  return sum;
}

std::string Ledger::Balance::text() const {
  return fmt::format(
      "promised {} lost {} unexpected {} corrupt {} duplicates {} (unlawful {}) contradictory {}",
      promised, lost, unexpected, corrupt, duplicates, unlawful_duplicates, contradictory);
}

}  // namespace barid::sim
