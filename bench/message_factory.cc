#include "bench/message_factory.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "bench/content_hash.h"
#include "core/base/rng.h"

namespace barid::bench {
namespace {

constexpr uint32_t kTailCountFixed = 16;   // of one size
constexpr uint32_t kTailCountRange = 128;  // of a size range
constexpr uint32_t kWeightMax = 1000;
constexpr double kDomainRound = 65'536;  // messages until the order of skewed domains repeats
constexpr uint64_t kTailBytesTotalMax = 256u << 20;
constexpr uint32_t kLineBytes = 76;
constexpr uint32_t kDotLineEvery = 16;  // so that dot-stuffing is exercised and checked
constexpr uint32_t kDomainCountMax = 1'000'000;

Result<uint64_t> parse_size(std::string_view text) noexcept {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || after == text.data()) {
    return Error{.code = Code::kMalformed, .text = "a size is a number with k or M"};
  }
  const std::string_view unit(after, static_cast<size_t>(end - after));
  uint64_t factor = 1;
  if (unit == "k" || unit == "K")
    factor = 1024;
  else if (unit == "m" || unit == "M")
    factor = 1024 * 1024;
  else if (!unit.empty())
    return Error{.code = Code::kMalformed, .text = "size units are k and M"};
  if (value == 0) return Error{.code = Code::kMalformed, .text = "a size of zero"};
  if (value > kMessageBytesMax / factor) {
    return Error{.code = Code::kTooLong, .text = "sizes end at 256M"};
  }
  return value * factor;
}

bool is_plain_address(std::string_view address) noexcept {
  const size_t at = address.rfind('@');
  if (at == 0 || at == std::string_view::npos || at + 1 == address.size()) return false;
  return address.size() <= 254 && std::all_of(address.begin(), address.end(), [](char c) {
           return c > ' ' && c != '<' && c != '>' && c != 0x7f;
         });
}

std::string rfc5322_date_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[64];
  const size_t length = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000", &utc);
  return std::string(text, length);
}

/// Doubles the dot of every line that begins with one, and ends the message.
std::string dot_stuffed(std::string_view plain) {
  std::string out;
  out.reserve(plain.size() + plain.size() / kLineBytes + 8);
  bool line_start = true;
  for (const char c : plain) {
    if (line_start && c == '.') out.push_back('.');
    out.push_back(c);
    line_start = c == '\n';
  }
  out += ".\r\n";
  return out;
}

}  // namespace

Result<SizeRange> parse_size_range(std::string_view text) noexcept {
  const size_t dash = text.find('-');
  BARID_TRY(const uint64_t first, parse_size(text.substr(0, dash)));
  if (dash == std::string_view::npos) return SizeRange{.bytes_min = first, .bytes_max = first};
  BARID_TRY(const uint64_t last, parse_size(text.substr(dash + 1)));
  if (last < first) return Error{.code = Code::kMalformed, .text = "size range is reversed"};
  return SizeRange{.bytes_min = first, .bytes_max = last};
}

Result<SizeMix> parse_size_mix(std::string_view text) {
  SizeMix mix;
  while (!text.empty() || mix.parts.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const size_t star = part.find('*');
    BARID_TRY(const SizeRange range, parse_size_range(part.substr(0, star)));
    uint32_t weight = 1;
    if (star != std::string_view::npos) {
      const std::string_view digits = part.substr(star + 1);
      const auto [end, error] =
          std::from_chars(digits.data(), digits.data() + digits.size(), weight);
      if (error != std::errc() || end != digits.data() + digits.size() || weight == 0 ||
          weight > kWeightMax) {
        return Error{.code = Code::kMalformed, .text = "a weight is 1 to 1000"};
      }
    }
    mix.parts.push_back({range, weight});
  }
  mix.whole = mix.parts.front().range;
  for (const SizeMix::Part& part : mix.parts) {
    mix.whole.bytes_min = std::min(mix.whole.bytes_min, part.range.bytes_min);
    mix.whole.bytes_max = std::max(mix.whole.bytes_max, part.range.bytes_max);
  }
  return mix;
}

void write_decimal(uint64_t value, uint32_t digits, char* out) noexcept {
  for (uint32_t i = digits; i > 0; --i, value /= 10) {
    out[i - 1] = static_cast<char>('0' + value % 10);
  }
}

Result<MessageFactory> MessageFactory::make(const MessageShape& shape) {
  const bool run_ok =
      !shape.run.empty() && shape.run.size() <= kRunBytesMax &&
      std::all_of(shape.run.begin(), shape.run.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      });
  if (!run_ok) return Error{.code = Code::kMalformed, .text = "run names are 1-24 letters, digits"};
  if (!shape.sender.empty() && !is_plain_address(shape.sender)) {
    return Error{.code = Code::kMalformed, .text = "sender is not local@domain"};
  }
  if (!shape.recipient.empty() && !is_plain_address(shape.recipient)) {
    return Error{.code = Code::kMalformed, .text = "recipient is not local@domain"};
  }
  if (shape.recipient_count == 0 || shape.recipient_count > kRecipientsPerMessageMax) {
    return Error{.code = Code::kTooLong, .text = "recipients per message: 1 to 1000"};
  }
  if (shape.domain_count == 0 || shape.domain_count > kDomainCountMax) {
    return Error{.code = Code::kTooLong, .text = "domains: 1 to 1000000"};
  }

  MessageFactory factory(shape);
  factory.build_head();
  factory.build_domains();
  factory.build_tails();
  return factory;
}

void MessageFactory::build_domains() {
  if (!shape_.recipient.empty()) {
    const size_t at = shape_.recipient.rfind('@');
    recipient_local_ = shape_.recipient.substr(0, at);
    domains_.push_back(shape_.recipient.substr(at));
    return;
  }
  for (uint32_t i = 0; i < shape_.domain_count; ++i) {
    domains_.push_back(fmt::format("@d{:04}.example", i));
  }
  if (shape_.domain_spread == DomainSpread::kEven) return;
  // Each domain's share of a long round of messages, at least one; the round is shuffled.
  double total = 0;
  for (uint32_t i = 0; i < shape_.domain_count; ++i) total += 1.0 / (i + 1);
  for (uint32_t i = 0; i < shape_.domain_count; ++i) {
    const double share = kDomainRound / (total * (i + 1));
    domain_order_.insert(domain_order_.end(), std::max<size_t>(1, static_cast<size_t>(share + 0.5)),
                         i);
  }
  Rng rng(shape_.seed);
  for (size_t i = domain_order_.size(); i > 1; --i) {
    std::swap(domain_order_[i - 1], domain_order_[rng.below(i)]);
  }
}

void MessageFactory::build_tails() {
  std::vector<SizeMix::Part> parts = shape_.size_parts;
  if (parts.empty()) parts.push_back({.range = shape_.size, .weight = 1});
  uint64_t largest = 1;
  uint64_t weights = 0;
  bool one_size = parts.size() == 1;
  for (const SizeMix::Part& part : parts) {
    largest = std::max(largest, part.range.bytes_max);
    weights += part.weight;
    one_size = one_size && part.range.bytes_min == part.range.bytes_max;
  }
  const uint64_t affordable = std::max<uint64_t>(1, kTailBytesTotalMax / largest / 2);
  const uint64_t wanted =
      std::min<uint64_t>(one_size ? kTailCountFixed : kTailCountRange, affordable);
  Rng rng(shape_.seed);
  for (const SizeMix::Part& part : parts) {
    const uint64_t spread = part.range.bytes_max - part.range.bytes_min;
    const uint64_t count = std::max<uint64_t>(1, (wanted * part.weight + weights / 2) / weights);
    for (uint64_t i = 0; i < count; ++i) {
      // Evenly spaced sizes in shuffled order: the mean is exact whatever the number of messages.
      const uint64_t step = spread == 0 || count == 1 ? 0 : spread * i / (count - 1);
      tails_.push_back(build_tail(part.range.bytes_min + step, rng.next()));
    }
  }
  for (size_t i = tails_.size(); i > 1; --i) std::swap(tails_[i - 1], tails_[rng.below(i)]);
}

void MessageFactory::build_head() {
  const std::string zeros(kSequenceDigits, '0');
  head_template_ = "X-Barid-Sequence: " + shape_.run + "-";
  sequence_at_ = static_cast<uint32_t>(head_template_.size());
  head_template_ += zeros + "\r\nMessage-ID: <" + shape_.run + ".";
  message_id_at_ = static_cast<uint32_t>(head_template_.size());
  head_template_ += zeros + "@bench.example>\r\n";
}

MessageTail MessageFactory::build_tail(uint64_t bytes_wanted, uint64_t seed) const {
  MessageTail tail;
  std::string header = "X-Barid-Hash: ";
  const size_t hash_at = header.size();
  header.append(ContentHash::kHexBytes, '0');
  header += "\r\n";
  if (shape_.recipient_count > 1) {
    header += fmt::format("X-Barid-Recipients: {}\r\n", shape_.recipient_count);
  }
  header += fmt::format(
      "From: <{}>\r\nTo: undisclosed-recipients:;\r\nSubject: Benchmark message\r\nDate: {}\r\n"
      "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n",
      shape_.sender.empty() ? "postmaster@bench.example" : shape_.sender, rfc5322_date_now());

  const uint64_t header_bytes = head_bytes() + header.size();
  const uint64_t body_bytes = std::max<uint64_t>(bytes_wanted, header_bytes + 3) - header_bytes;
  std::string body;
  body.reserve(body_bytes);
  Rng rng(seed);
  constexpr std::string_view kAlphabet =
      "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789 ,;:!?-";
  for (uint32_t line = 0; body.size() < body_bytes; ++line) {
    const uint64_t left = body_bytes - body.size();
    // The last line takes what is left, so that the size comes out exact and no line exceeds 998.
    const uint64_t length = left <= kLineBytes + 2 + 3 ? left - 2 : kLineBytes;
    for (uint64_t i = 0; i < length; ++i) {
      const bool dot = i == 0 && line % kDotLineEvery == kDotLineEvery - 1;
      char c = dot ? '.' : kAlphabet[rng.below(kAlphabet.size())];
      if (i + 1 == length && c == ' ') c = '_';  // text that no transfer encoding need touch
      body.push_back(c);
    }
    body += "\r\n";
  }
  tail.hash = ContentHash::of(body);
  write_hex64(tail.hash, header.data() + hash_at);
  tail.plain = header + body;
  tail.dotted = dot_stuffed(tail.plain);
  tail.json = build_json(std::string_view(header).substr(hash_at, ContentHash::kHexBytes), body);
  return tail;
}

/// All letters of a body stand for themselves in JSON; line ends are those of the text.
std::string MessageFactory::build_json(std::string_view hash, std::string_view body) const {
  std::string json = fmt::format(
      "\",\"X-Barid-Hash\":\"{}\",\"X-Barid-Recipients\":\"{}\"}},\"from\":\"{}\",\"subject\":"
      "\"Benchmark message\",\"text\":\"",
      hash, shape_.recipient_count,
      shape_.sender.empty() ? "postmaster@bench.example" : shape_.sender);
  json.reserve(json.size() + body.size() + 2);
  for (size_t at = 0; at < body.size();) {
    const size_t end = body.find("\r\n", at);
    json += body.substr(at, end - at);
    json += "\\n";
    at = end + 2;
  }
  json += "\"}";
  return json;
}

void MessageFactory::append_json_head(uint64_t sequence, std::string& out) const {
  out += "{\"to\":[";
  for (uint32_t i = 0; i < shape_.recipient_count; ++i) {
    out += i == 0 ? "\"" : ",\"";
    append_recipient(sequence, i, out);
    out += '"';
  }
  out += "],\"headers\":{\"X-Barid-Sequence\":\"" + shape_.run + "-";
  const size_t digits = out.size();
  out.append(kSequenceDigits, '0');
  write_decimal(sequence, kSequenceDigits, out.data() + digits);
}

void MessageFactory::append_head(uint64_t sequence, std::string& out) const {
  const size_t start = out.size();
  out += head_template_;
  write_decimal(sequence, kSequenceDigits, out.data() + start + sequence_at_);
  write_decimal(sequence, kSequenceDigits, out.data() + start + message_id_at_);
}

void MessageFactory::append_mail(uint64_t sequence, bool with_size, std::string& out) const {
  out += "MAIL FROM:<";
  out += shape_.sender;
  out += '>';
  if (with_size) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, message_bytes(sequence)).ptr;
    out += " SIZE=";
    out.append(digits, static_cast<size_t>(end - digits));
  }
  out += "\r\n";
}

void MessageFactory::append_recipient(uint64_t sequence, uint32_t index, std::string& out) const {
  const bool numbered = shape_.recipient.empty() || shape_.recipient_count > 1;
  if (!shape_.recipient.empty()) {
    out += recipient_local_;
    if (numbered) out += '+';
  }
  if (numbered) {
    char digits[10];
    const auto end = std::to_chars(digits, digits + sizeof digits, index).ptr;
    out += 'r';
    out.append(digits, static_cast<size_t>(end - digits));
  }
  const uint64_t turn = sequence * shape_.recipient_count + index;
  out += domain_order_.empty() ? domains_[turn % domains_.size()]
                               : domains_[domain_order_[turn % domain_order_.size()]];
}

void MessageFactory::append_rcpt(uint64_t sequence, uint32_t index, std::string& out) const {
  out += "RCPT TO:<";
  append_recipient(sequence, index, out);
  out += ">\r\n";
}

}  // namespace barid::bench
