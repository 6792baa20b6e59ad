// Mail of this host's programs: submitted to the server over a unix socket, or kept in files below
// queue_directory/maildrop while it is down.
// Layer: tools. Blocks.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/barid/maildrop_file.h"
#include "tools/barid/maildrop_view.h"

namespace barid::tools {

/// On disk, with its directory entry, when it returns. Empty, or why not.
[[nodiscard]] std::string write_maildrop(const std::string& queue_directory,
                                         const MaildropMessage& message);

/// How a submission ended.
struct SubmitResult {
  int exit_status = 0;   ///< sysexits.h; 0: on disk
  bool is_down = false;  ///< nobody listens, or the server is about to end
  std::string text;      ///< the reply, or what went wrong
};
/// To the server over queue_directory/public/pickup. All recipients, or none.
[[nodiscard]] SubmitResult submit_to_server(const std::string& queue_directory,
                                            const MaildropMessage& message, int patience_seconds);

/// Submits what waits, some files at most. Returns what is to be logged as warnings.
[[nodiscard]] std::vector<std::string> pick_up_maildrop(const std::string& queue_directory);

/// A message that waits there.
struct WaitingMail {
  std::unique_ptr<queue::Message> message;
  std::string content;
};
/// Ids of what waits and may be read, oldest first.
[[nodiscard]] std::vector<QueueId> list_maildrop(const std::string& queue_directory);
/// Nothing: it is not there any more, may not be read, or is no message.
[[nodiscard]] std::optional<WaitingMail> load_maildrop(const std::string& queue_directory,
                                                       QueueId id);
/// False: there is none, or it may not be removed.
bool remove_maildrop(const std::string& queue_directory, QueueId id);

/// A connection to that socket, or -1.
[[nodiscard]] int connect_to_pickup(const std::string& queue_directory);

}  // namespace barid::tools
