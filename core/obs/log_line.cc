#include "core/obs/log_line.h"

#include <algorithm>

#include "core/text/utf8.h"

namespace barid {
namespace {

constexpr uint64_t kOnes = 0x0101010101010101u;
constexpr uint64_t kHighs = 0x8080808080808080u;

constexpr uint64_t spread(char c) noexcept { return kOnes * static_cast<uint8_t>(c); }
constexpr uint64_t zero_bytes(uint64_t word) noexcept { return (word - kOnes) & ~word & kHighs; }

/// True if all eight bytes can be copied as they are. May err on the side of false.
template <bool kJson>
bool is_plain(uint64_t word) noexcept {
  uint64_t bad =
      (word & kHighs) | ((word - spread(' ')) & ~word & kHighs) | zero_bytes(word ^ spread('\x7f'));
  if constexpr (kJson) bad |= zero_bytes(word ^ spread('"')) | zero_bytes(word ^ spread('\\'));
  return bad == 0;
}

/// Bytes of the printable character at the start of `text`; 0 for controls (C0, DEL, C1) and bytes
/// that are not UTF-8.
size_t printable_bytes(std::string_view text) noexcept {
  const auto first = static_cast<uint8_t>(text[0]);
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  const size_t bytes = text::utf8_sequence_bytes(text);
  const bool control = first == 0xc2 && bytes == 2 && static_cast<uint8_t>(text[1]) < 0xa0;
  return control ? 0 : bytes;
}

/// Bytes that fit in `bytes_max` without cutting a character (RFC 3629: at most 3 continuations).
size_t clipped_bytes(std::string_view text, size_t bytes_max) noexcept {
  size_t bytes = bytes_max;
  const auto continues = [&] { return (static_cast<uint8_t>(text[bytes]) & 0xc0) == 0x80; };
  while (bytes + 3 > bytes_max && bytes > 0 && continues()) --bytes;
  return continues() ? bytes_max : bytes;
}

/// Copies one printable sequence, or replaces one byte; returns the bytes read.
template <bool kJson>
size_t copy_one(char*& out, std::string_view text) noexcept {
  const size_t bytes = printable_bytes(text);
  if (bytes == 0) {
    *out++ = text[0] == '\n' || text[0] == '\t' ? ' ' : '?';
    return 1;
  }
  if (kJson && (text[0] == '"' || text[0] == '\\')) *out++ = '\\';
  for (size_t i = 0; i < bytes; ++i) *out++ = text[i];
  return bytes;
}

template <bool kJson>
char* copy_text(char* out, std::string_view text, size_t bytes_max) noexcept {
  const bool clipped = text.size() > bytes_max;
  if (clipped) text = text.substr(0, clipped_bytes(text, bytes_max));
  while (text.size() >= sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, text.data(), sizeof word);
    if (is_plain<kJson>(word)) {
      std::memcpy(out, &word, sizeof word);
      out += sizeof word;
      text.remove_prefix(sizeof word);
    } else {
      text.remove_prefix(copy_one<kJson>(out, text));
    }
  }
  while (!text.empty()) text.remove_prefix(copy_one<kJson>(out, text));
  if (clipped) {
    std::memcpy(out, "...", 3);
    out += 3;
  }
  return out;
}

Duration total(const Delays& delays) noexcept {
  return delays.before_queue + delays.in_queue + delays.connection + delays.transmission;
}

}  // namespace

void LineCursor::put_text(std::string_view text, size_t bytes_max) noexcept {
  at_ = copy_text<false>(at_, text, bytes_max);
}

void LineCursor::put_json_text(std::string_view text, size_t bytes_max) noexcept {
  at_ = copy_text<true>(at_, text, bytes_max);
}

// The unit is the smallest step shown: a tenth from one second on, a whole second from ten on, and
// below one second whatever leaves two significant digits, but never finer than the resolution.
void LineCursor::put_seconds(Duration value, int decimals_max) noexcept {
  static constexpr int64_t kSecond = 1'000'000;
  static constexpr int kDecimalsMax = 6;
  BARID_ASSERT(decimals_max >= 0 && decimals_max <= kDecimalsMax);
  const int64_t micros =
      std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(value).count());
  const int64_t seconds = micros / kSecond;
  int decimals = decimals_max;
  if (seconds >= 10) {
    decimals = 0;
  } else if (seconds >= 1) {
    decimals = std::min(decimals, 1);
  }
  int64_t unit = kSecond;
  for (int i = 0; i < decimals; ++i) unit /= 10;
  while (seconds == 0 && decimals > 1 && micros >= 100 * unit) {
    unit *= 10;
    --decimals;
  }
  // Nothing is left to round at the finest unit; elsewhere a half goes up.
  int64_t count = (micros + unit / 2) / unit;
  const int64_t per_second = kSecond / unit;
  const int64_t whole = count / per_second;
  put_number(static_cast<uint64_t>(whole));
  count %= per_second;
  if (whole >= 10 || count == 0) return;
  char digits[kDecimalsMax];
  for (int i = decimals; i > 0; --i) {
    digits[i - 1] = static_cast<char>('0' + count % 10);
    count /= 10;
  }
  while (digits[decimals - 1] == '0') --decimals;
  put('.');
  put(std::string_view(digits, static_cast<size_t>(decimals)));
}

void PostfixLine::delays(const Delays& value) noexcept {
  put(", delay=");
  put_seconds(total(value), delay_decimals_max_);
  put(", delays=");
  put_seconds(value.before_queue, delay_decimals_max_);
  put('/');
  put_seconds(value.in_queue, delay_decimals_max_);
  put('/');
  put_seconds(value.connection, delay_decimals_max_);
  put('/');
  put_seconds(value.transmission, delay_decimals_max_);
}

void JsonLine::delays(const Delays& value) noexcept {
  put_key("delay");
  put_seconds(total(value), delay_decimals_max_);
  put_key("delays");
  put('[');
  put_seconds(value.before_queue, delay_decimals_max_);
  put(',');
  put_seconds(value.in_queue, delay_decimals_max_);
  put(',');
  put_seconds(value.connection, delay_decimals_max_);
  put(',');
  put_seconds(value.transmission, delay_decimals_max_);
  put(']');
}

void PostfixLine::counts(const CommandCounts& value) noexcept {
  CommandCount all;
  for (size_t i = 0; i < value.size(); ++i) {
    const CommandCount& count = value[i];
    if (count.total == 0) continue;
    all.ok += count.ok;
    all.total += count.total;
    put(' ');
    put(command_name(static_cast<LogCommand>(i)));
    put('=');
    put_number(count.ok);
    if (count.ok == count.total) continue;
    put('/');
    put_number(count.total);
  }
  put(" commands=");
  put_number(all.ok);
  if (all.ok == all.total && all.total > 0) return;
  put('/');
  put_number(all.total);
}

void JsonLine::counts(const CommandCounts& value) noexcept {
  put_key("commands");
  put('{');
  bool first = true;
  for (size_t i = 0; i < value.size(); ++i) {
    const CommandCount& count = value[i];
    if (count.total == 0) continue;
    put(first ? "\"" : ",\"");
    first = false;
    put(command_name(static_cast<LogCommand>(i)));
    put("\":{\"ok\":");
    put_number(count.ok);
    put(",\"total\":");
    put_number(count.total);
    put('}');
  }
  put('}');
}

}  // namespace barid
