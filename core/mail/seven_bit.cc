#include "core/mail/seven_bit.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "core/base/assert.h"
#include "core/text/ascii.h"

namespace barid {
namespace {

using text::equals_ignore_case;
using text::is_blank;

constexpr std::string_view kCrlf = "\r\n";

/// Reads [begin, end) of a chain of spans forwards. A line goes up to and includes its CRLF.
class Reader {
 public:
  explicit Reader(const Content& content) : spans_(content.spans()), end_(content.size()) {}

  [[nodiscard]] uint64_t offset() const noexcept { return offset_; }
  void set_end(uint64_t end) noexcept { end_ = end; }

  /// The longest run of bytes that one span holds; empty at the end.
  std::string_view take_run() {
    const std::string_view run = peek_run();
    advance(run.size());
    return run;
  }

  /// The next line, valid until the next call; empty at the end.
  std::string_view take_line() {
    straddling_.clear();
    for (;;) {
      const std::string_view run = peek_run();
      if (run.empty()) return straddling_;
      const size_t length = line_length(run);
      const bool ended = length != std::string_view::npos;
      const std::string_view piece = run.substr(0, length);
      advance(piece.size());
      if (ended && straddling_.empty()) return piece;
      straddling_ += piece;
      if (ended) return straddling_;
    }
  }

 private:
  /// Bytes of `run` up to the end of the line begun in `straddling_`; npos if it goes on.
  [[nodiscard]] size_t line_length(std::string_view run) const noexcept {
    for (size_t at = run.find('\n'); at != std::string_view::npos; at = run.find('\n', at + 1)) {
      if (at > 0 ? run[at - 1] == '\r' : straddling_.ends_with('\r')) return at + 1;
    }
    return std::string_view::npos;
  }

  [[nodiscard]] std::string_view peek_run() noexcept {
    while (span_ < spans_.size() && at_ == spans_[span_].size()) {
      ++span_;
      at_ = 0;
    }
    if (span_ == spans_.size()) return {};
    return spans_[span_].substr(at_, static_cast<size_t>(end_ - offset_));
  }

  void advance(size_t count) noexcept {
    at_ += count;
    offset_ += count;
  }

  const std::vector<std::string_view>& spans_;
  uint64_t end_;
  uint64_t offset_ = 0;
  size_t span_ = 0;
  size_t at_ = 0;
  std::string straddling_;
};

/// What happens to a range of the input; what no edit covers is copied. The first group replaces
/// the range, which may be empty, by a text.
enum class Action : uint8_t {
  kNothing,
  kVersion,
  kType,
  kQuotedPrintable,
  kSevenBit,
  kBlankLine,
  kEncode,
  kMask,
};

struct Edit {
  uint64_t begin;
  uint64_t end;
  Action action;
};

std::string_view text_of(Action action) noexcept {
  switch (action) {
    case Action::kVersion:
      return "MIME-Version: 1.0\r\n";
    case Action::kType:
      return "Content-Type: text/plain; charset=unknown-8bit\r\n";
    case Action::kQuotedPrintable:
      return "Content-Transfer-Encoding: quoted-printable\r\n";
    case Action::kSevenBit:
      return "Content-Transfer-Encoding: 7bit\r\n";
    case Action::kBlankLine:
      return kCrlf;
    case Action::kNothing:
    case Action::kEncode:
    case Action::kMask:
      break;
  }
  return {};
}

/// Takes blanks, folds and comments (RFC 5322 3.2.2) off the front.
void skip_blanks(std::string_view& rest) noexcept {
  size_t depth = 0;
  size_t at = 0;
  for (; at < rest.size(); ++at) {
    const char c = rest[at];
    if (c == '(') {
      ++depth;
    } else if (depth > 0) {
      if (c == ')') --depth;
      if (c == '\\') ++at;
    } else if (!is_blank(c) && c != '\r' && c != '\n') {
      break;
    }
  }
  rest.remove_prefix(std::min(at, rest.size()));
}

/// RFC 2045 5.1: the token at the front, after blanks; empty if there is none.
std::string_view take_token(std::string_view& rest) noexcept {
  constexpr text::CharSet kEnds("()<>@,;:\\\"/[]?= \t\r\n");
  skip_blanks(rest);
  size_t length = 0;
  while (length < rest.size() && !kEnds.has(rest[length])) ++length;
  const std::string_view token = rest.substr(0, length);
  rest.remove_prefix(length);
  return token;
}

/// A parameter's value: a quoted string, or all up to a blank or semicolon, for many boundaries in
/// use have characters that RFC 2045 5.1 wants quoted.
std::string take_value(std::string_view& rest) {
  skip_blanks(rest);
  std::string value;
  size_t at = 0;
  if (rest.starts_with('"')) {
    for (at = 1; at < rest.size() && rest[at] != '"'; ++at) {
      if (rest[at] == '\\' && at + 1 < rest.size()) ++at;
      value += rest[at];
    }
    at = std::min(at + 1, rest.size());
  } else {
    at = std::min(rest.find_first_of("; \t\r\n"), rest.size());
    value = rest.substr(0, at);
  }
  rest.remove_prefix(at);
  return value;
}

struct MediaType {
  std::string_view type;
  std::string_view subtype;
  std::string boundary;
};

MediaType parse_media_type(std::string_view rest) {
  MediaType media;
  media.type = take_token(rest);
  skip_blanks(rest);
  if (!rest.starts_with('/')) return {"text", "plain", {}};
  rest.remove_prefix(1);
  media.subtype = take_token(rest);
  for (;;) {
    // Anything odd before the next semicolon is passed over; quoted strings are read as such above.
    rest.remove_prefix(std::min(rest.find(';'), rest.size()));
    if (rest.empty()) return media;
    rest.remove_prefix(1);
    const std::string_view name = take_token(rest);
    skip_blanks(rest);
    if (!rest.starts_with('=')) continue;
    rest.remove_prefix(1);
    std::string value = take_value(rest);
    if (!equals_ignore_case(name, "boundary")) continue;
    // RFC 2046 5.1.1: a boundary does not end with white space.
    while (!value.empty() && is_blank(value.back())) value.pop_back();
    media.boundary = std::move(value);
    return media;
  }
}

enum class Encoding : uint8_t { kSevenBit, kEightBit, kOther };

Encoding parse_encoding(std::string_view value) noexcept {
  const std::string_view token = take_token(value);
  if (token.empty() || equals_ignore_case(token, "7bit")) return Encoding::kSevenBit;
  if (equals_ignore_case(token, "8bit") || equals_ignore_case(token, "binary")) {
    return Encoding::kEightBit;
  }
  return Encoding::kOther;
}

/// The name if `line` begins a header field, blanks before the colon allowed; else empty.
std::string_view field_name(std::string_view line) noexcept {
  size_t length = 0;
  while (length < line.size() && line[length] > ' ' && line[length] < '\x7f' &&
         line[length] != ':') {
    ++length;
  }
  size_t colon = length;
  while (colon < line.size() && is_blank(line[colon])) ++colon;
  return colon < line.size() && line[colon] == ':' ? line.substr(0, length) : std::string_view();
}

/// First pass: walks the entities and lists the edits, in order.
class Planner {
 public:
  /// False if the message cannot be converted.
  [[nodiscard]] bool plan(const Content& content) {
    Reader reader(content);
    levels_.push_back({});
    begin_header(0);
    while (!failed_) {
      const uint64_t begin = reader.offset();
      const std::string_view line = reader.take_line();
      if (line.empty()) break;
      read_line(line, begin, reader.offset());
    }
    end_entity(content.size());
    return !failed_;
  }

  [[nodiscard]] const std::vector<Edit>& edits() const noexcept { return edits_; }

 private:
  enum class Region : uint8_t {
    kHeader,
    kLeaf,
    kGlobal,  // message/global and its kin: like a leaf, unless 7-bit
    kOpaque,  // cannot be encoded
    kPreamble,
    kEpilogue,
  };

  /// A message (boundary empty) or a multipart around the line being read.
  struct Level {
    std::string boundary;
    bool is_digest = false;
    bool has_version = false;
    size_t version_edit = SIZE_MAX;  // where MIME-Version goes if a part is encoded
  };

  struct Header {
    uint64_t begin = 0;
    uint64_t end = 0;
    bool of_message = false;
    bool has_version = false;
    bool lacks_blank_line = false;
    std::optional<std::string> type;
    std::optional<std::string> encoding;
    std::string* open = nullptr;  // the field that a continuation line belongs to
    bool open_is_encoding = false;
    std::vector<Edit> encodings;  // ranges of the Content-Transfer-Encoding fields
  };

  void read_line(std::string_view line, uint64_t begin, uint64_t end) {
    if (line.starts_with("--") && read_delimiter(line, begin, end)) return;
    while (region_ == Region::kHeader) {
      if (read_header_line(line, begin, end)) return;
      // Not a header's line: the body begins without a blank line, perhaps with a header.
      header_.lacks_blank_line = true;
      end_header(begin, begin);
    }
    if (!has_eight_bit_) has_eight_bit_ = !text::is_ascii(line);
  }

  /// RFC 2046 5.1.1: "--", the boundary, "--" if it is the last, blanks. The boundaries of all
  /// levels count (5.1.2), the innermost first.
  bool read_delimiter(std::string_view line, uint64_t begin, uint64_t end) {
    if (line.ends_with(kCrlf)) line.remove_suffix(kCrlf.size());
    line = text::trim_right(line.substr(2));
    for (size_t index = levels_.size(); index-- > 0;) {
      const std::string_view boundary = levels_[index].boundary;
      if (boundary.empty() || !line.starts_with(boundary)) continue;
      const std::string_view rest = line.substr(boundary.size());
      if (!rest.empty() && rest != "--") continue;
      const bool is_last = !rest.empty();
      const bool begins_parts = !is_last && index + 1 == levels_.size();
      // The line end before a delimiter belongs to it.
      const bool has_body = region_ != Region::kHeader && begin > region_begin_;
      end_entity(has_body ? begin - kCrlf.size() : begin, begins_parts);
      levels_.resize(is_last ? index : index + 1);
      if (is_last) {
        begin_region(Region::kEpilogue, end);
      } else {
        begin_header(end);
      }
      return true;
    }
    return false;
  }

  void begin_region(Region region, uint64_t begin) {
    region_ = region;
    region_begin_ = begin;
    has_eight_bit_ = false;
  }

  void begin_header(uint64_t begin) {
    begin_region(Region::kHeader, begin);
    header_ = Header{};
    header_.begin = begin;
    header_.of_message = levels_.back().boundary.empty();
  }

  /// False if the line is no part of a header.
  bool read_header_line(std::string_view line, uint64_t begin, uint64_t end) {
    if (line == kCrlf) {
      end_header(begin, end);
      return true;
    }
    const std::string_view name = field_name(line);
    const bool is_first = begin == header_.begin;
    const bool is_continuation = !is_first && is_blank(line.front());
    const bool is_envelope_line = is_first && header_.of_message && line.starts_with("From ");
    if (name.empty() && !is_continuation && !is_envelope_line) return false;
    if (!text::is_ascii(line)) failed_ = true;
    if (is_continuation) {
      if (header_.open_is_encoding) header_.encodings.back().end = end;
    } else {
      begin_field(name, begin, end);
      if (!name.empty()) line.remove_prefix(line.find(':') + 1);
    }
    if (line.ends_with(kCrlf)) line.remove_suffix(kCrlf.size());
    if (header_.open != nullptr) *header_.open += line;
    return true;
  }

  /// Of several fields of one name, the first counts.
  void begin_field(std::string_view name, uint64_t begin, uint64_t end) {
    header_.open = nullptr;
    header_.open_is_encoding = equals_ignore_case(name, "Content-Transfer-Encoding");
    if (header_.open_is_encoding) {
      header_.encodings.push_back({begin, end, Action::kNothing});
      if (!header_.encoding) header_.open = &header_.encoding.emplace();
    } else if (equals_ignore_case(name, "Content-Type")) {
      if (!header_.type) header_.open = &header_.type.emplace();
    } else if (equals_ignore_case(name, "MIME-Version")) {
      header_.has_version = true;
    }
  }

  /// The header ends at `end`; what it is the header of begins at `body`.
  void end_header(uint64_t end, uint64_t body) {
    header_.end = end;
    // RFC 2046 5.1.5: parts of a digest are messages unless they say otherwise.
    const std::string_view by_default = levels_.back().is_digest ? "message/rfc822" : "text/plain";
    MediaType media = parse_media_type(header_.type ? std::string_view(*header_.type) : by_default);
    const Encoding encoding = parse_encoding(header_.encoding.value_or(""));
    if (header_.of_message) levels_.back().has_version = header_.has_version;

    if (equals_ignore_case(media.type, "multipart")) {
      if (encoding == Encoding::kEightBit) relabel(Action::kSevenBit);
      if (media.boundary.empty()) return begin_region(Region::kOpaque, body);
      enter({.boundary = std::move(media.boundary),
             .is_digest = equals_ignore_case(media.subtype, "digest")});
      return begin_region(Region::kPreamble, body);
    }
    if (encoding == Encoding::kOther) return begin_region(Region::kOpaque, body);
    if (!equals_ignore_case(media.type, "message")) return begin_region(Region::kLeaf, body);
    if (text::starts_with_ignore_case(media.subtype, "global")) {
      return begin_region(Region::kGlobal, body);
    }
    if (encoding == Encoding::kEightBit) relabel(Action::kSevenBit);
    if (!equals_ignore_case(media.subtype, "rfc822")) return begin_region(Region::kOpaque, body);
    enter({});
    begin_header(body);
  }

  void enter(Level level) {
    if (header_.of_message && !header_.has_version) {
      levels_.back().version_edit = edits_.size();
      edits_.push_back({header_.end, header_.end, Action::kNothing});
    }
    levels_.push_back(std::move(level));
    if (levels_.size() > kMimeDepthMax + 1) failed_ = true;
  }

  /// Replaces the first Content-Transfer-Encoding field, and the others by nothing.
  void relabel(Action action) {
    for (const Edit& field : header_.encodings) {
      edits_.push_back({field.begin, field.end, action});
      action = Action::kNothing;
    }
  }

  /// `begins_parts` tells that the first part of a multipart comes next.
  void end_entity(uint64_t end, bool begins_parts = false) {
    while (region_ == Region::kHeader && !failed_) end_header(end, end);
    const bool eight_bit_label =
        parse_encoding(header_.encoding.value_or("")) == Encoding::kEightBit;
    switch (region_) {
      case Region::kLeaf:
        if (has_eight_bit_ || eight_bit_label) encode(end);
        break;
      case Region::kGlobal:
        if (has_eight_bit_) {
          encode(end);
        } else if (eight_bit_label) {
          relabel(Action::kSevenBit);
        }
        break;
      case Region::kPreamble:
        if (has_eight_bit_ && !begins_parts) failed_ = true;  // it may be all there is to read
        [[fallthrough]];
      case Region::kEpilogue:
        if (has_eight_bit_) edits_.push_back({region_begin_, end, Action::kMask});
        break;
      case Region::kOpaque:
        if (has_eight_bit_) failed_ = true;
        break;
      case Region::kHeader:
        break;
    }
  }

  void encode(uint64_t end) {
    const auto insert = [&](Action action) {
      edits_.push_back({header_.end, header_.end, action});
    };
    relabel(Action::kQuotedPrintable);
    if (header_.of_message) {
      if (!header_.has_version) insert(Action::kVersion);
      if (!header_.has_version && !header_.type) insert(Action::kType);
    } else {
      size_t index = levels_.size() - 1;
      while (!levels_[index].boundary.empty()) --index;
      const Level& message = levels_[index];
      if (!message.has_version) edits_[message.version_edit].action = Action::kVersion;
    }
    if (header_.encodings.empty()) insert(Action::kQuotedPrintable);
    if (header_.lacks_blank_line) insert(Action::kBlankLine);
    edits_.push_back({region_begin_, end, Action::kEncode});
  }

  std::vector<Edit> edits_;
  std::vector<Level> levels_;
  Header header_;
  Region region_ = Region::kHeader;
  uint64_t region_begin_ = 0;
  bool has_eight_bit_ = false;
  bool failed_ = false;
};

/// RFC 2045 6.7: appends one line, given with its CRLF if it has one.
void append_quoted_printable(std::string& out, std::string_view line) {
  constexpr size_t kLineBytesMax = 76;
  constexpr char kHex[] = "0123456789ABCDEF";
  const bool has_end = line.ends_with(kCrlf);
  if (has_end) line.remove_suffix(kCrlf.size());
  size_t column = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const bool is_last = i + 1 == line.size();
    bool literal = (c > ' ' && c < '\x7f' && c != '=') || (is_blank(c) && !is_last);
    const size_t room = is_last ? kLineBytesMax : kLineBytesMax - 1;
    if (column + (literal ? 1 : 3) > room) {
      out += "=\r\n";
      column = 0;
    }
    // No line begins like a delimiter, whatever the boundaries around are.
    if (column == 0 && c == '-' && !is_last && line[i + 1] == '-') literal = false;
    if (literal) {
      out += c;
      ++column;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      const char escape[] = {'=', kHex[byte >> 4], kHex[byte & 15]};
      out.append(escape, sizeof escape);
      column += sizeof escape;
    }
  }
  if (has_end) out += kCrlf;
}

/// Appends a line nobody reads in 7 bits; like above, it must not become a delimiter.
void append_masked(std::string& out, std::string_view line) {
  if (text::is_ascii(line)) {
    out += line;
    return;
  }
  const size_t begin = out.size();
  for (const char c : line) out += static_cast<unsigned char>(c) > 0x7f ? '?' : c;
  if (line.starts_with("--")) out[begin] = '?';
}

void copy_until(Content& out, Reader& reader, uint64_t end) {
  reader.set_end(end);
  for (auto run = reader.take_run(); !run.empty(); run = reader.take_run()) out.append(run);
}

}  // namespace

ContentRef to_seven_bit(const Content& content) {
  Planner planner;
  if (!planner.plan(content)) return {};
  ContentRef result = ContentRef::make();
  Reader reader(content);
  std::string converted;
  for (const Edit& edit : planner.edits()) {
    BARID_ASSERT(reader.offset() <= edit.begin && edit.begin <= edit.end);
    copy_until(*result, reader, edit.begin);
    reader.set_end(edit.end);
    const bool by_text = edit.action != Action::kEncode && edit.action != Action::kMask;
    if (by_text) result->append(text_of(edit.action));
    while (reader.offset() < edit.end) {
      if (by_text) {
        (void)reader.take_run();
        continue;
      }
      converted.clear();
      const std::string_view line = reader.take_line();
      if (edit.action == Action::kEncode) append_quoted_printable(converted, line);
      if (edit.action == Action::kMask) append_masked(converted, line);
      result->append(converted);
    }
  }
  copy_until(*result, reader, content.size());
  return result;
}

}  // namespace barid
