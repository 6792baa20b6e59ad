// Reads the benchmark's own fields out of a message that streams past, and hashes its body, so that
// a sink can tell which message it got and whether it is whole.
// Layer: bench, pure; no allocation once its header buffer has grown.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bench/content_hash.h"

namespace barid::bench {

class ContentInspector {
 public:
  static constexpr uint32_t kHeaderBytesMax = 256 * 1024;

  void reset() noexcept;
  void feed(std::string_view content);
  /// Call after the last byte; only then the getters below are valid.
  void finish();

  /// "run-number", empty when the message is not one of ours. Valid until reset().
  [[nodiscard]] std::string_view sequence() const noexcept { return sequence_; }
  [[nodiscard]] uint32_t recipient_count() const noexcept { return recipient_count_; }
  [[nodiscard]] bool has_hash() const noexcept { return has_hash_; }
  /// The body is what the sender hashed.
  [[nodiscard]] bool intact() const noexcept { return has_hash_ && hash_wanted_ == hash_; }
  [[nodiscard]] uint64_t hash() const noexcept { return hash_; }
  [[nodiscard]] uint64_t bytes() const noexcept { return bytes_; }

 private:
  void parse_header();
  void parse_field(std::string_view line);

  std::string header_;  ///< the header block, until its end was seen
  bool in_header_ = true;
  bool has_hash_ = false;
  uint32_t recipient_count_ = 1;
  uint64_t hash_wanted_ = 0;
  uint64_t hash_ = 0;
  uint64_t bytes_ = 0;
  std::string_view sequence_;  ///< into header_
  ContentHash body_hash_;
};

}  // namespace barid::bench
