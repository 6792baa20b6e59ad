// Links that tell when an email is read or a link in it is followed. A link carries what it stands
// for, signed with the key of this installation: who did not get it from us cannot make one, so it
// leads nowhere but where the sender's own link led.
// Layer: http, pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace barid::http {

struct TrackWish {
  bool opens = false;
  bool clicks = false;

  [[nodiscard]] bool any() const noexcept { return opens || clicks; }
};

enum class TrackedAct : char { kOpen = 'o', kClick = 'c' };

/// What a link stands for.
struct TrackedLink {
  TrackedAct act = TrackedAct::kOpen;
  std::string email_id;
  std::string recipient;  ///< empty: one of several
  std::string url;        ///< kClick: where it leads
};

inline constexpr size_t kTrackingKeyBytes = 32;
inline constexpr size_t kTrackingTokenBytesMax = 4096;

class TrackingLinks {
 public:
  TrackingLinks() = default;
  /// `base_url`: without a slash at the end; empty = there is no tracking. `key`: secret.
  TrackingLinks(std::string base_url, std::string key)
      : base_url_(std::move(base_url)), key_(std::move(key)) {}

  [[nodiscard]] bool enabled() const noexcept { return !base_url_.empty(); }

  struct Copy {
    std::string_view email_id;
    std::string_view recipient;  ///< empty: the copy has several
    std::string_view untouched;  ///< a URL that is not replaced; empty = none
  };
  /// The html of that copy with links and pixel as wished.
  [[nodiscard]] std::string prepare(std::string_view html, const Copy& copy, TrackWish wish) const;

  /// base/t/o/TOKEN or base/t/c/TOKEN.
  [[nodiscard]] std::string url_of(const TrackedLink& link) const;
  /// Nullopt: not made with this key, or for another act.
  [[nodiscard]] std::optional<TrackedLink> read(TrackedAct act, std::string_view token) const;

 private:
  std::string base_url_;
  std::string key_;
};

/// What is wrong with a base URL, in a sentence; empty = nothing.
[[nodiscard]] std::string tracking_base_problem(std::string_view url);
/// A URL as a Location field may hold it.
[[nodiscard]] std::string location_of(std::string_view url);

}  // namespace barid::http
