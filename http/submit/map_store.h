// A store in memory for tests of what reads one.
// Layer: http, tests only.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "http/submit/fate_recorder.h"
#include "shard/queue/store.h"

namespace barid::http {

/// What the reading half of a store is: families of ordered entries.
class MapStore final : public queue::Store {
 public:
  void apply(const std::vector<FateRecorder::Change>& changes) {
    for (const FateRecorder::Change& change : changes) {
      auto& table = tables_[change.family];
      if (change.erase) {
        table.erase(change.key);
      } else {
        table[change.key] = change.value;
      }
    }
  }
  void set_listener(Listener&) override {}
  uint64_t open_group() const noexcept override { return 0; }
  size_t open_group_bytes() const noexcept override { return 0; }
  bool writable() const noexcept override { return false; }
  void put(queue::Family, std::string_view, std::span<const std::string_view>) override {}
  void erase(queue::Family, std::string_view) override {}
  void erase_once(queue::Family, std::string_view) override {}
  void seal() override {}
  uint64_t free_bytes() const noexcept override { return 0; }
  Result<std::string> get(queue::Family family, std::string_view key) const override {
    const auto table = tables_.find(family);
    if (table != tables_.end()) {
      const auto found = table->second.find(std::string(key));
      if (found != table->second.end()) return found->second;
    }
    return Error{.code = Code::kNotFound};
  }
  Status scan(queue::Family family, std::string_view from, Visitor& visitor) const override {
    const auto table = tables_.find(family);
    if (table == tables_.end()) return {};
    for (auto at = table->second.lower_bound(std::string(from)); at != table->second.end(); ++at) {
      if (!visitor.on_entry(at->first, at->second)) break;
    }
    return {};
  }
  Status scan_back(queue::Family family, std::string_view before, Visitor& visitor) const override {
    const auto table = tables_.find(family);
    if (table == tables_.end()) return {};
    for (auto at = table->second.lower_bound(std::string(before)); at != table->second.begin();) {
      --at;
      if (!visitor.on_entry(at->first, at->second)) break;
    }
    return {};
  }

 private:
  std::map<queue::Family, std::map<std::string, std::string>> tables_;
};

}  // namespace barid::http
