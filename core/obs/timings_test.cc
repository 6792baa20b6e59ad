// Goal: durations fall into the right bucket, and what is shown is a histogram as Prometheus reads
// it: cumulative, with sum and count, one head a name.
// Method: rows; the text itself.
#include "core/obs/timings.h"

#include <gtest/gtest.h>

#include "core/obs/exposition.h"

namespace barid {
namespace {

using namespace std::chrono_literals;

TEST(Timings, Buckets) {
  Histogram histogram;
  for (const Duration duration : {Duration(-5ms), Duration(0ms), Duration(50us), Duration(51us),
                                  Duration(20h), Duration(48h)}) {
    histogram.observe(duration);
  }
  EXPECT_EQ(histogram.bucket(0), 3u);
  EXPECT_EQ(histogram.bucket(1), 1u);
  EXPECT_EQ(histogram.bucket(Histogram::kBounds.size() - 1), 1u);
  EXPECT_EQ(histogram.bucket(Histogram::kBounds.size()), 1u);
}

TEST(Timings, AsPrometheusReadsThem) {
  std::array<Timings, 2> shards{};
  observe(shards[0], Timing::kDeliverySmtpBulk, 3ms);
  observe(shards[0], Timing::kDeliverySmtpBulk, 1500ms);
  observe(shards[1], Timing::kDeliveryLmtpTransactional, 1ms);
  std::string out;
  append_timings(out, shards);
  for (const std::string_view line :
       {"# TYPE barid_delivery_seconds histogram\n",
        "barid_delivery_seconds_bucket{transport=\"smtp\",stream=\"bulk\",shard=\"0\",le=\"0.002\"}"
        " 0\n",
        "barid_delivery_seconds_bucket{transport=\"smtp\",stream=\"bulk\",shard=\"0\",le=\"0.005\"}"
        " 1\n",
        "barid_delivery_seconds_bucket{transport=\"smtp\",stream=\"bulk\",shard=\"0\",le=\"+Inf\"} "
        "2\n",
        "barid_delivery_seconds_sum{transport=\"smtp\",stream=\"bulk\",shard=\"0\"} 1.503\n",
        "barid_delivery_seconds_count{transport=\"smtp\",stream=\"bulk\",shard=\"0\"} 2\n",
        "barid_delivery_seconds_count{transport=\"lmtp\",stream=\"transactional\",shard=\"1\"} 1\n",
        "barid_commit_seconds_count{shard=\"0\"} 0\n"}) {
    EXPECT_NE(out.find(line), std::string::npos) << line << out;
  }
  const std::string head = "# HELP barid_queue_age_seconds ";
  EXPECT_EQ(out.find(head), out.rfind(head));
}

}  // namespace
}  // namespace barid
