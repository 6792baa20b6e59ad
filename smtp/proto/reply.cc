#include "smtp/proto/reply.h"

#include <cstring>

namespace barid::smtp {
namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// Reads one to three digits at `position` and moves it on; false if there is none or a fourth.
bool read_number(std::string_view text, size_t& position, uint16_t& value) noexcept {
  const size_t begin = position;
  value = 0;
  while (position < text.size() && is_digit(text[position])) {
    if (position - begin == 3) return false;
    value = static_cast<uint16_t>(value * 10 + (text[position] - '0'));
    ++position;
  }
  return position > begin;
}

/// Length of the well-formed UTF-8 sequence at the start of `bytes` (RFC 3629 4), 0 if there is
/// none.
size_t utf8_sequence_bytes(std::string_view bytes) noexcept {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const auto is_tail = [&](size_t i) { return i < bytes.size() && (at(i) & 0xc0) == 0x80; };
  const unsigned char lead = at(0);
  if (lead >= 0xc2 && lead <= 0xdf) return is_tail(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    if (!is_tail(1) || !is_tail(2)) return 0;
    if (lead == 0xe0 && at(1) < 0xa0) return 0;  // overlong
    if (lead == 0xed && at(1) > 0x9f) return 0;  // surrogate
    return 3;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (!is_tail(1) || !is_tail(2) || !is_tail(3)) return 0;
    if (lead == 0xf0 && at(1) < 0x90) return 0;  // overlong
    if (lead == 0xf4 && at(1) > 0x8f) return 0;  // above U+10FFFF
    return 4;
  }
  return 0;
}

/// U+0080..U+009F: control characters that a terminal may obey.
bool is_c1_control(std::string_view sequence) noexcept {
  return sequence.size() == 2 && static_cast<unsigned char>(sequence[0]) == 0xc2 &&
         static_cast<unsigned char>(sequence[1]) < 0xa0;
}

}  // namespace

Result<ReplyLine> parse_reply_line(std::string_view line) noexcept {
  if (line.size() > kReplyLineBytesMax) return Error{.code = Code::kTooLong};
  if (line.size() < 3 || !is_digit(line[0]) || !is_digit(line[1]) || !is_digit(line[2])) {
    return Error{.code = Code::kMalformed};
  }
  const auto code =
      static_cast<uint16_t>((line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0');
  if (line.size() == 3) return ReplyLine{.code = code, .last = true, .text = {}};
  if (line[3] != ' ' && line[3] != '-') return Error{.code = Code::kMalformed};
  return ReplyLine{.code = code, .last = line[3] == ' ', .text = line.substr(4)};
}

DsnCode parse_enhanced_code(std::string_view text, uint16_t reply_code) noexcept {
  size_t position = 0;
  while (position < text.size() && text[position] == ' ') ++position;
  DsnCode code;
  uint16_t klass = 0;
  if (!read_number(text, position, klass)) return {};
  if ((klass != 2 && klass != 4 && klass != 5) || klass != reply_code / 100) return {};
  if (position >= text.size() || text[position++] != '.') return {};
  if (!read_number(text, position, code.subject)) return {};
  if (position >= text.size() || text[position++] != '.') return {};
  if (!read_number(text, position, code.detail)) return {};
  if (position < text.size() && text[position] != ' ') return {};
  code.klass = static_cast<uint8_t>(klass);
  return code;
}

void copy_printable(std::string_view in, char* out) noexcept {
  for (size_t i = 0; i < in.size();) {
    const auto c = static_cast<unsigned char>(in[i]);
    if (c >= 0x20 && c < 0x7f) {
      out[i++] = static_cast<char>(c);
      continue;
    }
    const size_t sequence = c < 0x80 ? 0 : utf8_sequence_bytes(in.substr(i));
    if (sequence == 0 || is_c1_control(in.substr(i, sequence))) {
      out[i++] = c == '\t' ? ' ' : '?';
      continue;
    }
    std::memcpy(out + i, in.data() + i, sequence);
    i += sequence;
  }
}

DsnCode Reply::status() const noexcept {
  if (dsn.klass != 0) return dsn;
  const int digit = klass();
  if (digit == 2 || digit == 4 || digit == 5) return {static_cast<uint8_t>(digit), 0, 0};
  return {5, 5, 0};
}

}  // namespace barid::smtp
