// The resolver seam: asks for the records of one name and type, gets a value back.
// Implementations: UnboundResolver (real), ScriptedResolver (simulation and tests).
// Source: RFC 1035 3.2.2 (types), RFC 2308 (negative answers), RFC 4035 4.3 (validation states).
// Layer:  dns. Shard-owned; answers are plain values and hold nothing of a library.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "shard/net/socket_address.h"
#include "shard/runtime/task.h"

namespace barid::dns {

/// Values are those of the wire.
enum class RecordType : uint16_t { kA = 1, kPtr = 12, kMx = 15, kTxt = 16, kAaaa = 28, kTlsa = 52 };

/// "MX", "AAAA", … Never empty.
[[nodiscard]] std::string_view record_type_name(RecordType type) noexcept;
[[nodiscard]] std::optional<RecordType> parse_record_type(std::string_view name) noexcept;

enum class AnswerStatus : uint8_t {
  kOk,         ///< at least one record
  kNxDomain,   ///< the name does not exist
  kNoData,     ///< the name exists, but has no record of this type
  kServFail,   ///< the name servers failed, or refused to answer
  kTimeout,    ///< no answer before the deadline
  kMalformed,  ///< the name cannot be asked for, or no record of the answer decodes
  kBogus,      ///< DNSSEC validation failed
  kExhausted,  ///< too many queries outstanding; nothing was asked
  kCancelled,  ///< the resolver is closing
};

/// "ok", "nxdomain", … for logs and scenario files. Never empty.
[[nodiscard]] std::string_view answer_status_name(AnswerStatus status) noexcept;
/// True if asking again later may end differently.
[[nodiscard]] constexpr bool is_temporary(AnswerStatus status) noexcept {
  return status == AnswerStatus::kServFail || status == AnswerStatus::kTimeout ||
         status == AnswerStatus::kBogus || status == AnswerStatus::kExhausted ||
         status == AnswerStatus::kCancelled;
}

/// RFC 4035 4.3; kInsecure also when nothing validates.
enum class Validation : uint8_t { kInsecure, kSecure, kBogus };

struct MxRecord {
  uint16_t preference = 0;
  std::string host;  ///< presentation form; "" is the root, the null MX of RFC 7505
  bool operator==(const MxRecord&) const = default;
};

struct TlsaRecord {
  uint8_t usage = 0;
  uint8_t selector = 0;
  uint8_t matching_type = 0;
  std::string data;  ///< raw bytes
  bool operator==(const TlsaRecord&) const = default;
};

struct Answer {
  AnswerStatus status = AnswerStatus::kServFail;
  Validation validation = Validation::kInsecure;
  std::chrono::seconds ttl{0};  ///< how long it may be reused, also when negative (RFC 2308 5)
  std::string canonical_name;   ///< where CNAMEs led, no trailing dot; empty if the name has none
  std::string detail;           ///< why it is bogus; else empty

  // Of these, the one that belongs to the type asked for is filled, and only if kOk.
  std::vector<MxRecord> mx;                   ///< in the order of the answer
  std::vector<net::SocketAddress> addresses;  ///< A or AAAA, port 0
  std::vector<std::string> names;             ///< PTR
  std::vector<std::string> texts;             ///< TXT, character strings joined
  std::vector<TlsaRecord> tlsa;

  bool operator==(const Answer&) const = default;
};

[[nodiscard]] inline Answer answer_of(AnswerStatus status) { return Answer{.status = status}; }

class Resolver {
 public:
  virtual ~Resolver() = default;
  /// Resolves `name` (any case, trailing dot or not, absolute either way). Ends by `deadline`.
  virtual rt::Task<Answer> query(std::string name, RecordType type, MonoTime deadline) = 0;
};

}  // namespace barid::dns
