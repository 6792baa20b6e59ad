// How many messages each warming address has sent to each site today, over all shards. Asked per
// message, but only for mail that leaves from an address with a plan: a few hundred or thousand a
// day, hence a plain mutex. The file `warmup` of the queue directory keeps the counts over a
// restart.
//
// File: a first line "barid warmup 1", then one line a count, fields separated by tabs:
//   day  address  site  count        (days since 1970-01-01, UTC)
// Layer: policy. Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "policy/warmup_plan.h"

namespace barid::policy {

class WarmupCounts {
 public:
  /// Counts one more message if fewer than `limit` were counted that day.
  [[nodiscard]] bool take(std::string_view address, std::string_view site, Day day, uint32_t limit);
  /// That one was not sent after all.
  void give_back(std::string_view address, std::string_view site, Day day);
  [[nodiscard]] uint32_t count(std::string_view address, std::string_view site, Day day) const;

  /// Of the present day, for the file.
  [[nodiscard]] std::string to_text() const;
  /// Replaces everything; false if the text is not of that form (what could be read counts).
  [[nodiscard]] bool from_text(std::string_view text);
  /// Whether something changed since the last call.
  [[nodiscard]] bool take_changed();

 private:
  void turn_to(Day day);

  mutable std::mutex mutex_;
  Day day_ = 0;  // of all counts: those of other days are of no use
  std::map<std::pair<std::string, std::string>, uint32_t> counts_;  // by address and site
  bool changed_ = false;
};

}  // namespace barid::policy
