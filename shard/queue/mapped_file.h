// A small file of words mapped into memory: what is stored there survives the death of the process
// without a system call. A power cut may lose the latest stores.
// Layer: shard/queue. Opening blocks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "core/base/result.h"

namespace barid::queue {

class MappedFile {
 public:
  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept : words_(std::exchange(other.words_, {})) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(words_, other.words_);
    return *this;
  }
  ~MappedFile();

  /// Makes the file if it is missing; what is new in it is 0. Errors: of the system.
  [[nodiscard]] static Result<MappedFile> open(const std::string& path, size_t words_count);

  /// Empty if not open. Valid as long as this lives.
  [[nodiscard]] std::span<uint64_t> words() const noexcept { return words_; }

 private:
  std::span<uint64_t> words_;
};

}  // namespace barid::queue
