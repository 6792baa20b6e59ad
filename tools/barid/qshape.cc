#include "tools/barid/qshape.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text/ascii.h"
#include "core/text/json.h"
#include "http/message.h"

namespace barid::tools {
namespace {

constexpr std::string_view kTotal = "TOTAL";
constexpr size_t kNameColumnsMin = 18;
constexpr size_t kFigureColumnsMin = 3;

/// What a row is named after: the domain in lower case, the whole address if it has none; without
/// doubled, leading and trailing dots.
std::string row_name(std::string_view address) {
  if (address.empty()) return "MAILER-DAEMON";
  const size_t at = address.rfind('@');
  if (at != std::string_view::npos) address.remove_prefix(at + 1);
  std::string name;
  for (size_t i = 0; i < address.size(); ++i) {
    name += text::to_lower(address[i]);
    if (address[i] == '.' && i + 1 < address.size() && address[i + 1] == '.') ++i;
  }
  if (name.size() > 1 && name.front() == '.') name.erase(0, 1);
  if (name.size() > 1 && name.back() == '.') name.pop_back();
  return name;
}

/// ".b.c" of "a.b.c" or ".a.b.c"; empty if what is left would be a top-level domain.
std::string parent_of(std::string_view name) {
  if (name.starts_with('.')) name.remove_prefix(1);
  const size_t dot = name.find('.');
  if (dot == std::string_view::npos || dot == 0) return {};
  const std::string_view rest = name.substr(dot);
  return rest.find('.', 1) == std::string_view::npos ? std::string() : std::string(rest);
}

}  // namespace

uint32_t QueueShape::bucket_of(std::chrono::seconds age) const noexcept {
  const int64_t tick = int64_t{60} * options_.tick_minutes;
  const int64_t ticks = std::max<int64_t>(age.count(), 0) / tick;
  if (ticks < 1) return 1;
  if (options_.linear) {
    return static_cast<uint32_t>(std::min<int64_t>(ticks + 1, options_.buckets));
  }
  uint32_t bucket = 2;
  for (int64_t edge = 2; ticks >= edge && bucket < options_.buckets; edge *= 2) ++bucket;
  return std::min(bucket, options_.buckets);
}

QueueShape::Row& QueueShape::count(const std::string& name, uint32_t bucket) {
  Row& row = rows_[name];
  if (row.counts.empty()) row.counts.resize(options_.buckets + 1);
  ++row.counts[0];
  ++row.counts[bucket];
  return row;
}

/// A row that is new counts as a child of its parent.
void QueueShape::count_address(std::string_view address, uint32_t bucket) {
  count(std::string(kTotal), bucket);
  std::string name = row_name(address);
  bool is_new = count(name, bucket).counts[0] == 1;
  if (!options_.parents) return;
  for (name = parent_of(name); !name.empty(); name = parent_of(name)) {
    Row& row = count(name, bucket);
    if (is_new) ++row.children;
    is_new = row.counts[0] == 1;
  }
}

void QueueShape::add(const QueueEntry& entry, WallTime now) {
  const auto age = std::chrono::floor<std::chrono::seconds>(now - entry.arrival_time);
  const uint32_t bucket = bucket_of(age);
  if (options_.senders) {
    count_address(entry.sender, bucket);
    return;
  }
  for (const QueueEntry::Recipient& recipient : entry.recipients) {
    count_address(recipient.address, bucket);
  }
}

std::vector<std::string> QueueShape::heads() const {
  std::vector<std::string> heads{"T"};
  uint64_t minutes = 0;
  for (uint32_t bucket = 1; bucket < options_.buckets; ++bucket) {
    minutes += minutes > 0 && !options_.linear ? minutes : options_.tick_minutes;
    heads.push_back(std::to_string(minutes));
  }
  heads.push_back(std::to_string(minutes) + '+');
  return heads;
}

void QueueShape::append_name(std::string& out, std::string_view name, size_t columns) const {
  if (name.size() <= columns) {
    out.append(columns - name.size(), ' ');
    out += name;
    return;
  }
  const std::string_view mark = name.starts_with('.') ? ".+" : "+";
  out += mark;
  out += name.substr(name.size() - (columns - mark.size()));
}

std::vector<std::pair<std::string_view, const QueueShape::Row*>> QueueShape::ordered_rows() const {
  std::vector<std::pair<std::string_view, const Row*>> order;
  for (const auto& [name, row] : rows_) {
    const bool parent = name.starts_with('.');
    if (!parent || row.children >= options_.subdomains_min) order.emplace_back(name, &row);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    const uint64_t a_total = a.second->counts[0];
    const uint64_t b_total = b.second->counts[0];
    if (a_total != b_total) return a_total > b_total;
    return a.first.size() < b.first.size();
  });
  if (order.size() > options_.rows_max) order.resize(options_.rows_max);
  return order;
}

std::string QueueShape::json() const {
  const std::vector<std::string> head = heads();
  std::string out;
  const auto add_row = [&](std::string_view name, const Row* row) {
    const auto count = [row](size_t i) { return row == nullptr ? 0 : row->counts[i]; };
    out += "{\"name\": ";
    text::append_json_string(out, name);
    out += fmt::format(", \"total\": {}, \"ages\": {{", count(0));
    for (size_t i = 1; i < head.size(); ++i) {
      out += fmt::format("{}\"{}\": {}", i == 1 ? "" : ", ", head[i], count(i));
    }
    out += "}}\n";
  };
  const auto rows = ordered_rows();
  if (rows.empty()) add_row(kTotal, nullptr);
  for (const auto& [name, row] : rows) add_row(name, row);
  return out;
}

std::string QueueShape::text() const {
  const std::vector<std::string> head = heads();
  const auto total = rows_.find(std::string(kTotal));
  std::vector<size_t> widths;
  size_t figures = 0;
  for (size_t i = 0; i < head.size(); ++i) {
    const uint64_t count = total == rows_.end() ? 0 : total->second.counts[i];
    const size_t length = std::max(std::to_string(count).size(), head[i].size());
    widths.push_back(std::max(length + 1, kFigureColumnsMin));
    figures += widths.back();
  }
  const size_t name_columns =
      std::max(options_.width > figures ? options_.width - figures : 0, kNameColumnsMin);

  const std::vector<std::pair<std::string_view, const Row*>> order = ordered_rows();
  std::string out;
  append_name(out, "", name_columns);
  for (size_t i = 0; i < head.size(); ++i) out += fmt::format("{:>{}}", head[i], widths[i]);
  out += '\n';
  if (order.empty()) {
    append_name(out, kTotal, name_columns);
    for (const size_t width : widths) out += fmt::format("{:>{}}", 0, width);
    out += '\n';
  }
  for (const auto& [name, row] : order) {
    append_name(out, name, name_columns);
    for (size_t i = 0; i < widths.size(); ++i) {
      out += fmt::format("{:>{}}", row->counts[i], widths[i]);
    }
    out += '\n';
  }
  return out;
}

}  // namespace barid::tools
