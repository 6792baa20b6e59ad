// Side-by-side comparison: the same workloads, in turns, against several mail servers and against
// no server at all ("direct"), with everything a fair table needs measured around each run.
// Layer: bench.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/histogram.h"
#include "bench/peer.h"
#include "bench/smtp_source.h"
#include "core/base/time.h"

namespace barid::bench {

inline constexpr const char* kDirect = "direct";

struct Workload {
  enum class Kind : uint8_t {
    kAccept,  ///< the relay is on hold: durable acceptance alone
    kRelay,   ///< end to end: until the sink has everything
    kIdle,    ///< memory at rest and per idle session
  };
  std::string key;
  std::string title;
  Kind kind = Kind::kAccept;
  SourceMode mode = SourceMode::kPipeline;
  uint32_t destination_count = 1;
};
/// All that compare knows, in the order of reports.
[[nodiscard]] const std::vector<Workload>& workload_catalogue();
[[nodiscard]] std::optional<Workload> find_workload(const std::string& key);

struct CompareOptions {
  std::string directory;  ///< on the disk to be measured; run directories go below it
  uint32_t round_count = 3;
  uint32_t session_count = 50;
  SizeMix size;
  Duration duration = std::chrono::seconds(3);  ///< of the load; a relay then drains
  uint64_t message_count = 0;                   ///< instead of `duration`
  Duration drain_timeout = std::chrono::seconds(60);
  bool keep_directories = false;
  const std::atomic<bool>* stop = nullptr;  ///< set from elsewhere to end early; may be null
};

/// One run. Figures are over its whole length, unless named otherwise.
struct RunResult {
  std::string problem;  ///< empty: the run is valid
  std::string remark;   ///< what a reader should know of a valid run
  uint64_t messages = 0;
  double seconds = 0;
  double messages_per_second = 0;
  Histogram latency;            ///< time to 250, ns
  double cpu_seconds = 0;       ///< the server's, all processes
  double load_cpu_seconds = 0;  ///< source's and sink's
  double other_cpu_share = 0;   ///< of the machine, used by others during the run: disturbance
  uint64_t memory_idle = 0;     ///< bytes, before the load
  uint64_t memory_peak = 0;
  double session_bytes = 0;  ///< kIdle only
  uint64_t bytes_accepted = 0;
  std::optional<double> written_ratio;         ///< by the server's processes, per byte accepted
  std::optional<double> device_written_ratio;  ///< by everybody, journal included
  uint64_t undelivered = 0;
  uint64_t duplicates = 0;
  uint64_t corrupt = 0;
  uint64_t refused = 0;  ///< messages that got 4xx, 5xx or a broken connection
};

/// A run during which others used more of the machine than this is not to be trusted.
inline constexpr double kDisturbedShare = 0.15;

struct PeerNotes {
  std::string name;
  std::string title;
  std::string tuning;
};
struct SkippedPeer {
  std::string name;
  std::string reason;
};

struct Comparison {
  CompareOptions options;
  std::vector<Workload> workloads;
  std::vector<PeerNotes> peers;  ///< "direct" first when it takes part
  std::vector<SkippedPeer> skipped;
  std::vector<std::pair<std::string, std::string>> machine;  ///< what, value
  /// Runs by workload key and peer name, one per round.
  std::map<std::string, std::map<std::string, std::vector<RunResult>>> runs;
  double seconds = 0;

  [[nodiscard]] const std::vector<RunResult>* find(const std::string& workload,
                                                   const std::string& peer) const;
};

/// Called before each run with what is about to happen.
using Progress = std::function<void(const std::string&)>;

/// Runs every workload against every peer, peers in turn within each round. Results of runs that
/// failed carry their problem; the comparison goes on.
void run_comparison(Comparison& comparison, std::vector<std::unique_ptr<Peer>>& peers,
                    bool with_direct, const Progress& progress);

/// Kernel, processors, memory, file system of `directory`, date.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> describe_machine(
    const std::string& directory);

}  // namespace barid::bench
