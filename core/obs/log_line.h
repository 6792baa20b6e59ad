// The two shapes of a log line, behind one set of calls: an event states each fact once, with the
// words that stand around it in a Postfix line and its key in a JSON object.
// Bounds: every text is clipped, so that no line exceeds kLogLineBytesMax and appending needs no
// checks; LogFormatter asserts it. Bytes after the line may be overwritten up to that limit.
// Layer:  core/obs, pure, no allocation.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/base/assert.h"
#include "core/base/time.h"
#include "core/obs/log_event.h"

namespace barid {

inline constexpr size_t kLogFieldBytesMax = 512;   ///< of one fact; longer ones end in "..."
inline constexpr size_t kLogReplyBytesMax = 1024;  ///< of a reply, reason or message id
inline constexpr size_t kLogLineBytesMax = 16 * 1024;

// The widest event has seven fields and a reply; escaping doubles; words, keys and tag take the
// rest.
static_assert(2 * (7 * kLogFieldBytesMax + kLogReplyBytesMax) + 4096 <= kLogLineBytesMax);

/// Appends to memory that the caller guarantees to hold kLogLineBytesMax bytes.
class LineCursor {
 public:
  explicit LineCursor(char* begin) noexcept : at_(begin) {}

  void put(char c) noexcept { *at_++ = c; }
  void put(std::string_view words) noexcept {
    if (words.empty()) return;  // its data may be null
    std::memcpy(at_, words.data(), words.size());
    at_ += words.size();
  }
  void put_number(uint64_t value) noexcept { at_ = std::to_chars(at_, at_ + 20, value).ptr; }
  void put_queue_id(QueueId id) noexcept {
    const auto chars = id.text_chars();
    put(std::string_view(chars.data(), chars.size()));
  }
  void put_code(DsnCode code) noexcept {
    put_number(code.klass);
    put('.');
    put_number(code.subject);
    put('.');
    put_number(code.detail);
  }
  /// Seconds with at most two significant digits and at most `decimals_max` (0..6) decimals, whole
  /// from ten seconds on, without trailing zeros; rounded; negative counts as 0.
  void put_seconds(Duration value, int decimals_max) noexcept;
  /// Printable ASCII and UTF-8 as they are, line feeds and tabs as blanks, every other byte as '?';
  /// what exceeds `bytes_max` is cut and "..." appended.
  void put_text(std::string_view text, size_t bytes_max) noexcept;
  /// The same with JSON's escapes for quotation mark and backslash.
  void put_json_text(std::string_view text, size_t bytes_max) noexcept;

  [[nodiscard]] char* end() const noexcept { return at_; }

 private:
  char* at_;
};

/// `words`, `lead` and `trail` appear, keys do not.
class PostfixLine : public LineCursor {
 public:
  PostfixLine(char* begin, int delay_decimals_max) noexcept
      : LineCursor(begin), delay_decimals_max_(delay_decimals_max) {}

  void words(std::string_view text) noexcept { put(text); }
  void field(std::string_view lead, std::string_view, std::string_view value,
             std::string_view trail = {}, size_t bytes_max = kLogFieldBytesMax) noexcept {
    put(lead);
    put_text(value, bytes_max);
    put(trail);
  }
  void name(std::string_view lead, std::string_view, std::string_view constant) noexcept {
    put(lead);
    put(constant);
  }
  void number(std::string_view lead, std::string_view, uint64_t value,
              std::string_view trail = {}) noexcept {
    put(lead);
    put_number(value);
    put(trail);
  }
  void flag(std::string_view) noexcept {}
  void id(std::string_view lead, std::string_view, QueueId value) noexcept {
    put(lead);
    put_queue_id(value);
  }
  void code(std::string_view lead, std::string_view, DsnCode value) noexcept {
    put(lead);
    put_code(value);
  }
  void client(LogClient value) noexcept {
    put_text(value.name, kLogFieldBytesMax);
    put('[');
    put_text(value.address, kLogFieldBytesMax);
    put(']');
  }
  void original_client(LogClient value) noexcept {
    words(", orig_client=");
    client(value);
  }
  void delays(const Delays& value) noexcept;
  void counts(const CommandCounts& value) noexcept;

 private:
  int delay_decimals_max_;
};

/// Keys and values appear, words do not. The caller opens and closes the object.
class JsonLine : public LineCursor {
 public:
  JsonLine(char* begin, int delay_decimals_max) noexcept
      : LineCursor(begin), delay_decimals_max_(delay_decimals_max) {}

  void words(std::string_view) noexcept {}
  void field(std::string_view, std::string_view key, std::string_view value, std::string_view = {},
             size_t bytes_max = kLogFieldBytesMax) noexcept {
    put_key(key);
    put('"');
    put_json_text(value, bytes_max);
    put('"');
  }
  void name(std::string_view, std::string_view key, std::string_view constant) noexcept {
    put_key(key);
    put('"');
    put(constant);
    put('"');
  }
  void number(std::string_view, std::string_view key, uint64_t value,
              std::string_view = {}) noexcept {
    put_key(key);
    put_number(value);
  }
  void flag(std::string_view key) noexcept {
    put_key(key);
    put("true");
  }
  void id(std::string_view, std::string_view key, QueueId value) noexcept {
    put_key(key);
    put('"');
    put_queue_id(value);
    put('"');
  }
  void code(std::string_view, std::string_view key, DsnCode value) noexcept {
    put_key(key);
    put('"');
    put_code(value);
    put('"');
  }
  void client(LogClient value) noexcept {
    field({}, "client_name", value.name);
    field({}, "client_address", value.address);
  }
  void original_client(LogClient value) noexcept {
    field({}, "orig_client_name", value.name);
    field({}, "orig_client_address", value.address);
  }
  void delays(const Delays& value) noexcept;
  void counts(const CommandCounts& value) noexcept;

 private:
  void put_key(std::string_view key) noexcept {
    put(",\"");
    put(key);
    put("\":");
  }

  int delay_decimals_max_;
};

}  // namespace barid
