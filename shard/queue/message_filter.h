// Which messages an operator means: by sender, recipient, domain, site, tenant, stream, state, age
// or reason. All conditions must hold; those about recipients hold if they do for one that is not
// done. Commands and the admin API read the same words, so that they say the same about bad ones.
// Layer: shard/queue, pure. A plain value: copied to offload threads.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/mail/queue_entry.h"
#include "shard/queue/message.h"

namespace barid::queue {

/// In which of Postfix's queues a message is shown.
[[nodiscard]] QueueName queue_of(const Message& message, bool in_memory) noexcept;

class MessageFilter {
 public:
  /// What may be set, without "--": the options of `barid queue` and the names in a query.
  static constexpr std::array<std::string_view, 9> kNames = {
      "sender", "recipient", "domain", "site", "tenant", "stream", "state", "older-than", "reason"};

  /// Adds a condition. Empty, or one sentence that says what would be right. `name` is one of
  /// kNames. A second `state` widens the first; a second one of another name replaces it.
  [[nodiscard]] std::string add(std::string_view name, std::string_view value);
  /// True if no condition was added: every message matches.
  [[nodiscard]] bool empty() const noexcept { return !any_; }

  /// A message whose recipients were all settled matches no condition about recipients.
  [[nodiscard]] bool matches(const Message& message, QueueName state, WallTime now) const;

  [[nodiscard]] const std::string& site() const noexcept { return site_; }
  /// Which domains and next hops belong to site(), as the schedule knows it. Its own name always
  /// does.
  void add_site_member(std::string_view nexthop) { site_members_.insert(std::string(nexthop)); }
  /// Leaves only the states that are in `names`; false if none is left.
  bool restrict_states(std::initializer_list<QueueName> names) noexcept;

 private:
  [[nodiscard]] bool recipients_match(const Message& message) const;
  [[nodiscard]] bool site_matches(const Message& message, std::string_view domain) const;

  bool any_ = false;
  std::optional<std::string> sender_;  // lower case; empty = null sender; "@domain" = of a domain
  std::string recipient_;              // lower case; "@domain" = of a domain
  std::string domain_;                 // lower case
  std::string site_;                   // lower case
  absl::flat_hash_set<std::string> site_members_;
  std::optional<std::string> tenant_;
  std::optional<Stream> stream_;
  uint8_t states_ = 0xff;  // a bit for each QueueName
  bool states_given_ = false;
  std::optional<std::chrono::seconds> older_than_;
  std::string reason_;  // lower case, a part of it
};

}  // namespace barid::queue
