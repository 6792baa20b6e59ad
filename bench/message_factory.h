// Messages of the load generator, prepared before the clock starts: a message is a short head that
// names its sequence number, followed by one of a few prepared tails, so that sending one costs a
// few copied digits and no allocation.
// Layer: bench, pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace barid::bench {

inline constexpr uint32_t kSequenceDigits = 10;
inline constexpr uint64_t kSequenceMax = 9'999'999'999;
inline constexpr uint32_t kRunBytesMax = 24;
inline constexpr uint32_t kRecipientsPerMessageMax = 1000;
inline constexpr uint64_t kMessageBytesMax = 256u << 20;

/// Sizes of whole messages in bytes, header included, uniform between both ends.
struct SizeRange {
  uint64_t bytes_min = 5 * 1024;
  uint64_t bytes_max = 5 * 1024;
};
/// Parses "5000", "5k", "1k-20k", "2M" (k = 1024, M = 1024²).
/// Errors: kMalformed (grammar, zero, or ends reversed), kTooLong (over kMessageBytesMax).
[[nodiscard]] Result<SizeRange> parse_size_range(std::string_view text) noexcept;

/// A distribution of sizes: ranges, each with its share of the messages.
struct SizeMix {
  struct Part {
    SizeRange range;
    uint32_t weight = 1;
  };
  std::vector<Part> parts;
  SizeRange whole;  ///< the smallest and the largest
};
/// Parses one range, or several with weights: "2k*70,20k-40k*25,1M*5".
/// Errors: those of parse_size_range; kMalformed also for a weight that is not 1-1000.
[[nodiscard]] Result<SizeMix> parse_size_mix(std::string_view text);

/// How messages are spread over the recipient domains.
enum class DomainSpread : uint8_t {
  kEven,  ///< each in turn
  kZipf,  ///< domain n gets 1/(n + 1) of what the first gets, as mail on the Internet is
};

struct MessageShape {
  std::string run = "run";  ///< [A-Za-z0-9]{1,24}; names this run in the sequence header
  std::string sender = "sender@bench.example";
  std::string recipient;         ///< fixed address, or empty: r<k>@d<NNNN>.example
  uint32_t domain_count = 1;     ///< recipient domains, used in turn
  uint32_t recipient_count = 1;  ///< recipients of each message
  DomainSpread domain_spread = DomainSpread::kEven;
  SizeRange size;
  std::vector<SizeMix::Part> size_parts;  ///< a distribution instead of `size`
  uint64_t seed = 1;
};

/// What of a message does not depend on its sequence number.
struct MessageTail {
  std::string dotted;  ///< with dot-stuffing and the final ".\r\n" (RFC 5321 4.5.2)
  std::string plain;   ///< as BDAT carries it (RFC 3030)
  std::string json;    ///< an email as the HTTP API takes it, from behind the JSON head on
  uint64_t hash = 0;   ///< ContentHash of everything after the header block
};

class MessageFactory {
 public:
  /// Errors: kMalformed (run name, addresses), kTooLong (counts out of range).
  [[nodiscard]] static Result<MessageFactory> make(const MessageShape& shape);

  /// Tail of message `sequence`; the same number always gets the same tail.
  [[nodiscard]] const MessageTail& tail(uint64_t sequence) const noexcept {
    return tails_[sequence % tails_.size()];
  }
  /// Appends the header fields that name the message; always head_bytes() long.
  void append_head(uint64_t sequence, std::string& out) const;
  /// Appends the beginning of the email in JSON; its end is the tail's `json`. Always as long.
  void append_json_head(uint64_t sequence, std::string& out) const;
  [[nodiscard]] uint32_t head_bytes() const noexcept {
    return static_cast<uint32_t>(head_template_.size());
  }
  /// Bytes of the whole message as SIZE and BDAT count them.
  [[nodiscard]] uint64_t message_bytes(uint64_t sequence) const noexcept {
    return head_bytes() + tail(sequence).plain.size();
  }

  /// Appends "MAIL FROM:<…>[ SIZE=n]\r\n".
  void append_mail(uint64_t sequence, bool with_size, std::string& out) const;
  /// Appends "RCPT TO:<…>\r\n" for recipient `index` of the message.
  void append_rcpt(uint64_t sequence, uint32_t index, std::string& out) const;
  void append_recipient(uint64_t sequence, uint32_t index, std::string& out) const;

  [[nodiscard]] const MessageShape& shape() const noexcept { return shape_; }

 private:
  explicit MessageFactory(const MessageShape& shape) : shape_(shape) {}
  void build_head();
  void build_tails();
  void build_domains();
  [[nodiscard]] std::string build_json(std::string_view hash, std::string_view body) const;
  [[nodiscard]] MessageTail build_tail(uint64_t bytes_wanted, uint64_t seed) const;

  MessageShape shape_;
  std::string head_template_;
  uint32_t sequence_at_ = 0;  ///< offsets of the digits in head_template_
  uint32_t message_id_at_ = 0;
  std::vector<MessageTail> tails_;
  std::vector<std::string> domains_;    ///< "@d0001.example"
  std::vector<uint32_t> domain_order_;  ///< their indices, in the order of messages; even: empty
  std::string recipient_local_;         ///< of a fixed recipient
};

/// Writes `value` as exactly `digits` decimal digits.
void write_decimal(uint64_t value, uint32_t digits, char* out) noexcept;

}  // namespace barid::bench
