// Property: whatever peers send, an event is one line: bounded, printable, valid UTF-8, and in the
// JSON shape one balanced object.
#include <algorithm>

#include "core/obs/log_format.h"
#include "core/text/utf8.h"

namespace {

using namespace barid;

void check_line(std::string_view line, LogStyle style) {
  BARID_ASSERT(!line.empty() && line.back() == '\n');
  line.remove_suffix(1);
  BARID_ASSERT(text::is_valid_utf8(line));
  BARID_ASSERT(std::none_of(line.begin(), line.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  }));
  if (style == LogStyle::kPostfix) return;
  bool in_string = false;
  int depth = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    if (in_string && line[i] == '\\') {
      ++i;
    } else if (line[i] == '"') {
      in_string = !in_string;
    } else if (!in_string && (line[i] == '{' || line[i] == '}')) {
      depth += line[i] == '{' ? 1 : -1;
      BARID_ASSERT(depth > 0 || i + 1 == line.size());
    }
  }
  BARID_ASSERT(!in_string && depth == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::array<std::string_view, 8> field;
  for (std::string_view& f : field) {
    const size_t end = std::min(bytes.find('|'), bytes.size());
    f = bytes.substr(0, end);
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  const QueueId id{.micros = 1 + size, .partition = 1};
  const LogClient client{.name = field[0], .address = field[1]};
  static thread_local char out[kLogLineBytesMax];
  for (const LogStyle style : {LogStyle::kPostfix, LogStyle::kJson}) {
    LogFormatter formatter({.style = style, .zone = LogZone::kUtc});
    const auto run = [&](const auto& event) {
      const size_t length = formatter.write(
          out, wall_from_micros(static_cast<int64_t>(size) * 1'000'003), {.pid = 1}, event);
      check_line({out, length}, style);
    };
    run(SmtpdVerdict{.queue_id = {},
                     .verb = field[2],
                     .stage = field[3],
                     .client = client,
                     .reply = field[4],
                     .sender = field[5],
                     .recipient = field[6],
                     .helo = field[7]});
    run(SmtpdPipelining{.after = field[2], .client = client, .data = field[3]});
    run(CleanupMessageId{.queue_id = id, .message_id = field[0]});
    run(DeliveryDone{.queue_id = id,
                     .recipient = field[0],
                     .original = field[1],
                     .relay = field[2],
                     .delays = {.in_queue = std::chrono::microseconds(size * 7919)},
                     .dsn = {},
                     .text = field[3]});
    run(LogNote{.severity = LogSeverity::kWarning, .text = field[0]});
  }
  return 0;
}
