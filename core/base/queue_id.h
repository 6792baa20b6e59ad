// Queue ids: who a message is, for ever (contract: `[0-9A-Za-z]{12,20}`, sortable by arrival).
// An id is the arrival time in microseconds, made strictly increasing inside its partition, and the
// partition's number. Text form: 9 base-62 digits of time, 3 of partition, in ASCII order
// (0-9 A-Z a-z), so that text order is arrival order. Binary form: 8 + 2 bytes, big-endian.
// Layer: core/base, pure.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace barid {

struct QueueId {
  uint64_t micros = 0;  ///< below 62^9 (year 2398)
  uint16_t partition = 0;

  auto operator<=>(const QueueId&) const = default;

  static constexpr size_t kTextBytes = 12;
  static constexpr size_t kKeyBytes = 10;

  [[nodiscard]] bool is_null() const noexcept { return micros == 0; }
  [[nodiscard]] std::array<char, kTextBytes> text_chars() const noexcept;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::array<char, kKeyBytes> key() const noexcept;

  /// Parses the text form; nullopt for anything else.
  [[nodiscard]] static std::optional<QueueId> parse(std::string_view text) noexcept;
  /// Reads the binary form; nullopt unless exactly kKeyBytes long.
  [[nodiscard]] static std::optional<QueueId> from_key(std::string_view key) noexcept;

  template <typename H>
  friend H AbslHashValue(H h, const QueueId& id) {
    return H::combine(std::move(h), id.micros, id.partition);
  }
};

}  // namespace barid
