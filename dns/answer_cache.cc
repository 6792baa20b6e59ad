#include "dns/answer_cache.h"

#include <algorithm>

#include "core/base/assert.h"
#include "core/text/ascii.h"

namespace barid::dns {

const Answer* AnswerCache::find(std::string_view name, RecordType type, MonoTime now) {
  const auto found = index_.find(key_of(name, type));
  if (found == index_.end()) return nullptr;
  const uint32_t slot = found->second;
  if (entries_[slot].expires_at <= now) {
    remove(slot);
    return nullptr;
  }
  unlink(slot);
  link_newest(slot);
  found_expires_at_ = entries_[slot].expires_at;
  return &entries_[slot].answer;
}

std::chrono::seconds AnswerCache::remaining_ttl(MonoTime now) const noexcept {
  const auto left = std::chrono::floor<std::chrono::seconds>(found_expires_at_ - now);
  return std::max(left, std::chrono::seconds(1));
}

void AnswerCache::store(std::string_view name, RecordType type, const Answer& answer,
                        MonoTime now) {
  const std::chrono::seconds live = lifetime(answer);
  if (live <= std::chrono::seconds::zero() || limits_.entries_max == 0) return;
  const std::string& key = key_of(name, type);
  const auto found = index_.find(key);
  uint32_t slot = kNone;
  if (found != index_.end()) {
    slot = found->second;
    unlink(slot);
  } else {
    slot = take_slot();
    entries_[slot].key = key;
    index_.emplace(entries_[slot].key, slot);
  }
  entries_[slot].answer = answer;
  entries_[slot].answer.ttl = live;
  entries_[slot].expires_at = now + live;
  link_newest(slot);
  BARID_ASSERT(index_.size() <= limits_.entries_max);
}

void AnswerCache::clear() {
  index_.clear();
  entries_.clear();
  free_slots_.clear();
  newest_ = kNone;
  oldest_ = kNone;
}

std::chrono::seconds AnswerCache::lifetime(const Answer& answer) const noexcept {
  switch (answer.status) {
    case AnswerStatus::kOk:
      return std::min(answer.ttl, limits_.positive_ttl_max);
    case AnswerStatus::kNxDomain:
    case AnswerStatus::kNoData:
      return std::min(answer.ttl, limits_.negative_ttl_max);
    case AnswerStatus::kServFail:
    case AnswerStatus::kBogus:
      return limits_.failure_ttl;
    case AnswerStatus::kTimeout:
    case AnswerStatus::kMalformed:
    case AnswerStatus::kExhausted:
    case AnswerStatus::kCancelled:
      break;
  }
  return std::chrono::seconds::zero();
}

const std::string& AnswerCache::key_of(std::string_view name, RecordType type) {
  key_scratch_.assign(name);
  key_scratch_ += '/';  // cannot be in a host name, and the number after the last one is the type
  text::append_number(key_scratch_, static_cast<uint16_t>(type));
  return key_scratch_;
}

uint32_t AnswerCache::take_slot() {
  if (free_slots_.empty() && entries_.size() == limits_.entries_max) remove(oldest_);
  if (!free_slots_.empty()) {
    const uint32_t slot = free_slots_.back();
    free_slots_.pop_back();
    return slot;
  }
  entries_.emplace_back();
  return static_cast<uint32_t>(entries_.size() - 1);
}

void AnswerCache::remove(uint32_t slot) {
  BARID_ASSERT(slot != kNone);
  unlink(slot);
  index_.erase(entries_[slot].key);
  entries_[slot] = Entry{};
  free_slots_.push_back(slot);
}

void AnswerCache::link_newest(uint32_t slot) noexcept {
  entries_[slot].newer = kNone;
  entries_[slot].older = newest_;
  if (newest_ != kNone) entries_[newest_].newer = slot;
  newest_ = slot;
  if (oldest_ == kNone) oldest_ = slot;
}

void AnswerCache::unlink(uint32_t slot) noexcept {
  Entry& entry = entries_[slot];
  (entry.newer != kNone ? entries_[entry.newer].older : newest_) = entry.older;
  (entry.older != kNone ? entries_[entry.older].newer : oldest_) = entry.newer;
}

}  // namespace barid::dns
