// The load generator, SMTP and HTTP: one thread, its own epoll loop, so that what is measured
// shares no code with what measures it. Layer: bench; blocking call.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "bench/endpoint.h"
#include "bench/histogram.h"
#include "bench/load_session.h"
#include "bench/message_factory.h"
#include "core/base/result.h"
#include "core/base/time.h"

namespace barid::bench {

struct SourceOptions {
  Endpoint target;
  uint32_t session_count = 50;
  uint64_t message_count = 0;         ///< 0: until `duration`
  uint64_t messages_per_session = 0;  ///< then QUIT and reconnect; 0: no limit
  SourceMode mode = SourceMode::kPipeline;
  SourceTls tls = SourceTls::kNone;
  bool tls_resume = true;  ///< sessions of earlier connections
  bool fall_back = false;  ///< to kSequential, if the target lacks what `mode` needs
  uint32_t depth = 4;      ///< messages in flight per session with kBdat
  uint32_t batch = 1;      ///< emails in a request with kHttp
  std::string api_key;     ///< with kHttp; empty = none
  MessageShape shape;
  bool with_size = false;  ///< SIZE= on MAIL
  double rate = 0;         ///< open loop: messages/s; 0: closed loop
  Duration duration{};     ///< no new message after it, warm-up included
  Duration warmup{};       ///< messages that end before it are not measured
  uint32_t retries_max = 0;
  Duration retry_delay = std::chrono::seconds(1);
  Duration reply_timeout = std::chrono::seconds(60);
  Duration stall_timeout = std::chrono::seconds(90);    ///< no message ended for so long: give up
  Duration connect_timeout = std::chrono::seconds(10);  ///< not one connection: give up
  std::string helo_name = "source.bench.example";
  std::string auth_plain;  ///< initial response of AUTH PLAIN, in base64; empty = no AUTH
  std::string ledger_path;
  bool ledger_sync = false;
  const std::atomic<bool>* stop = nullptr;  ///< set from elsewhere to end early; may be null
};

struct SourceReport {
  SourceCounts counts;
  Histogram latency;  ///< nanoseconds to the final 250 or 200
  bool fell_back = false;
  uint64_t begun = 0;  ///< messages taken from the supply
  double seconds = 0;  ///< measured window
  double messages_per_second = 0;
  double cpu_seconds = 0;    ///< of this thread, warm-up included
  MonoTime first_message{};  ///< when the sessions began to connect
  std::string stopped_by;    ///< empty: all done; else why it ended early
};

/// Runs to its end. Errors: unusable options, ledger, epoll; a refusing target is a report.
[[nodiscard]] Result<SourceReport> run_source(const SourceOptions& options);

}  // namespace barid::bench
