#include "bench/sink_faults.h"

#include <fnmatch.h>

#include <array>

#include "bench/content_hash.h"

namespace barid::bench {

namespace {

bool matches(const std::string& pattern, const std::string& recipient) {
  return !pattern.empty() && fnmatch(pattern.c_str(), recipient.c_str(), FNM_CASEFOLD) == 0;
}

}  // namespace

Result<Stage> parse_stage(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 7> kNames = {"connect", "helo", "mail", "rcpt",
                                                      "data",    "dot",  "reply"};
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Stage>(i);
  }
  return Error{.code = Code::kMalformed, .text = "stages: connect helo mail rcpt data dot reply"};
}

bool FaultDecider::chance(double fraction) noexcept {
  if (fraction <= 0) return false;
  constexpr double kScale = 1.0 / 9007199254740992.0;  // 2^-53
  return static_cast<double>(rng_.next() >> 11) * kScale < fraction;
}

bool FaultDecider::resting() const noexcept {
  if (script_.until == Duration::zero()) return false;
  const Duration since = std::chrono::steady_clock::now() - started_at_;
  return since < script_.from || since >= script_.until;
}

Verdict FaultDecider::decide(Stage stage) noexcept {
  if (resting()) return Verdict::kAccept;
  if (stage == script_.drop_stage && chance(script_.drop_fraction)) return Verdict::kDrop;
  if (stage == script_.permfail_stage && chance(script_.permfail_fraction)) {
    return Verdict::kPermfail;
  }
  if (stage == script_.tempfail_stage && chance(script_.tempfail_fraction)) {
    return Verdict::kTempfail;
  }
  return Verdict::kAccept;
}

Verdict FaultDecider::decide_recipient(std::string_view sender, const std::string& recipient,
                                       MonoTime now) {
  if (matches(script_.permfail_pattern, recipient)) return Verdict::kPermfail;
  if (matches(script_.tempfail_pattern, recipient)) return Verdict::kTempfail;
  if (script_.greylist > Duration::zero()) {
    ContentHash pair;
    pair.update(sender);
    pair.update(std::string_view("\0", 1));
    pair.update(recipient);
    // A full table lets strangers pass: a benchmark sink must not refuse for ever.
    if (const auto seen = first_seen_.find(pair.value()); seen != first_seen_.end()) {
      if (now - seen->second < script_.greylist) return Verdict::kGreylist;
    } else if (first_seen_.size() < kGreylistPairsMax) {
      first_seen_.emplace(pair.value(), now);
      return Verdict::kGreylist;
    }
  }
  return decide(Stage::kRcpt);
}

}  // namespace barid::bench
