#include "shard/sim/sim_store.h"

#include <utility>

#include "core/base/assert.h"

namespace barid::sim {

void SimDisk::overwrite(queue::Family family, const std::string& key, std::string bytes) {
  tables_[static_cast<size_t>(family)].at(key).bytes = std::move(bytes);
}

void SimStore::add(Operation operation) {
  BARID_ASSERT(!failed_ && !crashed_);
  open_bytes_ += operation.key.size() + operation.value.size();
  open_.push_back(std::move(operation));
}

void SimStore::put(queue::Family family, std::string_view key,
                   std::span<const std::string_view> value) {
  std::string joined;
  for (const std::string_view part : value) joined += part;
  add({Operation::Kind::kPut, family, std::string(key), std::move(joined)});
}

void SimStore::erase(queue::Family family, std::string_view key) {
  add({Operation::Kind::kErase, family, std::string(key), {}});
}

void SimStore::erase_once(queue::Family family, std::string_view key) {
  add({Operation::Kind::kEraseOnce, family, std::string(key), {}});
}

void SimStore::seal() {
  if (committing_ || failed_ || crashed_ || open_.empty()) return;
  flying_.clear();
  std::swap(open_, flying_);
  open_bytes_ = 0;
  ++open_group_;
  committing_ = true;
  const auto spread = static_cast<uint64_t>((faults.sync_max - faults.sync_min).count());
  const Duration sync = faults.sync_min + Duration(static_cast<int64_t>(rng_.below(spread + 1)));
  reactor_.timers().arm(*this, reactor_.now() + sync);
}

void SimStore::apply(const std::vector<Operation>& operations) {
  for (const Operation& operation : operations) {
    SimDisk::Table& table = disk_.tables_[static_cast<size_t>(operation.family)];
    const auto found = table.find(operation.key);
    if (operation.kind == Operation::Kind::kPut) {
      const uint32_t puts_before = found == table.end() ? 0 : found->second.puts_count;
      table[operation.key] = {operation.value, puts_before + 1};
      continue;
    }
    // RocksDB's SingleDelete after two puts may bring the first one back.
    const bool once = operation.kind == Operation::Kind::kEraseOnce;
    BARID_ASSERT(!once || found == table.end() || found->second.puts_count == 1);
    if (found != table.end()) table.erase(found);
  }
}

void SimStore::on_timer() {
  if (committing_) {
    finish_commit();
    return;
  }
  failed_ = false;  // the time that reopening takes is over
  listener_->on_recovered();
}

void SimStore::finish_commit() {
  committing_ = false;
  ++commits_count_;
  const uint64_t group = open_group_ - 1;
  if (!std::exchange(fail_next_, false) && !rng_.chance(faults.fail_per_mille)) {
    apply(flying_);
    listener_->on_commit(group, {});
    return;
  }
  if (rng_.chance(500)) apply(flying_);
  failed_ = true;
  reactor_.timers().arm(*this, reactor_.now() + faults.reopen_delay);
  const Error error{.code = faults.failure, .text = "simulated"};
  listener_->on_commit(group, error);
  if (open_.empty()) return;
  open_.clear();
  open_bytes_ = 0;
  listener_->on_commit(open_group_++, error);
}

void SimStore::crash() {
  rt::Timer::cancel();
  if (committing_ && rng_.chance(500)) apply(flying_);
  crashed_ = true;
}

Result<std::string> SimStore::get(queue::Family family, std::string_view key) const {
  if (crashed_) return Error{.code = Code::kUnavailable};
  const SimDisk::Table& table = disk_.table(family);
  const auto found = table.find(key);
  if (found == table.end()) return Error{.code = Code::kNotFound};
  return found->second.bytes;
}

Status SimStore::scan(queue::Family family, std::string_view from, Visitor& visitor) const {
  if (crashed_) return Error{.code = Code::kUnavailable};
  const SimDisk::Table& table = disk_.table(family);
  for (auto entry = table.lower_bound(from); entry != table.end(); ++entry) {
    if (!visitor.on_entry(entry->first, entry->second.bytes)) return {};
  }
  return {};
}

Status SimStore::scan_back(queue::Family family, std::string_view before, Visitor& visitor) const {
  if (crashed_) return Error{.code = Code::kUnavailable};
  const SimDisk::Table& table = disk_.table(family);
  for (auto entry = table.lower_bound(before); entry != table.begin();) {
    --entry;
    if (!visitor.on_entry(entry->first, entry->second.bytes)) return {};
  }
  return {};
}

}  // namespace barid::sim
