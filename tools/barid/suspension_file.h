// The file `suspensions` of the queue directory: read at start, replaced as a whole and synced at
// each change. Layer: tools. Blocking: at start, then on offload threads.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "shard/schedule/suspensions.h"

namespace barid::tools {

class SuspensionFile {
 public:
  /// Empty, or the sentence that says why the file cannot be used. A missing one is an empty list.
  [[nodiscard]] std::string load(const std::string& queue_directory);
  /// What load() found.
  [[nodiscard]] const schedule::Suspensions& loaded() const noexcept { return loaded_; }

  /// Any thread. A list that is older than what was saved is dropped. Errors: kIo, kNoSpace.
  [[nodiscard]] Status save(const schedule::Suspensions& list, uint64_t version);

 private:
  std::string directory_;
  schedule::Suspensions loaded_;
  std::mutex mutex_;
  uint64_t saved_version_ = 0;
};

}  // namespace barid::tools
