// Queue listings: the JSON lines of `postqueue -j` and the text of `mailq`, and back from JSON,
// because the commands show what the server's admin API sends them as JSON lines.
// Source: Postfix's postqueue(1); RFC 8259 (JSON).
// Layer:  tools, pure but for the local time zone.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/mail/queue_entry.h"

namespace barid::tools {

/// Appends one object and a line feed. Postfix's fields come first, in its order; then next_attempt
/// (seconds, left out if not scheduled) and attempts. The null sender reads MAILER-DAEMON.
void write_json_line(std::string& out, const QueueEntry& entry);

/// Reads such an object; Postfix's own lines too. Unknown fields are ignored.
/// Errors: kMalformed with a text that names the field.
[[nodiscard]] Result<QueueEntry> parse_json_line(std::string_view line);

enum class ListZone : unsigned char { kLocal, kUtc };

/// Makes the text of `mailq` from entries as they come, in the format for long queue ids.
class MailqText {
 public:
  explicit MailqText(ListZone zone = ListZone::kLocal) : zone_(zone) {}

  /// Appends what is shown for `entry`, before the first one the head.
  void add(std::string& out, const QueueEntry& entry);
  /// Appends the totals, or that the queue is empty.
  void finish(std::string& out) const;

  [[nodiscard]] uint64_t message_count() const noexcept { return message_count_; }

 private:
  ListZone zone_;
  uint64_t message_count_ = 0;
  uint64_t total_bytes_ = 0;
};

}  // namespace barid::tools
