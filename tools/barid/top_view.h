// What `barid top` shows: the server's answers read, rates from two of them, and the picture as
// lines of a terminal or as JSON.
// Layer: tools, pure but for the local time zone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace barid::tools {

/// What `/admin/v1/status` says, as far as it is shown.
struct TopStatus {
  struct Shard {
    uint64_t sessions = 0;
    uint64_t deliveries = 0;
    uint64_t active = 0;
    uint64_t content_bytes = 0;
    uint64_t cpu_micros = 0;
    uint64_t accepted = 0;
    uint64_t delivered = 0;
  };
  uint64_t pid = 0;
  uint64_t accepted = 0;  ///< messages, all others recipients
  uint64_t delivered = 0;
  uint64_t deferred = 0;
  uint64_t bounced = 0;
  std::vector<Shard> shards;
};
[[nodiscard]] std::optional<TopStatus> parse_top_status(std::string_view text);

/// What `/admin/v1/queue_counts` says in one line.
struct TopCounts {
  uint64_t active = 0;
  uint64_t incoming = 0;
  uint64_t deferred = 0;
  uint64_t hold = 0;
  bool complete = false;
};
[[nodiscard]] std::optional<TopCounts> parse_top_counts(std::string_view line);

struct TopPicture {
  TopStatus now;
  TopStatus before;                       ///< `seconds` earlier; another pid: no rates
  double seconds = 0;                     ///< 0 = no rates yet
  std::optional<TopCounts> counts;        ///< none yet
  double counts_age = 0;                  ///< seconds
  std::vector<std::string> destinations;  ///< JSON objects, busiest first
  uint64_t unix_time = 0;
  std::string trouble;  ///< why the rest is old; empty = it is not
};

/// Lines without line feeds, none longer than `columns` characters, at most `rows`.
[[nodiscard]] std::vector<std::string> top_lines(const TopPicture& picture, size_t rows,
                                                 size_t columns);
/// One object and a line feed; rates that are not known are null.
[[nodiscard]] std::string top_json(const TopPicture& picture);

}  // namespace barid::tools
