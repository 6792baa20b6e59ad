// What the operator stopped for a while: mail for a domain or a site, of a tenant or a stream. Each
// entry has a name ("domain:example.org"), an end or none, and a reason that shows wherever the
// mail shows. The list is one value, the same on every shard, kept in the file `suspensions` of the
// queue directory.
//
// File: a first line "barid suspensions 1", then one line an entry, fields separated by tabs:
//   kind  value  since  until  reason        (times in Unix seconds, until 0 = until resumed)
// Layer: shard/schedule, pure.
#pragma once

#include <absl/container/btree_map.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/result.h"
#include "core/base/time.h"
#include "core/mail/envelope.h"

namespace barid::schedule {

enum class SuspensionKind : uint8_t { kDomain = 0, kSite, kTenant, kStream };
inline constexpr size_t kSuspensionKindCount = 4;
/// "domain", "site", "tenant", "stream".
[[nodiscard]] std::string_view suspension_kind_name(SuspensionKind kind) noexcept;
[[nodiscard]] std::optional<SuspensionKind> find_suspension_kind(std::string_view name) noexcept;

inline constexpr size_t kSuspensionsMax = 1000;
inline constexpr size_t kSuspensionValueBytesMax = 255;
inline constexpr size_t kSuspensionReasonBytesMax = 200;

struct Suspension {
  SuspensionKind kind = SuspensionKind::kDomain;
  std::string value;  ///< lower case; of a stream: its name
  WallTime since{};
  WallTime until{};    ///< epoch = until it is resumed
  std::string reason;  ///< printable, may be empty

  [[nodiscard]] std::string name() const;
  [[nodiscard]] bool active(WallTime now) const noexcept {
    return until == WallTime{} || now < until;
  }

  bool operator==(const Suspension&) const = default;
};

/// Whose turn it would be. Empty = not known.
struct SuspensionQuery {
  std::string_view domain;  ///< lower case, of the recipient or next hop
  std::string_view site;    ///< lower case
  std::string_view tenant;
  Stream stream = Stream::kTransactional;
};

class Suspensions {
 public:
  /// The entry that keeps such mail back longest, or null. A few tree look-ups; none if the list is
  /// empty.
  [[nodiscard]] const Suspension* find(const SuspensionQuery& query, WallTime now) const noexcept;

  /// Adds an entry or replaces the one of its name; its value is put into lower case. Empty, or one
  /// sentence that says what is wrong with it.
  [[nodiscard]] std::string add(Suspension entry);
  /// False if there is none of that name.
  bool remove(SuspensionKind kind, std::string_view value);
  /// Drops what is over; how many that were.
  size_t drop_ended(WallTime now);

  /// The earliest end of an entry, for a timer; none if nothing ends by itself.
  [[nodiscard]] std::optional<WallTime> next_end() const noexcept;
  [[nodiscard]] size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
  /// In order of kind, then value.
  template <typename F>
  void for_each(F&& visit) const {
    for (const auto& [key, entry] : entries_) visit(entry);
  }

  [[nodiscard]] std::string to_text() const;
  /// Errors: kMalformed, kTooLong (over kSuspensionsMax entries); the text says what, `*line`
  /// where.
  [[nodiscard]] static Result<Suspensions> from_text(std::string_view text, size_t* line);

  bool operator==(const Suspensions&) const = default;

 private:
  using Key = std::pair<SuspensionKind, std::string>;
  [[nodiscard]] const Suspension* find_one(SuspensionKind kind, std::string_view value,
                                           WallTime now) const noexcept;
  absl::btree_map<Key, Suspension> entries_;
};

}  // namespace barid::schedule
