// The files of the mailbox of `barid dev`, read and removed: one a message, named after the moment
// it came, with its envelope in X- fields on top.
// Layer: tools. Blocking: for offload threads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace barid::tools {

/// Whether it can be the id of a message there: "1700000000000000-0001". Nothing else becomes part
/// of a path.
[[nodiscard]] bool is_mailbox_id(std::string_view id) noexcept;

struct MailboxQuery {
  uint32_t limit = 50;
  std::string before;  ///< id: only older ones; empty = from the newest
  std::string text;    ///< in sender, recipients or subject, any case; empty = all
};
inline constexpr uint32_t kMailboxPageMax = 200;
inline constexpr size_t kMailboxExaminedMax = 5'000;  ///< of one call with a text
inline constexpr size_t kMailboxHeadBytesMax = 64 * 1024;
inline constexpr uint64_t kMailboxMessageBytesMax = 64u << 20;

/// The newest first: `{"object":"list","has_more":…,"next":ID or null,"data":[{"id","received_at",
/// "size","sender","recipients","from","to","subject"}]}`. Errors: those of reading files.
[[nodiscard]] Result<std::string> list_mailbox(const std::string& directory,
                                               const MailboxQuery& query);

/// The file of a message. Errors: kNotFound, kTooLong, those of reading files.
[[nodiscard]] Result<std::string> load_mailbox_message(const std::string& directory,
                                                       std::string_view id);
/// Header, texts and parts of a message as JSON. Pure.
[[nodiscard]] std::string mailbox_message_json(std::string_view id, std::string_view message);
/// The HTML of a message, with the pictures that it brings along in it (`cid:`); empty if it has
/// none. Pure.
[[nodiscard]] std::string mailbox_message_html(std::string_view message);

/// Errors: kNotFound, those of the file system.
[[nodiscard]] Status remove_mailbox_message(const std::string& directory, std::string_view id);
/// All of them; how many that were.
[[nodiscard]] Result<uint64_t> empty_mailbox(const std::string& directory);

}  // namespace barid::tools
