#include "bench/content_inspector.h"

#include <strings.h>

#include <algorithm>
#include <charconv>

namespace barid::bench {
namespace {

constexpr std::string_view kHeaderEnd = "\r\n\r\n";

/// Value of the field if `line` is "Name: value", else empty.
std::string_view field_value(std::string_view line, std::string_view name) noexcept {
  if (line.size() <= name.size() || line[name.size()] != ':') return {};
  if (strncasecmp(line.data(), name.data(), name.size()) != 0) return {};
  std::string_view value = line.substr(name.size() + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  return value;
}

}  // namespace

void ContentInspector::reset() noexcept {
  header_.clear();
  in_header_ = true;
  has_hash_ = false;
  recipient_count_ = 1;
  hash_wanted_ = hash_ = bytes_ = 0;
  sequence_ = {};
  body_hash_.reset();
}

void ContentInspector::feed(std::string_view content) {
  bytes_ += content.size();
  if (!in_header_) {
    body_hash_.update(content);
    return;
  }
  // The end of the header block may straddle two pieces, so the search starts a little before.
  const size_t before = header_.size();
  const size_t search_from = before < kHeaderEnd.size() ? 0 : before - (kHeaderEnd.size() - 1);
  size_t end = std::string_view::npos;
  if (before == 0) {  // the usual case: no copy of what is body
    end = content.find(kHeaderEnd);
    header_.append(content.substr(0, end));
  } else {
    header_.append(content);
    end = header_.find(kHeaderEnd, search_from);
    if (end != std::string_view::npos) header_.resize(end);
  }
  if (end == std::string_view::npos) {
    if (header_.size() > kHeaderBytesMax) in_header_ = false;  // not one of ours
    return;
  }
  in_header_ = false;
  parse_header();
  body_hash_.update(content.substr(end + kHeaderEnd.size() - before));
}

void ContentInspector::finish() {
  if (in_header_) parse_header();
  hash_ = body_hash_.value();
}

void ContentInspector::parse_header() {
  std::string_view rest = header_;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    parse_field(line);
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
}

void ContentInspector::parse_field(std::string_view line) {
  if (line.size() < 2 || (line[0] | 0x20) != 'x' || line[1] != '-') return;
  if (const auto value = field_value(line, "X-Barid-Sequence"); !value.empty()) {
    sequence_ = value;
  } else if (const auto hex = field_value(line, "X-Barid-Hash"); !hex.empty()) {
    has_hash_ = parse_hex64(hex, hash_wanted_);
  } else if (const auto count = field_value(line, "X-Barid-Recipients"); !count.empty()) {
    uint32_t parsed = 0;
    std::from_chars(count.data(), count.data() + count.size(), parsed);
    recipient_count_ = std::max<uint32_t>(1, parsed);
  }
}

}  // namespace barid::bench
