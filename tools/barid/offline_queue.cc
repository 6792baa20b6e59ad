#include "tools/barid/offline_queue.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <vector>

#include "shard/queue/message_filter.h"
#include "shard/queue/message_scan.h"
#include "shard/queue/queue_directory.h"
#include "shard/queue/rocks_store.h"
#include "tools/barid/admin_queue_text.h"
#include "tools/barid/queue_list.h"

namespace barid::tools {
namespace {

using Stores = std::vector<std::unique_ptr<queue::RocksStore>>;

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
                   const queue::MessageFilter& filter, LineSink& lines) {
  const auto now =
      std::chrono::time_point_cast<WallTime::duration>(std::chrono::system_clock::now());
  queue::ScanRange range{.family = family};
  for (bool done = false; !done && lines.wants_more();) {
    BARID_TRY(const queue::ScanBatch batch, queue::scan_messages(store, range, filter, now));
    for (const std::unique_ptr<queue::Message>& message : batch.messages) {
      if (message->hold != held) continue;
      put_line(entry_of(*message, /*in_memory=*/false), lines);
    }
    range.from = batch.next;
    done = batch.done;
  }
  return {};
}

}  // namespace

Result<ControlAnswer> list_queue(const std::string& queue_directory, std::string_view name,
                                 const QueryWords& words, LineSink* lines) {
  Result<ControlAnswer> answer =
      ask_server(queue_directory, "GET", "/admin/v1/queue" + query_text(words), lines);
  if (answer.ok() || answer.error().code != Code::kUnavailable) return answer;
  queue::MessageFilter filter;
  for (const auto& [word, value] : words) {
    if (!filter.add(word, value).empty()) return answer;  // a server would have said why
  }
  const Stores stores = open_stores(queue_directory);
  if (stores.empty()) return answer;
  fmt::print(stderr, "{}: warning: Mail system is down -- accessing queue directly\n", name);
  for (const bool held : {false, true}) {
    for (const std::unique_ptr<queue::RocksStore>& store : stores) {
      for (const queue::Family family : {queue::Family::kFresh, queue::Family::kQueued}) {
        const Status status = list_family(*store, family, held, filter, *lines);
        if (!status.ok()) return status.error();
      }
    }
  }
  return ControlAnswer{.status = 200, .body = {}};
}

}  // namespace barid::tools
