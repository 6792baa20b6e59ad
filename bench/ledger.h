// An append-only text file of what was acknowledged: one line "sequence recipient hash" each.
// Two ledgers, the source's and the sink's, balance when nothing was lost.
// Layer: bench; one LedgerWriter per thread, several may share one file (O_APPEND).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace barid::bench {

class LedgerWriter {
 public:
  struct Options {
    std::string path;
    bool sync = false;  ///< fdatasync at every flush
  };
  /// Opens or creates the file for appending. Errors: those of open(2).
  [[nodiscard]] static Result<std::unique_ptr<LedgerWriter>> open(const Options& options);
  ~LedgerWriter();
  LedgerWriter(const LedgerWriter&) = delete;
  LedgerWriter& operator=(const LedgerWriter&) = delete;

  /// Buffers a line; flush() must come before whatever the line promises.
  void add(std::string_view sequence, std::string_view recipient, uint64_t hash);
  /// Errors: those of write(2) and fdatasync(2); lines of a failed flush are not retried.
  [[nodiscard]] Status flush();

 private:
  LedgerWriter(int fd, bool sync) : fd_(fd), sync_(sync) {}

  const int fd_;
  const bool sync_;
  std::string buffer_;
};

}  // namespace barid::bench
