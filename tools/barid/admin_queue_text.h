// What the queue part of the admin API reads and says, as pure functions: queries into requests,
// messages, progress and destinations into JSON lines, totals into Postfix's words.
// Source: Postfix's postqueue(1), postsuper(1).
// Layer: tools, pure.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "core/mail/queue_entry.h"
#include "http/message.h"
#include "shard/schedule/queue_operation.h"
#include "shard/schedule/views.h"

namespace barid::tools {

[[nodiscard]] std::string not_an_id(std::string_view text);
[[nodiscard]] http::ApiError missing_message(std::string_view id, const Error& error);

[[nodiscard]] QueueEntry entry_of(const queue::Message& message, bool in_memory);
/// One object and a line feed: the listing's fields, then everything else that is stored.
[[nodiscard]] std::string message_json(const queue::Message& message, const QueueEntry& entry);

/// Fills ids, filter and dry_run. Empty, or one sentence that says what would be right.
[[nodiscard]] std::string read_action_query(const http::Target& target,
                                            schedule::OperationRequest* request);
/// Of all shards: finished when all are, with the first code that is not kOk.
[[nodiscard]] schedule::OperationProgress sum(
    const std::vector<schedule::OperationProgress>& shards);
[[nodiscard]] std::string progress_json(const schedule::OperationProgress& progress);
[[nodiscard]] std::string result_json(const schedule::OperationRequest& request,
                                      const schedule::OperationProgress& progress);
/// "Deleted: 2 messages", as postsuper ends; none if nothing was done.
[[nodiscard]] std::vector<std::string> summary_lines(schedule::QueueAction action,
                                                     const schedule::OperationProgress& progress);

/// The destinations of all shards together, those with most waiting first.
[[nodiscard]] std::vector<schedule::DestinationView> merge_views(
    const std::vector<std::vector<schedule::DestinationView>>& shards);
[[nodiscard]] std::string view_json(const schedule::DestinationView& view);
/// False if it is no number.
[[nodiscard]] bool read_limit(std::string_view text, uint64_t* limit);
/// `limit=N`, all that a query for destinations may say. Empty, or one sentence.
[[nodiscard]] std::string read_limit_query(const http::Target& target, uint64_t* limit);

/// Messages by QueueName.
using StateCounts = std::array<uint64_t, 5>;
[[nodiscard]] std::string counts_json(const StateCounts& counts, bool complete);

}  // namespace barid::tools
