#include "tools/barid/queue_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "core/lookup/ip_address.h"
#include "core/text/ascii.h"
#include "core/text/json.h"

namespace barid::tools {
namespace {

constexpr std::string_view kHeads = R"(["5","10","20","40","80","160","320","640","1280","1280+"])";
constexpr std::string_view kLeftOut = "…";
constexpr text::CharSet kHostChars = text::kAlnum | text::CharSet("-._");
constexpr text::CharSet kAddressChars = text::kDigits | text::CharSet(".:abcdefABCDEFIPv/[]");

size_t age_index(WallTime arrival, WallTime now) noexcept {
  const int64_t minutes = std::chrono::duration_cast<std::chrono::minutes>(now - arrival).count();
  size_t index = 0;
  for (int64_t edge = 5; minutes >= edge && index + 1 < QueueSummary::kAges; edge *= 2) ++index;
  return index;
}

std::string domain_of(std::string_view address) {
  const size_t at = address.rfind('@');
  std::string domain;
  text::append_lower(domain, at == std::string_view::npos ? address : address.substr(at + 1));
  return domain;
}

/// Unix seconds of the earlier one; 0 is none.
int64_t earlier(int64_t seconds, WallTime time) noexcept {
  const auto other = static_cast<int64_t>(unix_seconds(time));
  return seconds == 0 ? other : std::min(seconds, other);
}

/// The entry of that name, or `others` when there are too many already.
template <typename Map>
typename Map::mapped_type& entry_of(Map& map, const std::string& name, size_t max,
                                    typename Map::mapped_type& others) {
  const auto found = map.find(name);
  if (found != map.end()) return found->second;
  return map.size() < max ? map[name] : others;
}

/// The largest first; of equal ones the first by name, so that the order is always the same.
template <typename Map, typename Size>
std::vector<const typename Map::value_type*> largest(const Map& map, uint32_t rows, Size size) {
  std::vector<const typename Map::value_type*> list;
  for (const auto& entry : map) list.push_back(&entry);
  const auto before = [&size](const auto* a, const auto* b) {
    return size(a->second) != size(b->second) ? size(a->second) > size(b->second)
                                              : a->first < b->first;
  };
  const size_t kept = std::min<size_t>(rows, list.size());
  std::partial_sort(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(kept), list.end(),
                    before);
  list.resize(kept);
  return list;
}

void append_numbers(std::string& out, std::span<const uint64_t> numbers) {
  for (size_t i = 0; i < numbers.size(); ++i) {
    out += i == 0 ? "[" : ",";
    out += fmt::to_string(numbers[i]);
  }
  out += ']';
}

/// `,"incoming":1,…` of the states that a queue has.
void append_states(std::string& out, const std::array<uint64_t, 5>& states) {
  for (const QueueName queue :
       {QueueName::kActive, QueueName::kIncoming, QueueName::kDeferred, QueueName::kHold}) {
    out += fmt::format("{}\"{}\":{}", out.back() == '{' ? "" : ",", queue_name(queue),
                       states[static_cast<size_t>(queue)]);
  }
}

}  // namespace

std::string reason_pattern(std::string_view reason) {
  std::string out;
  while (!reason.empty() && out.size() <= kReasonPatternBytesMax) {
    if (reason.front() == '<') {
      const size_t end = reason.find('>');
      if (end != std::string_view::npos &&
          reason.substr(0, end).find('@') != std::string_view::npos) {
        out += fmt::format("<{}>", kLeftOut);
        reason.remove_prefix(end + 1);
        continue;
      }
    }
    size_t word = 0;
    while (word < reason.size() && kHostChars.has(reason[word])) ++word;
    if (word < reason.size() && reason[word] == '[') {  // host[address]
      const size_t end = reason.find(']', word);
      if (end != std::string_view::npos && end > word + 1 &&
          kAddressChars.has_all(reason.substr(word + 1, end - word - 1))) {
        out += fmt::format("{0}[{0}]", kLeftOut);
        reason.remove_prefix(end + 1);
        continue;
      }
    }
    if (word > 0 && lookup::IpAddress::parse(reason.substr(0, word))) {
      out += kLeftOut;
      reason.remove_prefix(word);
      continue;
    }
    size_t plain = 0;  // letters and digits are masked as one word, dots and dashes part words
    while (plain < reason.size() && text::kAlnum.has(reason[plain])) ++plain;
    if (plain == 0) {
      out += reason.front();
      reason.remove_prefix(1);
      continue;
    }
    const std::string_view piece = reason.substr(0, plain);
    out += std::count_if(piece.begin(), piece.end(), text::is_digit) >= 4 ? kLeftOut : piece;
    reason.remove_prefix(plain);
  }
  if (out.size() <= kReasonPatternBytesMax) return out;
  size_t end = kReasonPatternBytesMax - kLeftOut.size();
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;
  out.resize(end);
  out += kLeftOut;
  return out;
}

void QueueSummary::add_reason(const std::string& reason, const std::string& domain,
                              const QueueId& id) {
  const std::string pattern = reason_pattern(reason);
  auto found = reasons_.find(pattern);
  if (found == reasons_.end()) {
    if (reasons_.size() >= kReasonsMax) {
      ++other_reasons_;
      return;
    }
    found = reasons_.try_emplace(pattern, Reason{.domains = {}, .sample = id.text()}).first;
  }
  Reason& entry = found->second;
  ++entry.recipients;
  if (entry.domains.size() >= kReasonDomainsMax) return;
  if (std::find(entry.domains.begin(), entry.domains.end(), domain) == entry.domains.end()) {
    entry.domains.push_back(domain);
  }
}

void QueueSummary::add(const queue::Message& message, QueueName state, WallTime now) {
  ++messages_;
  ++states_[static_cast<size_t>(state)];
  ++streams_[message.envelope.stream == Stream::kBulk ? 1 : 0];
  oldest_ = earlier(oldest_, message.arrival);
  Tenant& tenant = entry_of(tenants_, message.envelope.tenant, kTenantsMax, other_tenants_);
  ++tenant.messages;
  ++tenant.states[static_cast<size_t>(state)];
  tenant.oldest = earlier(tenant.oldest, message.arrival);
  const size_t age = age_index(message.arrival, now);
  for (size_t i = 0; i < message.status.size(); ++i) {
    const queue::RecipientStatus& status = message.status[i];
    if (status.state != queue::RecipientState::kPending) continue;
    const std::string name = domain_of(message.envelope.recipients[i].address);
    Domain& domain = entry_of(domains_, name, kDomainsMax, other_domains_);
    ++recipients_;
    ++tenant.recipients;
    ++ages_[age];
    ++domain.recipients;
    ++domain.ages[age];
    domain.oldest = earlier(domain.oldest, message.arrival);
    if (status.reason.empty()) continue;
    ++domain.deferred;
    add_reason(status.reason, name, message.id);
  }
}

void QueueSummary::append_domains(std::string& out, uint32_t rows) const {
  out += ",\"domains\":[";
  for (const auto* entry :
       largest(domains_, rows, [](const Domain& domain) { return domain.recipients; })) {
    const Domain& domain = entry->second;
    out += out.back() == '[' ? "{\"domain\":" : ",{\"domain\":";
    text::append_json_string(out, entry->first);
    out +=
        fmt::format(",\"recipients\":{},\"deferred\":{},\"oldest\":{},\"ages\":", domain.recipients,
                    domain.deferred, domain.oldest);
    append_numbers(out, domain.ages);
    out += '}';
  }
  out += fmt::format("],\"domains_count\":{},\"domains_other\":{}", domains_.size(),
                     other_domains_.recipients);
}

void QueueSummary::append_reasons(std::string& out, uint32_t rows) const {
  constexpr size_t kShownDomains = 4;
  out += ",\"reasons\":[";
  for (const auto* entry :
       largest(reasons_, rows, [](const Reason& reason) { return reason.recipients; })) {
    const Reason& reason = entry->second;
    out += out.back() == '[' ? "{\"reason\":" : ",{\"reason\":";
    text::append_json_string(out, entry->first);
    out += fmt::format(",\"recipients\":{},\"sample\":\"{}\",\"domains_count\":{},\"domains\":[",
                       reason.recipients, reason.sample, reason.domains.size());
    for (size_t i = 0; i < std::min(kShownDomains, reason.domains.size()); ++i) {
      if (i > 0) out += ',';
      text::append_json_string(out, reason.domains[i]);
    }
    out += "]}";
  }
  out +=
      fmt::format("],\"reasons_count\":{},\"reasons_other\":{}", reasons_.size(), other_reasons_);
}

void QueueSummary::append_tenants(std::string& out, uint32_t rows) const {
  out += ",\"tenants\":[";
  for (const auto* entry :
       largest(tenants_, rows, [](const Tenant& tenant) { return tenant.messages; })) {
    const Tenant& tenant = entry->second;
    out += out.back() == '[' ? "{\"tenant\":" : ",{\"tenant\":";
    text::append_json_string(out, entry->first);
    out += fmt::format(",\"messages\":{},\"recipients\":{},\"oldest\":{},\"states\":{{",
                       tenant.messages, tenant.recipients, tenant.oldest);
    append_states(out, tenant.states);
    out += "}}";
  }
  out += fmt::format("],\"tenants_count\":{},\"tenants_other\":{}", tenants_.size(),
                     other_tenants_.messages);
}

std::string QueueSummary::json(uint32_t rows) const {
  std::string out = fmt::format(
      "{{\"object\":\"queue_summary\",\"complete\":true,\"examined\":{},\"messages\":{},"
      "\"recipients\":{},\"oldest\":{},\"streams\":{{\"transactional\":{},\"bulk\":{}}},"
      "\"states\":{{",
      examined_, messages_, recipients_, oldest_, streams_[0], streams_[1]);
  append_states(out, states_);
  out += fmt::format("}},\"heads\":{},\"ages\":", kHeads);
  append_numbers(out, ages_);
  append_domains(out, rows);
  append_reasons(out, rows);
  append_tenants(out, rows);
  out += "}\n";
  return out;
}

}  // namespace barid::tools
