#include "tools/barid/rate_history.h"

#include <fmt/format.h>

namespace barid::tools {

void RateHistory::add(const RateSample& sample) {
  fine_.push_back(sample);
  if (fine_.size() > kFineMax) fine_.pop_front();
  if (++since_coarse_ < kCoarseSteps) return;
  since_coarse_ = 0;
  coarse_.push_back(sample);
  if (coarse_.size() > kCoarseMax) coarse_.pop_front();
}

std::string RateHistory::json(int64_t now, std::chrono::seconds span) const {
  const auto step = std::chrono::duration_cast<std::chrono::seconds>(kStep);
  const bool is_fine = span <= std::chrono::hours(1);
  std::string out = fmt::format("{{\"object\":\"history\",\"interval\":{},\"data\":[",
                                is_fine ? step.count() : step.count() * int64_t{kCoarseSteps});
  for (const RateSample& sample : is_fine ? fine_ : coarse_) {
    if (sample.at < now - span.count()) continue;
    out += fmt::format("{}[{},{},{},{},{},{}]", out.back() == '[' ? "" : ",", sample.at,
                       sample.accepted, sample.delivered, sample.deferred, sample.bounced,
                       sample.queued_known ? fmt::to_string(sample.queued) : "null");
  }
  return out + "]}\n";
}

}  // namespace barid::tools
