// Turns a log event into one line of bytes, in Postfix's shape or as JSON.
//   Jan  2 15:04:05 mail postfix/smtpd[12]: connect from mx.example[192.0.2.1]
//   {"time":"2026-01-02T14:04:05.000123Z","host":"mail","syslog_name":"postfix","program":"smtpd",
//    "pid":12,"level":"info","event":"smtpd_connect","client_name":"mx.example",…}
// Source: RFC 3164 4.1.2 (time stamp of the Postfix shape), RFC 3339 (of JSON), RFC 8259.
// Layer:  core/obs. One formatter per shard; no allocation after construction, no I/O besides the
//         time zone's own file on first use.
#pragma once

#include <string>

#include "core/base/time.h"
#include "core/obs/log_event.h"
#include "core/obs/log_line.h"

namespace barid {

enum class LogStyle : uint8_t { kPostfix, kJson };
enum class LogZone : uint8_t { kLocal, kUtc };

struct LogFormat {
  LogStyle style = LogStyle::kPostfix;
  LogZone zone = LogZone::kLocal;  ///< of the Postfix shape; JSON is always UTC
  std::string host_name = "localhost";
  std::string syslog_name = "postfix";
  uint32_t process_id = 0;     ///< stands where an event has no pid of its own
  int delay_decimals_max = 2;  ///< delay_logging_resolution_limit, 0..6
};

class LogFormatter {
 public:
  explicit LogFormatter(LogFormat format);

  /// Writes the line, line feed included, to `out`, which must hold kLogLineBytesMax bytes.
  /// Returns its length.
  template <typename Event>
  size_t write(char* out, WallTime now, const LogOrigin& origin, const Event& event) noexcept;

  [[nodiscard]] const LogFormat& format() const noexcept { return format_; }

 private:
  struct Tag;

  void refresh_prefix(WallTime now) noexcept;
  void put_postfix_head(PostfixLine& line, WallTime now, const Tag& tag) noexcept;
  void put_json_head(JsonLine& line, WallTime now, const Tag& tag, std::string_view event) noexcept;

  static constexpr size_t kPrefixBytesMax = 320;

  LogFormat format_;
  int64_t prefix_second_ = INT64_MIN;
  size_t prefix_bytes_ = 0;
  char prefix_[kPrefixBytesMax];
};

}  // namespace barid
