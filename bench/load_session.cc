#include "bench/load_session.h"

#include <algorithm>

#include "core/base/assert.h"

namespace barid::bench {

void OutputQueue::close_text() {
  if (text_.size() == closed_) return;
  segments_.push_back({.borrowed = nullptr, .offset = closed_, .length = text_.size() - closed_});
  closed_ = text_.size();
}

void OutputQueue::borrow(std::string_view bytes) {
  close_text();
  segments_.push_back({.borrowed = bytes.data(), .offset = 0, .length = bytes.size()});
}

size_t OutputQueue::vectors(std::span<iovec> out) {
  close_text();
  size_t count = 0;
  for (size_t i = first_; i < segments_.size() && count < out.size(); ++i) {
    const Segment& segment = segments_[i];
    const char* base = segment.borrowed != nullptr ? segment.borrowed : text_.data();
    out[count++] =
        iovec{.iov_base = const_cast<char*>(base + segment.offset), .iov_len = segment.length};
  }
  return count;
}

void OutputQueue::consume(size_t bytes) {
  while (bytes > 0) {
    BARID_ASSERT(first_ < segments_.size());
    Segment& segment = segments_[first_];
    const size_t taken = std::min(bytes, segment.length);
    segment.offset += taken;
    segment.length -= taken;
    bytes -= taken;
    if (segment.length == 0) ++first_;
  }
  if (first_ == segments_.size() && text_.size() == closed_) clear();
}

void OutputQueue::clear() noexcept {
  text_.clear();
  segments_.clear();
  closed_ = first_ = 0;
}

void LoadSession::count_accepted(const Work& work, const std::vector<bool>& accepted,
                                 MonoTime now) {
  SourceCounts& counts = *context_.counts;
  const MessageFactory& factory = *context_.factory;
  ++counts.accepted;
  counts.bytes_accepted += factory.message_bytes(work.sequence);
  if (now >= context_.window_start) {
    ++counts.accepted_in_window;
    const int64_t latency = (now - work.start).count();
    context_.latency->record(latency > 0 ? static_cast<uint64_t>(latency) : 0);
  }
  if (context_.ledger == nullptr) return;
  std::string name = factory.shape().run + "-" + std::string(kSequenceDigits, '0');
  write_decimal(work.sequence, kSequenceDigits, name.data() + name.size() - kSequenceDigits);
  for (uint32_t i = 0; i < accepted.size(); ++i) {
    if (!accepted[i]) continue;
    recipient_.clear();
    factory.append_recipient(work.sequence, i, recipient_);
    context_.ledger->add(name, recipient_, factory.tail(work.sequence).hash);
  }
}

bool LoadSession::try_again(const Work& work, MonoTime now) {
  if (!context_.supply->retry(work, now)) return false;
  ++context_.counts->retried;
  return true;
}

}  // namespace barid::bench
