#include "tools/barid/offline_queue.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "core/text/json.h"
#include "shard/queue/message_filter.h"
#include "shard/queue/message_scan.h"
#include "shard/queue/partition.h"
#include "shard/queue/queue_directory.h"
#include "shard/queue/rocks_store.h"
#include "tools/barid/admin_queue_text.h"
#include "tools/barid/maildrop.h"
#include "tools/barid/progress.h"
#include "tools/barid/queue_list.h"

namespace barid::tools {
namespace {

using Stores = std::vector<std::unique_ptr<queue::RocksStore>>;

constexpr std::string_view kProgressHead = "{\"examined\": ";

std::string progress_line(uint64_t examined) {
  return fmt::format("{}{}}}", kProgressHead, examined);
}

/// Takes the lines that tell how far a listing is, and shows that.
class ListProgress final : public LineSink {
 public:
  explicit ListProgress(LineSink& lines)
      : lines_(lines), shares_terminal_(isatty(STDOUT_FILENO) != 0) {}
  void on_line(std::string_view line) override {
    if (line.starts_with(kProgressHead)) {
      const std::string_view count = line.substr(kProgressHead.size());
      progress_.show(
          fmt::format("{} examined, {} listed", count.substr(0, count.find('}')), listed_));
      return;
    }
    ++listed_;
    if (shares_terminal_) progress_.clear();
    lines_.on_line(line);
  }
  [[nodiscard]] bool wants_more() const override { return lines_.wants_more(); }
  [[nodiscard]] bool has_terminal() const noexcept { return progress_.has_terminal(); }

 private:
  LineSink& lines_;
  Progress progress_;
  const bool shares_terminal_;
  uint64_t listed_ = 0;
};

/// Empty: the queue cannot be read, or a server has it after all.
Stores open_stores(const std::string& queue_directory) {
  Stores stores;
  queue::QueueDirectory directory;
  if (queue::QueueDirectory::holder(queue_directory) != 0) return stores;
  if (!directory.look(queue_directory).empty()) return stores;
  for (const uint16_t number : directory.partitions()) {
    queue::OpenFailure failure;
    auto store = queue::open_rocks_store(
        {.directory = directory.partition_path(number), .read_only = true}, &failure);
    if (!store) return {};
    stores.push_back(std::move(store));
  }
  return stores;
}

void put_line(const QueueEntry& entry, LineSink& lines) {
  std::string line;
  write_json_line(line, entry);
  line.pop_back();  // its LF
  lines.on_line(line);
}

/// `held`: only what is on hold, or only the rest.
Status list_family(const queue::Store& store, queue::Family family, bool held,
                   const queue::MessageFilter& filter, uint64_t* examined, LineSink& lines) {
  const auto now =
      std::chrono::time_point_cast<WallTime::duration>(std::chrono::system_clock::now());
  queue::ScanRange range{.family = family};
  for (bool done = false; !done && lines.wants_more();) {
    BARID_TRY(const queue::ScanBatch batch, queue::scan_messages(store, range, filter, now));
    for (const std::unique_ptr<queue::Message>& message : batch.messages) {
      if (message->hold != held) continue;
      put_line(entry_of(*message, /*in_memory=*/false), lines);
    }
    *examined += batch.examined;
    lines.on_line(progress_line(*examined));
    range.from = batch.next;
    done = batch.done;
  }
  return {};
}

Result<std::string> find_message(const Stores& stores, QueueId id, MessagePart part) {
  for (const std::unique_ptr<queue::RocksStore>& store : stores) {
    for (const queue::Family family : {queue::Family::kFresh, queue::Family::kQueued}) {
      const queue::ScanRange range{
          .family = family, .from = id, .end = {.micros = id.micros + 1}, .examined_max = 1};
      BARID_TRY(const queue::ScanBatch batch, queue::scan_messages(*store, range, {}, WallTime{}));
      if (batch.messages.empty() || batch.messages.front()->id != id) continue;
      const queue::Message& message = *batch.messages.front();
      if (part == MessagePart::kEnvelope) {
        return message_json(message, entry_of(message, /*in_memory=*/false));
      }
      return queue::Partition::load_content(*store, id, message.size);
    }
  }
  return Error{.code = Code::kNotFound};
}

QueueEntry waiting_entry(const queue::Message& message) {
  QueueEntry entry = entry_of(message, /*in_memory=*/false);
  entry.queue = QueueName::kMaildrop;
  entry.next_attempt = {};  // when a server comes
  return entry;
}

/// What waits for a server to take it in, as far as the user may see that.
void list_waiting(const std::string& queue_directory, const queue::MessageFilter& filter,
                  LineSink& lines) {
  const auto now =
      std::chrono::time_point_cast<WallTime::duration>(std::chrono::system_clock::now());
  for (const QueueId id : list_maildrop(queue_directory)) {
    const std::optional<WaitingMail> mail = load_maildrop(queue_directory, id);
    if (!mail || !filter.matches(*mail->message, QueueName::kMaildrop, now)) continue;
    put_line(waiting_entry(*mail->message), lines);
  }
}

ControlAnswer refusal(long status, std::string_view text) {
  std::string body = "{\"message\":";
  text::append_json_string(body, text);
  body += '}';
  return {.status = status, .body = std::move(body)};
}

}  // namespace

Result<ControlAnswer> list_queue(const std::string& queue_directory, std::string_view name,
                                 const QueryWords& words, LineSink* lines) {
  ListProgress shown(*lines);
  queue::MessageFilter filter;
  const bool is_good = std::all_of(words.begin(), words.end(), [&filter](const auto& word) {
    return filter.add(word.first, word.second).empty();  // a server says what is wrong
  });
  if (is_good) list_waiting(queue_directory, filter, shown);
  QueryWords asked = words;
  if (shown.has_terminal()) asked.emplace_back("progress", "true");
  Result<ControlAnswer> answer =
      ask_server(queue_directory, "GET", "/admin/v1/queue" + query_text(asked), &shown);
  if (!is_good || answer.ok() || answer.error().code != Code::kUnavailable) return answer;
  const Stores stores = open_stores(queue_directory);
  if (stores.empty()) return answer;
  fmt::print(stderr, "{}: warning: Mail system is down -- accessing queue directly\n", name);
  uint64_t examined = 0;
  for (const bool held : {false, true}) {
    for (const std::unique_ptr<queue::RocksStore>& store : stores) {
      for (const queue::Family family : {queue::Family::kFresh, queue::Family::kQueued}) {
        const Status status = list_family(*store, family, held, filter, &examined, shown);
        if (!status.ok()) return status.error();
      }
    }
  }
  return ControlAnswer{.status = 200, .body = {}};
}

Result<ControlAnswer> read_message(const std::string& queue_directory, std::string_view name,
                                   std::string_view id, MessagePart part) {
  const std::optional<QueueId> parsed = QueueId::parse(id);
  if (parsed && parsed->partition == kMaildropPartition) {
    std::optional<WaitingMail> mail = load_maildrop(queue_directory, *parsed);
    if (!mail) return refusal(404, missing_message(id, {.code = Code::kNotFound}).message);
    return ControlAnswer{.status = 200,
                         .body = part == MessagePart::kContent
                                     ? std::move(mail->content)
                                     : message_json(*mail->message, waiting_entry(*mail->message))};
  }
  const std::string path = "/admin/v1/queue/" + query_text({{"", std::string(id)}}).substr(2);
  Result<ControlAnswer> answer =
      ask_server(queue_directory, "GET", path + (part == MessagePart::kContent ? "/content" : ""));
  if (answer.ok() || answer.error().code != Code::kUnavailable) return answer;
  if (!parsed) return refusal(400, not_an_id(id));
  const Stores stores = open_stores(queue_directory);
  if (stores.empty()) return answer;
  if (part == MessagePart::kEnvelope) {
    fmt::print(stderr, "{}: warning: Mail system is down -- accessing queue directly\n", name);
  }
  Result<std::string> found = find_message(stores, *parsed, part);
  if (found.ok()) return ControlAnswer{.status = 200, .body = *std::move(found)};
  const http::ApiError error = missing_message(id, found.error());
  return refusal(error.status, error.message);
}

}  // namespace barid::tools
