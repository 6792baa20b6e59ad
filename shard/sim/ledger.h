// The ledger of a simulation: every copy of every message, from the promise to its end.
// A message is known by a token in its header; a copy is (token, recipient). At the end every copy
// that was promised is delivered, or returned with a notice, or still queued, or discarded by an
// explicit act; nothing arrives that nobody sent, nothing arrives damaged, and nothing arrives
// twice except where the sender could not know (docs/style.md E6). Layer: shard/sim, pure.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace barid::sim {

/// FNV-1a, 64 bits: of content from its token line to its end.
[[nodiscard]] uint64_t content_hash(std::string_view content) noexcept;

class Ledger {
 public:
  // --- the injector's entries
  /// Offered; no promise yet.
  void offered(const std::string& token, const std::string& recipient, uint64_t hash);
  /// The final 250 arrived: a promise.
  void accepted(const std::string& token, const std::string& recipient);

  // --- the sinks' entries
  /// The sink has answered 250 to the final dot.
  /// `queue_id`: of the sender, as its Received field says.
  void delivered(const std::string& token, const std::string& recipient, uint64_t hash,
                 const std::string& queue_id);
  /// The connection of such an answer broke: the client may try again, lawfully.
  void answer_lost(const std::string& token, const std::string& recipient);

  // --- other ends
  void noticed(const std::string& token, const std::string& recipient);
  void queued(const std::string& token, const std::string& recipient);
  void discarded(const std::string& token, const std::string& recipient);
  /// The sender crashed: what was delivered may be sent once more if the sender left word that it
  /// is in doubt. Answers that are lost with it from then on excuse nothing.
  void sender_crashed(const std::set<std::string>& doubted_queue_ids);

  struct Balance {
    uint64_t promised = 0;
    uint64_t lost = 0;        ///< promised and without an end
    uint64_t unexpected = 0;  ///< delivered or noticed, never offered
    uint64_t corrupt = 0;     ///< delivered with other content
    uint64_t duplicates = 0;  ///< deliveries beyond the first
    uint64_t unlawful_duplicates =
        0;                       ///< of those, without a lost answer or a crash to explain them
    uint64_t contradictory = 0;  ///< delivered for certain, and noticed too
    [[nodiscard]] bool clean() const noexcept {
      return lost == 0 && unexpected == 0 && corrupt == 0 && unlawful_duplicates == 0 &&
             contradictory == 0;
    }
    [[nodiscard]] std::string text() const;
  };
  [[nodiscard]] Balance balance() const;

  [[nodiscard]] uint64_t accepted_count() const noexcept { return accepted_count_; }
  /// Distinct copies that reached a sink, got a notice or were discarded.
  [[nodiscard]] uint64_t ended_count() const;

 private:
  struct Copy {
    uint64_t hash = 0;
    bool is_offered = false;
    bool is_promised = false;
    bool is_queued = false;
    bool is_discarded = false;
    uint32_t deliveries = 0;
    std::string queue_id;       ///< under which it was delivered last
    uint32_t crashes_seen = 0;  ///< when it was delivered last
    uint32_t corrupt_deliveries = 0;
    uint32_t excuses = 0;  ///< lost answers and crashes after a delivery
    uint32_t notices = 0;
  };
  Copy& copy(const std::string& token, const std::string& recipient) {
    return copies_[std::pair(token, recipient)];
  }
  std::map<std::pair<std::string, std::string>, Copy> copies_;
  uint64_t accepted_count_ = 0;
  uint32_t crashes_count_ = 0;
};

}  // namespace barid::sim
