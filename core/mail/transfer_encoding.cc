#include "core/mail/transfer_encoding.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "core/base/assert.h"
#include "core/text/base64.h"

namespace barid {
namespace {

constexpr size_t kTextColumns = 78;     // RFC 5322 2.1.1: should not exceed
constexpr size_t kEncodedColumns = 76;  // RFC 2045 6.7, 6.8
constexpr size_t kBase64LineBytes = 57;
constexpr std::string_view kHex = "0123456789ABCDEF";

/// Takes a line off the front of `text`, without its end. `*ended`: it had one.
std::string_view take_line(std::string_view& text, bool* ended) noexcept {
  const size_t feed = text.find('\n');
  std::string_view line = text.substr(0, feed);
  *ended = feed != std::string_view::npos;
  text.remove_prefix(*ended ? feed + 1 : text.size());
  if (*ended && line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool is_plain(char c) noexcept { return (c >= ' ' && c <= '~') || c == '\t'; }

/// One line in quoted-printable, soft breaks included, without the final line end.
void append_quoted_line(std::string& out, std::string_view line) {
  size_t column = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const bool last = i + 1 == line.size();
    bool plain = is_plain(c) && c != '=';
    if (last && (c == ' ' || c == '\t')) plain = false;
    // What mail software treats specially at the start of a line is never there.
    if (column == 0 &&
        (c == '.' || c == '-' || (c == 'F' && line.substr(i).starts_with("From ")))) {
      plain = false;
    }
    const size_t width = plain ? 1 : 3;
    if (column + width > (last ? kEncodedColumns : kEncodedColumns - 1)) {
      out += "=\r\n";
      column = 0;
      --i;  // decided again: it now starts a line
      continue;
    }
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '=';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
    column += width;
  }
}

/// Lines of at most kTextColumns, gathered: one append of what fits the buffer, not two a line.
void append_short_lines(Content& out, std::string_view text) {
  constexpr std::string_view kLineEnd = "\r\n";
  std::array<char, 4096> buffer;
  size_t used = 0;
  while (!text.empty()) {
    bool ended = false;
    const std::string_view line = take_line(text, &ended);
    BARID_ASSERT(line.size() <= kTextColumns);
    if (buffer.size() - used < kTextColumns + kLineEnd.size()) {
      out.append({buffer.data(), std::exchange(used, 0)});
    }
    std::memcpy(buffer.data() + used, line.data(), line.size());
    used += line.size();
    if (!ended) break;
    std::memcpy(buffer.data() + used, kLineEnd.data(), kLineEnd.size());
    used += kLineEnd.size();
  }
  out.append({buffer.data(), used});
}

/// Text as most of it is: plain ASCII in short lines. A loop that the compiler turns into vectors,
/// then one step a line.
bool is_short_plain_text(std::string_view text) noexcept {
  bool odd = false;
  for (const char c : text) odd |= !is_plain(c) & (c != '\n') & (c != '\r');
  if (odd) return false;
  const bool any_return = text.find('\r') != std::string_view::npos;
  while (!text.empty()) {
    bool ended = false;
    const std::string_view line = take_line(text, &ended);
    if (line.size() > kTextColumns || line.starts_with("From ") || line.starts_with("--")) {
      return false;
    }
    if (any_return && line.find('\r') != std::string_view::npos) return false;
  }
  return true;
}

}  // namespace

std::string_view transfer_encoding_name(TransferEncoding encoding) noexcept {
  switch (encoding) {
    case TransferEncoding::k7Bit:
      return "7bit";
    case TransferEncoding::kQuotedPrintable:
      return "quoted-printable";
    case TransferEncoding::kBase64:
      return "base64";
  }
  return "7bit";
}

TransferEncoding choose_text_encoding(std::string_view text) noexcept {
  if (is_short_plain_text(text)) return TransferEncoding::k7Bit;
  bool seven_bit = true;
  size_t odd = 0;
  const size_t total = text.size();
  while (!text.empty()) {
    bool ended = false;
    const std::string_view line = take_line(text, &ended);
    if (line.size() > kTextColumns || line.starts_with("From ") || line.starts_with("--")) {
      seven_bit = false;
    }
    for (const char c : line) {
      if (is_plain(c) && c != '=') continue;
      if (c != '=') seven_bit = false;
      ++odd;
    }
  }
  if (seven_bit) return TransferEncoding::k7Bit;
  return odd * 2 > total / 3 ? TransferEncoding::kBase64 : TransferEncoding::kQuotedPrintable;
}

void append_text_body(Content& out, std::string_view text, TransferEncoding encoding) {
  if (encoding == TransferEncoding::k7Bit) {
    append_short_lines(out, text);
    return;
  }
  std::string piece;
  std::string canonical;  // base64: waits until it is a whole line's worth
  while (!text.empty()) {
    bool ended = false;
    const std::string_view line = take_line(text, &ended);
    piece.clear();
    if (encoding == TransferEncoding::kBase64) {
      canonical += line;
      if (ended) canonical += "\r\n";
      const size_t whole = canonical.size() / kBase64LineBytes * kBase64LineBytes;
      append_base64_body(out, std::string_view(canonical).substr(0, whole));
      canonical.erase(0, whole);
      continue;
    }
    append_quoted_line(piece, line);
    if (ended) piece += "\r\n";
    out.append(piece);
  }
  append_base64_body(out, canonical);
}

void append_base64_body(Content& out, std::string_view bytes) {
  std::string line;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kBase64LineBytes);
    line.clear();
    text::append_base64(line, piece);
    line += "\r\n";
    out.append(line);
    bytes.remove_prefix(piece.size());
  }
}

}  // namespace barid
