#include "core/mail/dkim_canonical.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/text/ascii.h"

namespace barid::dkim {
namespace {

constexpr std::string_view kCrlf = "\r\n";
constexpr size_t kDirectBytes = 512;     // longer pieces are not worth a copy
constexpr size_t kSqueezedBytes = 1024;  // at a time, of text with many blanks

using Lane = uint8_t __attribute__((vector_size(16)));
using LaneWords = uint64_t __attribute__((vector_size(16)));

Lane load(const char* at) noexcept {
  Lane lane;
  std::memcpy(&lane, at, sizeof lane);
  return lane;
}

/// Index of the first blank that relaxed form changes: a tabulator, or a space before a blank or a
/// CR, or one at the very end, whose successor is not known yet. bytes.size() if there is none.
size_t find_irregular_blank(std::string_view bytes) noexcept {
  size_t i = 0;
  for (; i + sizeof(Lane) < bytes.size(); i += sizeof(Lane)) {
    const Lane here = load(bytes.data() + i);
    const Lane next = load(bytes.data() + i + 1);
    const auto found =
        (here == '\t') | ((here == ' ') & ((next == ' ') | (next == '\t') | (next == '\r')));
    const auto words = reinterpret_cast<const LaneWords&>(found);
    if ((words[0] | words[1]) != 0) break;
  }
  for (; i < bytes.size(); ++i) {
    if (bytes[i] == '\t') return i;
    if (bytes[i] != ' ') continue;
    if (i + 1 == bytes.size()) return i;
    const char next = bytes[i + 1];
    if (text::is_blank(next) || next == '\r') return i;
  }
  return bytes.size();
}

/// Of each lane: the blanks that relaxed form drops, those before another blank or a CR LF.
uint32_t dropped_blanks(const char* at) noexcept {
  const Lane here = load(at);
  const Lane next = load(at + 1);
  const Lane after = load(at + 2);
  const auto drop = ((here == ' ') | (here == '\t')) &
                    ((next == ' ') | (next == '\t') | ((next == '\r') & (after == '\n')));
#if defined(__SSE2__)
  return static_cast<uint32_t>(_mm_movemask_epi8(reinterpret_cast<const __m128i&>(drop)));
#else
  uint32_t bits = 0;
  for (size_t i = 0; i < sizeof(Lane); ++i) bits |= (drop[i] != 0 ? 1u : 0u) << i;
  return bits;
#endif
}

/// Writes what relaxed form leaves of the lanes in [begin, end) and returns its end. Reads a lane
/// further than `end` and may write a lane further than what it returns.
char* squeeze_blanks(const char* begin, const char* end, char* out) noexcept {
  constexpr uint32_t kAll = 0xffff;
  for (; begin != end; begin += sizeof(Lane)) {
    for (uint32_t kept = ~dropped_blanks(begin) & kAll; kept != 0;) {
      const int start = std::countr_zero(kept);
      const int count = std::countr_one(kept >> start);
      Lane lane = load(begin + start);
      lane ^= static_cast<Lane>(lane == '\t') & static_cast<uint8_t>('\t' ^ ' ');
      std::memcpy(out, &lane, sizeof lane);
      out += count;
      kept &= ~(((1u << count) - 1) << start);
    }
  }
  return out;
}

/// Bytes of the run of CR LF pairs at the end.
size_t trailing_crlf_bytes(std::string_view bytes) noexcept {
  size_t count = 0;
  while (bytes.size() >= count + 2 && bytes[bytes.size() - count - 1] == '\n' &&
         bytes[bytes.size() - count - 2] == '\r') {
    count += 2;
  }
  return count;
}

void append_relaxed_value(std::string& out, std::string_view value) {
  bool blank = false;
  bool any = false;
  for (size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (c == '\r' && i + 1 < value.size() && value[i + 1] == '\n') {
      ++i;  // a fold: the blanks around it stay to be looked at
      continue;
    }
    if (text::is_blank(c)) {
      blank = true;
      continue;
    }
    if (blank && any) out += ' ';
    blank = false;
    any = true;
    out += c;
  }
}

}  // namespace

std::string_view canonical_name(Canonical form) noexcept {
  return form == Canonical::kSimple ? "simple" : "relaxed";
}

void append_canonical_field(std::string& out, std::string_view field, Canonical form) {
  if (form == Canonical::kSimple) {
    out.append(field);
    if (!field.ends_with(kCrlf)) out.append(kCrlf);
    return;
  }
  const size_t colon = field.find(':');
  if (colon == std::string_view::npos) {
    append_relaxed_value(out, field);
  } else {
    text::append_lower(out, text::trim_right(field.substr(0, colon)));
    out += ':';
    append_relaxed_value(out, field.substr(colon + 1));
  }
  out.append(kCrlf);
}

void BodyCanonicalizer::add(std::string_view bytes) {
  if (bytes.empty()) return;
  if (form_ == Canonical::kSimple) return put(bytes);
  add_relaxed(bytes);
}

/// Cuts out what relaxed form drops. Blanks are decided about when it is known what follows them:
/// nothing before a CRLF, else one space.
void BodyCanonicalizer::add_relaxed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (blank_cr_) {
      blank_cr_ = false;
      if (bytes.front() != '\n') put(" ");
      blank_ = false;
      put("\r");
      continue;
    }
    if (blank_) {
      size_t end = 0;
      while (end < bytes.size() && text::is_blank(bytes[end])) ++end;
      bytes.remove_prefix(end);
      if (bytes.empty()) return;
      if (bytes.front() == '\r') {
        blank_cr_ = true;
        bytes.remove_prefix(1);
        continue;
      }
      blank_ = false;
      put(" ");
    }
    const size_t end = find_irregular_blank(bytes);
    if (end < kDirectBytes && bytes.size() >= 2 * kDirectBytes) {
      bytes.remove_prefix(put_squeezed(bytes));
      continue;
    }
    put(bytes.substr(0, end));
    bytes.remove_prefix(end);
    blank_ = !bytes.empty();
  }
}

/// Where blanks to be dropped are near, pieces are short: lanes at a time are faster. Returns how
/// many bytes were used. Nothing is left undecided, since what follows each of them is known.
size_t BodyCanonicalizer::put_squeezed(std::string_view bytes) {
  static_assert(kSqueezedBytes % sizeof(Lane) == 0);
  const size_t whole = (bytes.size() - 2 * sizeof(Lane)) / sizeof(Lane) * sizeof(Lane);
  const size_t count = std::min(whole, kSqueezedBytes);
  std::array<char, kSqueezedBytes + sizeof(Lane)> squeezed;  // written before it is read
  const char* const end = squeeze_blanks(bytes.data(), bytes.data() + count, squeezed.data());
  put({squeezed.data(), static_cast<size_t>(end - squeezed.data())});
  return count;
}

/// Holds back the CRLFs at the end, which count only if something follows.
void BodyCanonicalizer::put(std::string_view bytes) {
  if (bytes.empty()) return;
  if (cr_) {
    cr_ = false;
    if (bytes.front() == '\n') {
      bytes.remove_prefix(1);
      ++lines_held_;
      if (bytes.empty()) return;
    } else {
      put_held_lines();
      pass("\r");
    }
  }
  if (bytes.back() == '\r') {
    cr_ = true;
    bytes.remove_suffix(1);
  }
  const size_t held = trailing_crlf_bytes(bytes);
  const std::string_view sure = bytes.substr(0, bytes.size() - held);
  if (!sure.empty()) {
    put_held_lines();
    pass(sure);
  }
  lines_held_ += held / 2;
}

void BodyCanonicalizer::put_held_lines() {
  for (; lines_held_ > 0; --lines_held_) pass(kCrlf);
}

void BodyCanonicalizer::pass(std::string_view bytes) {
  any_ = true;
  if (bytes.size() >= kDirectBytes) {
    flush();
    sink_.take(bytes);
    return;
  }
  if (gathered_count_ + bytes.size() > gathered_.size()) flush();
  std::memcpy(gathered_.data() + gathered_count_, bytes.data(), bytes.size());
  gathered_count_ += bytes.size();
}

void BodyCanonicalizer::flush() {
  if (gathered_count_ > 0) sink_.take({gathered_.data(), gathered_count_});
  gathered_count_ = 0;
}

/// RFC 6376 3.4.3: an empty body is one CRLF in simple form; 3.4.4: and nothing in relaxed form.
void BodyCanonicalizer::finish() {
  if (blank_cr_) put(" \r");
  if (cr_) {
    cr_ = false;
    put_held_lines();
    pass("\r");
  }
  if (any_ || form_ == Canonical::kSimple) pass(kCrlf);
  flush();
}

}  // namespace barid::dkim
