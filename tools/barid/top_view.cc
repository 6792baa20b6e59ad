#include "tools/barid/top_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <ctime>

#include "tools/barid/queue_client.h"

namespace barid::tools {
namespace {

namespace json = boost::json;

std::optional<json::object> parse_object(std::string_view text) {
  json::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.as_object());
}

uint64_t count_of(const json::object& object, const char* name) {
  const json::value* value = object.if_contains(name);
  const int64_t* number = value != nullptr ? value->if_int64() : nullptr;
  return number != nullptr && *number > 0 ? static_cast<uint64_t>(*number) : 0;
}

/// A second; nothing if it is not known: the first picture, or another process.
std::optional<double> rate(const TopPicture& picture, uint64_t before, uint64_t now) {
  if (picture.seconds <= 0 || picture.before.pid != picture.now.pid || now < before) return {};
  return static_cast<double>(now - before) / picture.seconds;
}

std::string rate_text(std::optional<double> rate) {
  return rate ? fmt::format("{:.{}f}", *rate, *rate < 100 ? 1 : 0) : "-";
}

std::string rate_json(std::optional<double> rate) {
  return rate ? fmt::format("{:.3f}", *rate) : "null";
}

std::string size_text(uint64_t bytes) {
  if (bytes < 10'000) return fmt::format("{}", bytes);
  if (bytes < 10'000'000) return fmt::format("{}K", bytes / 1024);
  return fmt::format("{}M", bytes >> 20);
}

/// Of a shard then, or an empty one: rates of a shard that was not there start at 0.
TopStatus::Shard shard_before(const TopPicture& picture, size_t index) {
  const auto& shards = picture.before.shards;
  return index < shards.size() ? shards[index] : TopStatus::Shard{};
}

/// Share of a processor.
std::optional<double> load(const TopPicture& picture, size_t index) {
  const auto used =
      rate(picture, shard_before(picture, index).cpu_micros, picture.now.shards[index].cpu_micros);
  if (!used) return {};
  return *used / 1e6;
}

std::string head_line(const TopPicture& picture) {
  const auto seconds = static_cast<std::time_t>(picture.unix_time);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  uint64_t sessions = 0;
  uint64_t deliveries = 0;
  for (const TopStatus::Shard& shard : picture.now.shards) {
    sessions += shard.sessions;
    deliveries += shard.deliveries;
  }
  return fmt::format("barid {:02}:{:02}:{:02}  pid {}  shards {}  sessions {}  deliveries {}{}",
                     parts.tm_hour, parts.tm_min, parts.tm_sec, picture.now.pid,
                     picture.now.shards.size(), sessions, deliveries,
                     picture.trouble.empty() ? "" : "  ** " + picture.trouble + " **");
}

std::string rates_line(const TopPicture& picture) {
  const TopStatus& now = picture.now;
  const TopStatus& before = picture.before;
  return fmt::format("accepted {}/s  delivered {}/s  deferred {}/s  bounced {}/s",
                     rate_text(rate(picture, before.accepted, now.accepted)),
                     rate_text(rate(picture, before.delivered, now.delivered)),
                     rate_text(rate(picture, before.deferred, now.deferred)),
                     rate_text(rate(picture, before.bounced, now.bounced)));
}

std::string queue_line(const TopPicture& picture) {
  if (!picture.counts) return "queue: being counted";
  const TopCounts& counts = *picture.counts;
  std::string line = fmt::format("queue: active {}  incoming {}  deferred {}  hold {}",
                                 counts.active, counts.incoming, counts.deferred, counts.hold);
  if (picture.counts_age >= 2) line += fmt::format("  ({:.0f} s ago)", picture.counts_age);
  return line;
}

std::string shard_line(const TopPicture& picture, size_t index) {
  const TopStatus::Shard& shard = picture.now.shards[index];
  const TopStatus::Shard before = shard_before(picture, index);
  const std::optional<double> busy = load(picture, index);
  return fmt::format(
      "{:>5} {:>5} {:>8} {:>10} {:>8} {:>10} {:>11} {:>8}", index,
      busy ? fmt::format("{:.0f}%", *busy * 100) : "-", shard.sessions, shard.deliveries,
      shard.active, rate_text(rate(picture, before.accepted, shard.accepted)),
      rate_text(rate(picture, before.delivered, shard.delivered)), size_text(shard.content_bytes));
}

/// At most `columns` characters of UTF-8.
void cut(std::string& line, size_t columns) {
  size_t characters = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(line[i]) & 0xC0) != 0x80;
    if (begins && characters++ == columns) {
      line.resize(i);
      return;
    }
  }
}

std::string without_feed(std::string line) {
  if (line.ends_with('\n')) line.pop_back();
  return line;
}

}  // namespace

std::optional<TopStatus> parse_top_status(std::string_view text) {
  const std::optional<json::object> object = parse_object(text);
  if (!object) return std::nullopt;
  const json::value* counters = object->if_contains("counters");
  const json::value* shards = object->if_contains("shards");
  if (counters == nullptr || !counters->is_object() || shards == nullptr || !shards->is_array()) {
    return std::nullopt;
  }
  const json::object& totals = counters->as_object();
  TopStatus status{.pid = count_of(*object, "pid"),
                   .accepted = count_of(totals, "messages_accepted_total"),
                   .delivered = count_of(totals, "recipients_delivered_total"),
                   .deferred = count_of(totals, "recipients_deferred_total"),
                   .bounced = count_of(totals, "recipients_bounced_total") +
                              count_of(totals, "recipients_expired_total"),
                   .shards = {}};
  for (const json::value& value : shards->as_array()) {
    if (!value.is_object()) return std::nullopt;
    const json::object& shard = value.as_object();
    status.shards.push_back({.sessions = count_of(shard, "sessions"),
                             .deliveries = count_of(shard, "deliveries"),
                             .active = count_of(shard, "active_messages"),
                             .content_bytes = count_of(shard, "content_memory_bytes"),
                             .cpu_micros = count_of(shard, "cpu_micros"),
                             .accepted = count_of(shard, "accepted"),
                             .delivered = count_of(shard, "delivered")});
  }
  return status;
}

std::optional<TopCounts> parse_top_counts(std::string_view line) {
  const std::optional<json::object> object = parse_object(line);
  if (!object) return std::nullopt;
  const json::value* complete = object->if_contains("complete");
  if (complete == nullptr || !complete->is_bool()) return std::nullopt;
  return TopCounts{.active = count_of(*object, "active"),
                   .incoming = count_of(*object, "incoming"),
                   .deferred = count_of(*object, "deferred"),
                   .hold = count_of(*object, "hold"),
                   .complete = complete->as_bool()};
}

std::vector<std::string> top_lines(const TopPicture& picture, size_t rows, size_t columns) {
  constexpr size_t kRowsForDestinations = 6;
  std::vector<std::string> lines = {head_line(picture), rates_line(picture), queue_line(picture),
                                    ""};
  lines.emplace_back("SHARD  LOAD SESSIONS DELIVERIES   ACTIVE ACCEPTED/S DELIVERED/S  CONTENT");
  const size_t shards_count = picture.now.shards.size();
  const size_t room =
      rows > lines.size() + kRowsForDestinations ? rows - lines.size() - kRowsForDestinations : 1;
  const size_t shown = shards_count <= room ? shards_count : room - 1;
  for (size_t i = 0; i < shown; ++i) lines.push_back(shard_line(picture, i));
  if (shown < shards_count) lines.push_back(fmt::format("  ... and {} more", shards_count - shown));
  lines.emplace_back();
  lines.push_back(without_feed(destination_head(columns)));
  for (const std::string& destination : picture.destinations) {
    if (lines.size() >= rows) break;
    lines.push_back(without_feed(destination_row(destination, columns)));
  }
  if (lines.size() > rows) lines.resize(rows);
  for (std::string& line : lines) cut(line, columns);
  return lines;
}

std::string top_json(const TopPicture& picture) {
  const TopStatus& now = picture.now;
  const TopStatus& before = picture.before;
  std::string out = fmt::format(
      "{{\"time\": {}, \"pid\": {}, \"accepted_per_second\": {}, \"delivered_per_second\": {}, "
      "\"deferred_per_second\": {}, \"bounced_per_second\": {}, \"queue\": ",
      picture.unix_time, now.pid, rate_json(rate(picture, before.accepted, now.accepted)),
      rate_json(rate(picture, before.delivered, now.delivered)),
      rate_json(rate(picture, before.deferred, now.deferred)),
      rate_json(rate(picture, before.bounced, now.bounced)));
  out += picture.counts
             ? fmt::format("{{\"active\": {}, \"incoming\": {}, \"deferred\": {}, \"hold\": {}}}",
                           picture.counts->active, picture.counts->incoming,
                           picture.counts->deferred, picture.counts->hold)
             : "null";
  out += ", \"shards\": [";
  for (size_t i = 0; i < now.shards.size(); ++i) {
    const TopStatus::Shard& shard = now.shards[i];
    const TopStatus::Shard earlier = shard_before(picture, i);
    out += fmt::format(
        "{}{{\"load\": {}, \"sessions\": {}, \"deliveries\": {}, \"active\": {}, "
        "\"accepted_per_second\": {}, \"delivered_per_second\": {}, \"content_bytes\": {}}}",
        i == 0 ? "" : ", ", rate_json(load(picture, i)), shard.sessions, shard.deliveries,
        shard.active, rate_json(rate(picture, earlier.accepted, shard.accepted)),
        rate_json(rate(picture, earlier.delivered, shard.delivered)), shard.content_bytes);
  }
  out += "], \"destinations\": [";
  for (size_t i = 0; i < picture.destinations.size(); ++i) {
    out += (i == 0 ? "" : ", ") + picture.destinations[i];
  }
  return out + "]}\n";
}

}  // namespace barid::tools
