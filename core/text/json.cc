#include "core/text/json.h"

#include <bit>
#include <cstdint>
#include <cstring>

#include "core/text/ascii.h"
#include "core/text/utf8.h"

namespace barid::text {
namespace {

static_assert(std::endian::native == std::endian::little, "the first byte is the lowest");

constexpr uint64_t kOnes = 0x0101010101010101;
constexpr uint64_t kHighs = 0x8080808080808080;
constexpr char kDelete = 0x7f;

/// The lowest marked byte is the first that needs care; above it, marks may be wrong.
uint64_t special_bytes(uint64_t eight) noexcept {
  const uint64_t quote = eight ^ (kOnes * '"');
  const uint64_t backslash = eight ^ (kOnes * '\\');
  const uint64_t found = ((eight - kOnes * 0x20) & ~eight) | ((quote - kOnes) & ~quote) |
                         ((backslash - kOnes) & ~backslash);
  return found & kHighs;
}

bool is_special(char c) noexcept {
  return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
}

void append_hex(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\u00";
  out += kHex[static_cast<unsigned char>(c) >> 4];
  out += kHex[static_cast<unsigned char>(c) & 15];
}

void append_special(std::string& out, char c) {
  switch (c) {
    case '"':
    case '\\':
      out += '\\';
      out += c;
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      append_hex(out, c);
  }
}

/// Anything without specials: what is no UTF-8 is replaced.
void append_run(std::string& out, std::string_view run) {
  while (!run.empty()) {
    const size_t bytes = utf8_sequence_bytes(run);
    if (bytes == 0) {
      out += "\xef\xbf\xbd";
      run.remove_prefix(1);
      continue;
    }
    if (run.front() == kDelete) {
      append_hex(out, kDelete);
    } else {
      out += run.substr(0, bytes);
    }
    run.remove_prefix(bytes);
  }
}

}  // namespace

size_t plain_json_bytes(std::string_view value) noexcept {
  size_t at = 0;
  for (; at + sizeof(uint64_t) <= value.size(); at += sizeof(uint64_t)) {
    uint64_t eight = 0;
    std::memcpy(&eight, value.data() + at, sizeof eight);
    if (const uint64_t found = special_bytes(eight); found != 0) {
      return at + static_cast<size_t>(std::countr_zero(found)) / 8;
    }
  }
  while (at < value.size() && !is_special(value[at])) ++at;
  return at;
}

void append_json_string(std::string& out, std::string_view value) {
  out += '"';
  while (!value.empty()) {
    const std::string_view run = value.substr(0, plain_json_bytes(value));
    if (is_ascii(run) && run.find(kDelete) == std::string_view::npos) {
      out += run;
    } else {
      append_run(out, run);
    }
    value.remove_prefix(run.size());
    if (value.empty()) break;
    append_special(out, value.front());
    value.remove_prefix(1);
  }
  out += '"';
}

std::string json_string(std::string_view value) {
  std::string out;
  append_json_string(out, value);
  return out;
}

}  // namespace barid::text
