// What the queue commands share: which server to ask, how actions are asked for and their progress
// shown.
// Layer: tools. Blocks.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace barid::tools {

/// Name and value pairs of a query, in order.
using QueryWords = std::vector<std::pair<std::string, std::string>>;
/// "?a=b&c=d", percent-encoded (RFC 3986 2.1); empty for none.
[[nodiscard]] std::string query_text(const QueryWords& words);

/// The queue directory of the configuration in `directory` (empty = the usual one). Returns 0, or
/// 78 after saying on standard error what is wrong.
[[nodiscard]] int find_queue_directory(const std::string& directory, std::string_view name,
                                       std::string* queue_directory);

/// How an action ended.
struct ActionResult {
  int exit_status = 0;  ///< not 0: the rest is what was done up to then
  std::string result;   ///< ok, cancelled, unavailable, timeout, failed
  uint64_t examined = 0;
  uint64_t matched = 0;
  uint64_t released = 0;
  uint64_t busy = 0;
  std::vector<std::string> unknown;  ///< ids that are in no queue
  std::vector<std::string> changed;  ///< of those that were named
};

/// Asks the server for `action`, shows progress on a terminal, and says on standard error what went
/// wrong. An interrupt ends it: what was counted is done, the rest is untouched.
[[nodiscard]] ActionResult run_queue_action(const std::string& queue_directory,
                                            std::string_view name, std::string_view action,
                                            const QueryWords& words);

/// `message` of an error answer of the server, or the whole body.
[[nodiscard]] std::string error_message(std::string_view body);

/// A line of an answer as it is in an action's stream: false if it is none.
[[nodiscard]] bool parse_action_line(std::string_view line, ActionResult* result);

/// The head of a table of destinations. On a terminal of so many `columns` names are shorter and a
/// dead site shows only until when; 0: there is no terminal.
[[nodiscard]] std::string destination_head(size_t columns = 0);
/// A destination's JSON object as a line under that head; empty if it is none.
[[nodiscard]] std::string destination_row(std::string_view line, size_t columns = 0);

/// A suspension's JSON object as a line; empty if it is none.
[[nodiscard]] std::string suspension_row(std::string_view line);

}  // namespace barid::tools
