// Submissions of all tenants, for operators: found by what they were and what became of them.
// Layer: http. Blocking: for offload threads.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "http/target.h"
#include "shard/queue/store.h"

namespace barid::http {

/// All conditions must hold. Text is compared without regard to case.
struct EmailSearch {
  static constexpr uint32_t kLimitMax = 100;
  /// Records of a store that one call looks at; it then says where to go on.
  static constexpr size_t kExaminedMax = 20'000;

  std::optional<std::string> tenant;
  std::string recipient;            ///< of to, cc, bcc: an address, or "@" and a domain
  std::string sender;               ///< From: the same
  std::string subject;              ///< a part of it
  std::string tag_name, tag_value;  ///< empty value = any
  std::string event;                ///< last_event
  std::string after;                ///< key: only older ones
  uint32_t limit = 50;
};

/// `tenant recipient sender subject tag event after limit`. Empty, or one sentence that says what
/// would be right.
[[nodiscard]] std::string read_email_search(const Target& target, EmailSearch* search);

/// The newest first: `{"object":"list","has_more":…,"next":ID or null,"examined":N,"data":[…]}`;
/// entries are those of GET /emails with the `tenant`. Errors: those of the stores.
[[nodiscard]] Result<std::string> search_emails(const std::vector<const queue::Store*>& stores,
                                                const EmailSearch& search);

/// One submission, whoever's it is, as GET /emails/{id} shows it, with its tenant; `id`: its own,
/// or the queue id of one of its messages, gone or not. Empty = there is none. Errors: those of the
/// stores.
[[nodiscard]] Result<std::string> find_email(const std::vector<const queue::Store*>& stores,
                                             std::string_view id);

/// What happened to it, an event a line as they are stored, the oldest first; at most
/// kEmailEventsMax, and of a store at most kEmailEventsExaminedMax are looked at. Errors: those of
/// the stores.
[[nodiscard]] Result<std::string> find_email_events(const std::vector<const queue::Store*>& stores,
                                                    std::string_view id);
inline constexpr size_t kEmailEventsMax = 500;
inline constexpr size_t kEmailEventsExaminedMax = 200'000;

}  // namespace barid::http
