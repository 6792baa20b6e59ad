// Message content in memory: a chain of blocks, appended to while it is received, then read-only
// and shared by the store batch, the schedule and the delivery sessions of one shard. No block is
// larger than kBlockBytesMax; the first is sized for the common small message. Layer: core/mem.
// Shard-owned: the reference count is not atomic.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "core/mem/pages.h"

namespace barid {

class Content {
 public:
  static constexpr size_t kFirstBlockBytes = 8 * 1024;
  static constexpr size_t kBlockBytesMax = 128 * 1024;

  /// Copies `bytes` to the end. Only before the content is shared.
  void append(std::string_view bytes);

  /// Gives each span to `take` and frees it: what is copied elsewhere is held once. Many blocks
  /// go back to the system at once: the allocator would keep them for a while.
  template <typename Take>
  void drain(Take&& take) {
    const bool large = size_ >= kReleaseBytesMin;
    for (size_t i = 0; i < spans_.size(); ++i) {
      take(spans_[i]);
      if (large) release_pages(spans_[i]);
      blocks_[i] = {};
    }
    blocks_.clear();
    spans_.clear();
    size_ = memory_bytes_ = 0;
  }

  [[nodiscard]] uint64_t size() const noexcept { return size_; }
  /// Memory held, for accounting against a limit.
  [[nodiscard]] uint64_t memory_bytes() const noexcept { return memory_bytes_; }
  /// The bytes in order; valid as long as the content is.
  [[nodiscard]] const std::vector<std::string_view>& spans() const noexcept { return spans_; }

 private:
  friend class ContentRef;
  struct Block {
    std::unique_ptr<char[]> bytes;
    size_t capacity = 0;
  };
  std::vector<Block> blocks_;
  std::vector<std::string_view> spans_;
  uint64_t size_ = 0;
  uint64_t memory_bytes_ = 0;
  uint32_t references_ = 0;
};

/// Shares a Content inside one shard.
class ContentRef {
 public:
  ContentRef() = default;
  [[nodiscard]] static ContentRef make() { return ContentRef(new Content); }
  ContentRef(const ContentRef& other) noexcept : ContentRef(other.content_) {}
  ContentRef(ContentRef&& other) noexcept : content_(std::exchange(other.content_, nullptr)) {}
  ContentRef& operator=(ContentRef other) noexcept {
    std::swap(content_, other.content_);
    return *this;
  }
  ~ContentRef() {
    if (content_ != nullptr && --content_->references_ == 0) delete content_;
  }

  explicit operator bool() const noexcept { return content_ != nullptr; }
  Content* operator->() const noexcept { return content_; }
  Content& operator*() const noexcept { return *content_; }
  void reset() noexcept { *this = ContentRef(); }

 private:
  explicit ContentRef(Content* content) noexcept : content_(content) {
    if (content_ != nullptr) ++content_->references_;
  }
  Content* content_ = nullptr;
};

}  // namespace barid
