#include "core/mail/encoded_word.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "core/text/ascii.h"
#include "core/text/base64.h"
#include "core/text/utf8.h"

namespace barid {
namespace {

constexpr size_t kLineColumns = 76;
constexpr size_t kWordColumns = 75;         // RFC 2047 2: an encoded word
constexpr size_t kPlainWordBytesMax = 900;  // below RFC 5322's 998 with any field name
constexpr std::string_view kPrefixQ = "=?UTF-8?Q?";
constexpr std::string_view kPrefixB = "=?UTF-8?B?";
static_assert(kPrefixQ.size() == kPrefixB.size());
/// What Q may leave as it is, also inside a phrase (RFC 2047 5).
constexpr text::CharSet kQSafe = text::kAlnum | text::CharSet("!*+-/");

bool is_printable_ascii(std::string_view value) noexcept {
  return std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

bool can_stay(std::string_view value) noexcept {
  if (!is_printable_ascii(value) || value.find("=?") != std::string_view::npos) return false;
  if (!value.empty() && (value.front() == ' ' || value.back() == ' ')) return false;
  size_t run = 0;
  for (const char c : value) {
    run = c == ' ' ? 0 : run + 1;
    if (run > kPlainWordBytesMax) return false;
  }
  return true;
}

/// Breaks before blanks, which stay; words are not cut.
void append_folded(std::string& out, std::string_view value, size_t column) {
  while (!value.empty()) {
    size_t end = value.find(' ', 1);
    // A run of blanks stays with the word that follows it: no line of blanks only.
    while (end != std::string_view::npos && end + 1 < value.size() &&
           value.substr(0, end).find_first_not_of(' ') == std::string_view::npos) {
      end = value.find(' ', end + 1);
    }
    const std::string_view word = value.substr(0, end);
    if (word.front() == ' ' && column + word.size() > kLineColumns) {
      out += "\r\n";
      column = 0;
    }
    out += word;
    column += word.size();
    value.remove_prefix(word.size());
  }
}

size_t q_bytes(std::string_view bytes) noexcept {
  size_t total = 0;
  for (const char c : bytes) total += kQSafe.has(c) || c == ' ' ? 1 : 3;
  return total;
}

void append_q(std::string& out, std::string_view bytes) {
  for (const char c : bytes) {
    if (c == ' ') {
      out += '_';
    } else if (kQSafe.has(c)) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "={:02X}", static_cast<unsigned char>(c));
    }
  }
}

/// How much of `value` goes into an encoded word of `columns`: whole characters, at least one. In B
/// words before the last end with a whole group: some readers take padding for the end of the text.
/// Then `*as_q` may become true: no group ends within the word, so its first character goes as Q.
size_t word_bytes(std::string_view value, size_t columns, bool* as_q) {
  size_t bytes = 0;
  size_t whole_groups = 0;
  while (bytes < value.size()) {
    const size_t next = std::max<size_t>(1, text::utf8_sequence_bytes(value.substr(bytes)));
    const size_t grown = bytes + next;
    const size_t encoded = *as_q ? q_bytes(value.substr(0, grown)) : (grown + 2) / 3 * 4;
    if (bytes > 0 && encoded > columns) break;
    bytes = grown;
    if (bytes % 3 == 0) whole_groups = bytes;
  }
  if (*as_q || bytes == value.size()) return bytes;
  if (whole_groups > 0) return whole_groups;
  *as_q = true;
  return std::max<size_t>(1, text::utf8_sequence_bytes(value));
}

/// Encoded words with folds between them, each of whole characters.
void append_encoded_words(std::string& out, std::string_view value, size_t* column) {
  const bool as_q = q_bytes(value) <= (value.size() + 2) / 3 * 4;
  bool first = true;
  while (!value.empty()) {
    const size_t room_line = kLineColumns - std::min(*column + 1, kLineColumns);
    size_t room = std::min(kWordColumns, room_line);
    const size_t overhead = kPrefixQ.size() + 2;
    if (!first || room < overhead + 12) {
      out += "\r\n ";
      *column = 1;
      room = kWordColumns;
    }
    bool word_as_q = as_q;
    const size_t bytes = word_bytes(value, room - overhead, &word_as_q);
    const size_t start = out.size();
    if (word_as_q) {
      out += kPrefixQ;
      append_q(out, value.substr(0, bytes));
    } else {
      out += kPrefixB;
      text::append_base64(out, value.substr(0, bytes));
    }
    out += "?=";
    *column += out.size() - start;
    value.remove_prefix(bytes);
    first = false;
  }
}

void append_quoted(std::string& out, std::string_view value) {
  out += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

}  // namespace

void append_text_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  size_t column = name.size() + 2;
  if (can_stay(value)) {
    append_folded(out, value, column);
  } else {
    append_encoded_words(out, value, &column);
  }
  out += "\r\n";
}

void append_phrase(std::string& out, std::string_view phrase, size_t* column) {
  constexpr text::CharSet kPhrase = text::kAtext | text::CharSet(" ");
  const bool short_ascii = can_stay(phrase) && phrase.size() <= 60;
  if (!short_ascii) {
    append_encoded_words(out, phrase, column);
    return;
  }
  const size_t start = out.size();
  const bool atoms = kPhrase.has_all(phrase) && phrase.find("  ") == std::string_view::npos;
  if (atoms) {
    out += phrase;
  } else {
    append_quoted(out, phrase);
  }
  *column += out.size() - start;
}

void append_parameter(std::string& out, std::string_view name, std::string_view value) {
  constexpr size_t kQuotedMax = 60;
  constexpr size_t kPieceMax = 50;
  if (is_printable_ascii(value) && value.size() <= kQuotedMax &&
      value.find("=?") == std::string_view::npos) {
    out += ";\r\n ";
    out += name;
    out += '=';
    append_quoted(out, value);
    return;
  }
  constexpr text::CharSet kPlain = text::kAlnum | text::CharSet("-._~");
  std::vector<std::string> pieces(1);
  for (const char c : value) {
    if (pieces.back().size() + 3 > kPieceMax) pieces.emplace_back();
    if (kPlain.has(c)) {
      pieces.back() += c;
    } else {
      fmt::format_to(std::back_inserter(pieces.back()), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  if (pieces.size() == 1) {
    fmt::format_to(std::back_inserter(out), ";\r\n {}*=UTF-8''{}", name, pieces[0]);
    return;
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    fmt::format_to(std::back_inserter(out), ";\r\n {}*{}*={}{}", name, i, i == 0 ? "UTF-8''" : "",
                   pieces[i]);
  }
}

}  // namespace barid
