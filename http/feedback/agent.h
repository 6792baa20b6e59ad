// Where mail to return paths and to fbl_address ends: bounces and complaints about what the API
// sent become email.bounced and email.complained, with the recipient's state, before the report
// itself leaves the queue. Other mail to these addresses is taken and let go.
// Layer: http. Shard-owned.
#pragma once

#include <string>
#include <vector>

#include "core/mail/bounce_class.h"
#include "http/feedback/report.h"
#include "http/submit/email_api.h"
#include "shard/schedule/dispatcher.h"

namespace barid::http {

/// What the agent asks of its shard.
class FeedbackHost {
 public:
  virtual ~FeedbackHost() = default;
  virtual rt::Task<Result<ContentRef>> content_of(queue::Message& message) = 0;
  /// Makes the changes on the shard that has the order's partition. kOk: they are on disk.
  virtual rt::Task<Code> carry_out(FateRecorder::Order& order) = 0;
};

/// A recipient of ours that a report is about.
struct ReportedFact {
  uint16_t partition = 0;  ///< of its email
  std::string tenant;
  std::string address;
  QueueId queue_id;
  uint32_t index = 0;
  DsnCode status;
  std::string diagnostic;
};

class FeedbackAgent final : public schedule::Agent {
 public:
  static constexpr size_t kReportBytesMax = 1u << 20;  // what is read of a report

  struct Env {
    rt::Reactor& reactor;
    rt::Offload& offload;
    FateRecorder& fates;
    schedule::QueueManager& queue;
    const StoreDirectory& stores;
    FeedbackHost& host;
  };
  explicit FeedbackAgent(const Env& env) : env_(env) {}

  /// Return paths whose VERP addresses are ours.
  void set_return_paths(std::vector<std::string> addresses) {
    return_paths_ = std::move(addresses);
  }
  rt::Task<void> deliver(schedule::Lease& lease) override;

 private:
  rt::Task<Outcome> take(schedule::Job* job);
  [[nodiscard]] FateRecorder::Order order_for(const ReportedFact& fact, const Report& report) const;
  void settle(const ReportedFact& fact, const Report& report);

  Env env_;
  std::vector<std::string> return_paths_;
};

}  // namespace barid::http
