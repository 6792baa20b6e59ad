// The script of a misbehaving server: what a sink does to a client at each stage.
// Layer: bench, pure apart from its random numbers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/result.h"
#include "core/base/rng.h"
#include "core/base/time.h"

namespace barid::bench {

/// kDot: before the message counts as taken; kReply: after it, so that only the 250 is lost.
enum class Stage : uint8_t { kConnect, kHelo, kMail, kRcpt, kData, kDot, kReply };
/// Errors: kMalformed (not connect, helo, mail, rcpt, data, dot or reply).
[[nodiscard]] Result<Stage> parse_stage(std::string_view name) noexcept;

struct FaultScript {
  double tempfail_fraction = 0;
  Stage tempfail_stage = Stage::kDot;
  std::string tempfail_pattern;  ///< fnmatch(3) pattern; such recipients are always deferred
  double permfail_fraction = 0;
  Stage permfail_stage = Stage::kDot;
  std::string permfail_pattern;  ///< fnmatch(3) pattern; such recipients are always refused
  double drop_fraction = 0;      ///< connection closed instead of a reply
  Stage drop_stage = Stage::kDot;
  Duration delay{};  ///< before the reply of delay_stage
  Stage delay_stage = Stage::kDot;
  Duration greylist{};  ///< a (sender, recipient) pair is refused until this old
  /// Random faults (fractions) strike only between these times after the start; both 0: always.
  Duration from{};
  Duration until{};
};

enum class Verdict : uint8_t { kAccept, kTempfail, kPermfail, kGreylist, kDrop };

/// Decisions of one sink thread.
class FaultDecider {
 public:
  static constexpr uint32_t kGreylistPairsMax = 1'000'000;

  FaultDecider(const FaultScript& script, uint64_t seed) : script_(script), rng_(seed) {}

  [[nodiscard]] Verdict decide(Stage stage) noexcept;
  /// The stage kRcpt, with what depends on the addresses.
  [[nodiscard]] Verdict decide_recipient(std::string_view sender, const std::string& recipient,
                                         MonoTime now);
  [[nodiscard]] Duration delay(Stage stage) const noexcept {
    return stage == script_.delay_stage ? script_.delay : Duration{};
  }

 private:
  [[nodiscard]] bool chance(double fraction) noexcept;
  [[nodiscard]] bool resting() const noexcept;

  const FaultScript script_;
  const MonoTime started_at_ = std::chrono::steady_clock::now();
  Rng rng_;
  std::unordered_map<uint64_t, MonoTime> first_seen_;  ///< by hash of the pair, bounded
};

}  // namespace barid::bench
