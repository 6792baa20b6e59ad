// A submission as it is kept and shown: the record in Family::kEmails, and GET's view of it with
// what became of each recipient.
// Layer: http. Records are made by pure functions; views are read on offload threads.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "http/submit/email_request.h"
#include "http/submit/json.h"
#include "shard/queue/store.h"
#include "shard/schedule/queue_manager.h"

namespace barid::http {

struct RecordedRecipient {
  std::string address;
  QueueId queue_id;
  uint32_t index = 0;    ///< in its message
  std::string metadata;  ///< JSON, empty = none
};

struct EmailFacts {
  std::string id;
  std::string tenant;
  std::string message_id;
  WallTime created{};
  std::vector<RecordedRecipient> recipients;
};

[[nodiscard]] std::string email_record(const EmailFacts& facts, const EmailRequest& request);

/// Whose email is meant, and which.
struct EmailName {
  std::string tenant;
  std::string id;  ///< as it was asked for
  QueueId first;   ///< in `id`
};

/// What an offload thread reads: the record, and the answer made of it. Empty text: there is no
/// such email of that tenant. Errors: kIo, kCorrupt, kUnavailable.
[[nodiscard]] Result<std::string> read_email_view(const queue::Store& store, const EmailName& name);

/// What GET shows of a record out of `store`, without its texts.
[[nodiscard]] std::string show_email(const queue::Store& store, const JsonValue& record);

/// A scheduled email and what changes it.
struct AmendableEmail {
  bool found = false;
  WallTime expires_at{};                        ///< the latest time to send it at; epoch = none
  schedule::QueueManager::Amendment amendment;  ///< no ids: it is not scheduled any more
};
/// To be due at `due`, or withdrawn (epoch). Errors: as read_email_view().
[[nodiscard]] Result<AmendableEmail> read_amendable(const queue::Store& store,
                                                    const EmailName& name, WallTime due,
                                                    WallTime now);

struct ListQuery {
  std::string tenant;
  uint32_t limit = 20;
  std::string after;   ///< key: only older ones
  std::string before;  ///< key: only newer ones, those next to it
};
/// The newest first, of all `stores`: `{"object":"list","has_more":…,"data":[…]}`.
[[nodiscard]] Result<std::string> read_email_list(const std::vector<const queue::Store*>& stores,
                                                  const ListQuery& query);

}  // namespace barid::http
