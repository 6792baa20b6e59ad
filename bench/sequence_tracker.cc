#include "bench/sequence_tracker.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <map>

#include "bench/message_factory.h"

namespace barid::bench {

Result<SequenceName> parse_sequence_name(std::string_view text) noexcept {
  const size_t dash = text.rfind('-');
  if (dash == 0 || dash == std::string_view::npos) {
    return Error{.code = Code::kMalformed, .text = "sequence is not run-number"};
  }
  SequenceName name{.run = text.substr(0, dash)};
  const char* end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data() + dash + 1, end, name.number);
  if (error != std::errc() || after != end || name.number > kSequenceMax) {
    return Error{.code = Code::kMalformed, .text = "sequence is not run-number"};
  }
  return name;
}

uint32_t recipient_index(std::string_view address) noexcept {
  const std::string_view local = address.substr(0, address.rfind('@'));
  const size_t plus = local.rfind('+');
  const std::string_view tag = plus == std::string_view::npos ? local : local.substr(plus + 1);
  if (tag.size() < 2 || tag[0] != 'r') return 0;
  uint32_t index = 0;
  const auto [after, error] = std::from_chars(tag.data() + 1, tag.data() + tag.size(), index);
  const bool whole = error == std::errc() && after == tag.data() + tag.size();
  return whole && index < kRecipientsPerMessageMax ? index : 0;
}

SequenceTracker::Run* SequenceTracker::find_or_add_run(std::string_view name,
                                                       uint32_t recipient_count) {
  if (last_run_ < runs_.size() && runs_[last_run_].name == name) return &runs_[last_run_];
  for (size_t i = 0; i < runs_.size(); ++i) {
    if (runs_[i].name == name) {
      last_run_ = i;
      return &runs_[i];
    }
  }
  if (runs_.size() == kRunsMax) return nullptr;
  last_run_ = runs_.size();
  runs_.push_back(Run{.name = std::string(name),
                      .recipient_count = std::max<uint32_t>(1, recipient_count),
                      .words = {}});
  return &runs_.back();
}

void SequenceTracker::note(std::string_view run_name, uint64_t number, uint32_t recipient,
                           uint32_t recipient_count) {
  Run* run = find_or_add_run(run_name, recipient_count);
  if (run == nullptr || recipient >= run->recipient_count) {
    ++untracked_;
    return;
  }
  if (number >= bits_max_ / run->recipient_count) {
    ++untracked_;
    return;
  }
  const uint64_t bit = number * run->recipient_count + recipient;
  const size_t word = bit / 64;
  if (word >= run->words.size()) run->words.resize(std::max(word + 1, word + word / 2));
  run->words[word] |= uint64_t{1} << (bit % 64);
  run->number_max = std::max(run->number_max, number);
  ++run->arrivals;
}

SequenceTracker::Totals SequenceTracker::totals(std::span<const SequenceTracker* const> trackers) {
  Totals totals;
  std::map<std::string_view, Run> merged;
  for (const SequenceTracker* tracker : trackers) {
    totals.untracked += tracker->untracked_;
    for (const Run& run : tracker->runs_) {
      Run& into = merged[run.name];
      into.recipient_count = std::max(into.recipient_count, run.recipient_count);
      into.number_max = std::max(into.number_max, run.number_max);
      into.arrivals += run.arrivals;
      if (into.words.size() < run.words.size()) into.words.resize(run.words.size());
      for (size_t i = 0; i < run.words.size(); ++i) into.words[i] |= run.words[i];
    }
  }
  for (const auto& [name, run] : merged) {
    uint64_t unique = 0;
    for (const uint64_t word : run.words) unique += static_cast<uint64_t>(std::popcount(word));
    totals.arrivals += run.arrivals;
    totals.unique += unique;
    totals.duplicates += run.arrivals - unique;
    if (run.arrivals > 0) totals.lost += (run.number_max + 1) * run.recipient_count - unique;
  }
  return totals;
}

SequenceTracker::Totals SequenceTracker::totals() const {
  const SequenceTracker* self = this;
  return totals(std::span<const SequenceTracker* const>(&self, 1));
}

}  // namespace barid::bench
