// What `barid trace` says about one recipient of a message: where it is, why it waits, and which
// rule or limit holds it. Facts are the JSON objects of the admin API.
// Layer: tools, pure but for the local time zone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace barid::tools {

struct TraceRecipient {
  std::string address;
  std::string state;  ///< pending, delivered, failed, settled
  std::string reason, dsn, remote_mta;
};

struct TraceMessage {
  std::string id, queue, sender, stream, tenant, pool, email_id;
  int64_t arrival = 0, size = 0, attempts = 0;
  int64_t next_attempt = 0;  ///< 0: not scheduled
  bool forced_expire = false;
  std::vector<TraceRecipient> recipients;
};

/// Where mail for an address goes, and each limit there with the rule that gave it.
struct TraceRoute {
  struct Setting {
    std::string value, from;
  };
  std::string transport, next_hop, site, pool;
  std::map<std::string, Setting, std::less<>> settings;
};

struct TraceDestination {
  std::string transport, next_hop, site, reason;
  uint64_t waiting = 0, in_use = 0, window = 0;
  int64_t dead_until = 0;  ///< 0: alive
};

struct TraceSuspension {
  std::string name, kind, value, reason;
  int64_t until = 0;  ///< 0: until it is resumed
};

/// Nothing: the text is no such object.
[[nodiscard]] std::optional<TraceMessage> parse_trace_message(std::string_view json);
[[nodiscard]] std::optional<TraceRoute> parse_trace_route(std::string_view json);
[[nodiscard]] std::optional<TraceDestination> parse_trace_destination(std::string_view json);
[[nodiscard]] std::optional<TraceSuspension> parse_trace_suspension(std::string_view json);

/// What the server knows at this moment. Pointers may be null: not known.
struct TraceState {
  const TraceRoute* route = nullptr;
  const TraceDestination* destination = nullptr;  ///< of the route
  const std::vector<TraceSuspension>* suspensions = nullptr;
  int64_t now = 0;
};

struct TraceVerdict {
  std::string where;    ///< one or two words
  std::string why;      ///< empty: it does not wait
  std::string held_by;  ///< the rule, limit or order; empty: none
  std::string remedy;   ///< the command that ends the wait; empty: none does, or none is needed
  int64_t until = 0;    ///< 0: nobody knows
};
[[nodiscard]] TraceVerdict judge_recipient(const TraceMessage& message,
                                           const TraceRecipient& recipient,
                                           const TraceState& state);
/// What would keep a new message to `address` back; nothing said: nothing.
[[nodiscard]] TraceVerdict judge_address(std::string_view address, const TraceState& state);

/// "2026-11-25 17:00:00", local.
[[nodiscard]] std::string trace_time(int64_t unix_seconds);
/// "3h 5m", "12s".
[[nodiscard]] std::string trace_span(int64_t seconds);

/// Whether a line of the log is about this queue id, in either log format.
[[nodiscard]] bool is_log_of_id(std::string_view line, std::string_view id) noexcept;
/// Whether it is about mail from or to this address.
[[nodiscard]] bool is_log_of_address(std::string_view line, std::string_view address) noexcept;

}  // namespace barid::tools
