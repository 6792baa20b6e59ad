#include "core/obs/timings.h"

#include <algorithm>

namespace barid {
namespace {

constexpr std::string_view kAge = "from arrival to the attempt that delivered";
constexpr std::string_view kDelivery = "connection and transmission of deliveries";
constexpr std::string_view kDeferred = "from arrival to attempts that were deferred";
constexpr std::array<TimingInfo, kTimingCount> kInfos = {{
    {"http_accept_seconds", "", "submissions over HTTP: from the whole request to its answer"},
    {"smtp_accept_seconds", "", "messages over SMTP: from the end of the content to the reply"},
    {"commit_seconds", "", "groups of changes: from the first one gathered to the sync"},
    {"queue_age_seconds", "stream=\"transactional\"", kAge},
    {"queue_age_seconds", "stream=\"bulk\"", kAge},
    {"deferred_age_seconds", "stream=\"transactional\"", kDeferred},
    {"deferred_age_seconds", "stream=\"bulk\"", kDeferred},
    {"delivery_seconds", "transport=\"smtp\",stream=\"transactional\"", kDelivery},
    {"delivery_seconds", "transport=\"smtp\",stream=\"bulk\"", kDelivery},
    {"delivery_seconds", "transport=\"lmtp\",stream=\"transactional\"", kDelivery},
    {"delivery_seconds", "transport=\"lmtp\",stream=\"bulk\"", kDelivery},
    {"delivery_seconds", "transport=\"other\",stream=\"transactional\"", kDelivery},
    {"delivery_seconds", "transport=\"other\",stream=\"bulk\"", kDelivery},
}};

}  // namespace

const TimingInfo& timing_info(Timing timing) noexcept {
  return kInfos[static_cast<size_t>(timing)];
}

void Histogram::observe(Duration duration) noexcept {
  const int64_t micros =
      std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
  const auto bound = std::find_if(kBounds.begin(), kBounds.end(), [micros](uint64_t bound) {
    return static_cast<uint64_t>(micros) <= bound;
  });
  ++buckets_[static_cast<size_t>(bound - kBounds.begin())];
  sum_micros_ += static_cast<uint64_t>(micros);
}

}  // namespace barid
