#include "shard/schedule/suspensions.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "core/text/ascii.h"

namespace barid::schedule {
namespace {

constexpr std::string_view kHead = "barid suspensions 1";
constexpr std::array<std::string_view, kSuspensionKindCount> kKinds = {"domain", "site", "tenant",
                                                                       "stream"};
constexpr int64_t kSecondsMax = 253'402'300'799;  // year 9999

bool has_control(std::string_view text) noexcept {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  }
  return false;
}

/// Empty, or what is wrong with it.
std::string_view problem_of(const Suspension& entry) noexcept {
  if (entry.value.empty()) return "names nothing";
  if (entry.value.size() > kSuspensionValueBytesMax) return "is longer than 255 bytes";
  if (entry.value.find(' ') != std::string::npos || has_control(entry.value)) {
    return "has a blank or control character";
  }
  if (entry.kind == SuspensionKind::kStream && entry.value != "bulk" &&
      entry.value != "transactional") {
    return "is no stream; there are bulk and transactional";
  }
  if (entry.reason.size() > kSuspensionReasonBytesMax) return "has a reason of over 200 bytes";
  if (has_control(entry.reason)) return "has a control character in its reason";
  if (entry.until != WallTime{} && entry.until <= entry.since) return "ends before it begins";
  return {};
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = text::to_lower(c);
  return out;
}

std::string_view take_field(std::string_view& rest) noexcept {
  const size_t tab = rest.find('\t');
  const std::string_view field = rest.substr(0, tab);
  rest.remove_prefix(tab == std::string_view::npos ? rest.size() : tab + 1);
  return field;
}

std::optional<WallTime> parse_seconds(std::string_view text) noexcept {
  int64_t seconds = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  if (seconds < 0 || seconds > kSecondsMax) return std::nullopt;
  return WallTime(std::chrono::seconds(seconds));
}

Result<Suspension> parse_entry(std::string_view line) {
  Suspension entry;
  const auto kind = find_suspension_kind(take_field(line));
  if (!kind) return Error{.code = Code::kMalformed, .text = "the first field is no kind"};
  entry.kind = *kind;
  entry.value = take_field(line);
  const auto since = parse_seconds(take_field(line));
  const auto until = parse_seconds(take_field(line));
  if (!since || !until) {
    return Error{.code = Code::kMalformed, .text = "the third or fourth field is no time"};
  }
  entry.since = *since;
  entry.until = *until;
  entry.reason = line;
  return entry;
}

}  // namespace

std::string_view suspension_kind_name(SuspensionKind kind) noexcept {
  return kKinds[static_cast<size_t>(kind)];
}

std::optional<SuspensionKind> find_suspension_kind(std::string_view name) noexcept {
  for (size_t i = 0; i < kKinds.size(); ++i) {
    if (kKinds[i] == name) return static_cast<SuspensionKind>(i);
  }
  return std::nullopt;
}

std::string Suspension::name() const {
  return fmt::format("{}:{}", suspension_kind_name(kind), value);
}

const Suspension* Suspensions::find_one(SuspensionKind kind, std::string_view value,
                                        WallTime now) const noexcept {
  if (value.empty()) return nullptr;
  const auto found = entries_.find(Key(kind, value));
  return found != entries_.end() && found->second.active(now) ? &found->second : nullptr;
}

const Suspension* Suspensions::find(const SuspensionQuery& query, WallTime now) const noexcept {
  if (entries_.empty()) return nullptr;
  const std::string_view stream = query.stream == Stream::kBulk ? "bulk" : "transactional";
  const Suspension* longest = nullptr;
  for (const Suspension* one : {find_one(SuspensionKind::kDomain, query.domain, now),
                                find_one(SuspensionKind::kSite, query.site, now),
                                find_one(SuspensionKind::kTenant, query.tenant, now),
                                find_one(SuspensionKind::kStream, stream, now)}) {
    if (one == nullptr) continue;
    if (longest != nullptr && longest->until == WallTime{}) break;
    if (longest == nullptr || one->until == WallTime{} || one->until > longest->until) {
      longest = one;
    }
  }
  return longest;
}

std::string Suspensions::add(Suspension entry) {
  if (entry.kind != SuspensionKind::kTenant) entry.value = lower(entry.value);
  if (const std::string_view problem = problem_of(entry); !problem.empty()) {
    return fmt::format("{} \"{}\" {}", suspension_kind_name(entry.kind), entry.value, problem);
  }
  Key key(entry.kind, entry.value);
  if (entries_.size() >= kSuspensionsMax && !entries_.contains(key)) {
    return fmt::format("there are {} suspensions already, and no more are kept", kSuspensionsMax);
  }
  entries_.insert_or_assign(std::move(key), std::move(entry));
  return {};
}

bool Suspensions::remove(SuspensionKind kind, std::string_view value) {
  return entries_.erase(
             Key(kind, kind == SuspensionKind::kTenant ? std::string(value) : lower(value))) > 0;
}

size_t Suspensions::drop_ended(WallTime now) {
  size_t dropped = 0;
  for (auto it = entries_.begin(); it != entries_.end();) {
    if (it->second.active(now)) {
      ++it;
    } else {
      it = entries_.erase(it);
      ++dropped;
    }
  }
  return dropped;
}

std::optional<WallTime> Suspensions::next_end() const noexcept {
  std::optional<WallTime> next;
  for (const auto& [key, entry] : entries_) {
    if (entry.until != WallTime{} && (!next || entry.until < *next)) next = entry.until;
  }
  return next;
}

std::string Suspensions::to_text() const {
  std::string out(kHead);
  out += '\n';
  for (const auto& [key, entry] : entries_) {
    out += fmt::format("{}\t{}\t{}\t{}\t{}\n", suspension_kind_name(entry.kind), entry.value,
                       unix_seconds(entry.since), unix_seconds(entry.until), entry.reason);
  }
  return out;
}

Result<Suspensions> Suspensions::from_text(std::string_view text, size_t* line_number) {
  Suspensions list;
  for (*line_number = 1; !text.empty(); ++*line_number) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      return Error{.code = Code::kMalformed, .text = "the line does not end"};
    }
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (*line_number == 1) {
      if (line != kHead) return Error{.code = Code::kMalformed, .text = "not a list of this form"};
      continue;
    }
    if (list.size() >= kSuspensionsMax) {
      return Error{.code = Code::kTooLong, .text = "more than 1000 suspensions"};
    }
    BARID_TRY(Suspension entry, parse_entry(line));
    if (!list.add(std::move(entry)).empty()) {
      return Error{.code = Code::kMalformed, .text = "a field is not as it must be"};
    }
  }
  if (*line_number == 1) return Error{.code = Code::kMalformed, .text = "the file is empty"};
  return list;
}

}  // namespace barid::schedule
