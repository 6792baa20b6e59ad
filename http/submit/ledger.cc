#include "http/submit/ledger.h"

#include <algorithm>

namespace barid::http {

bool RequestLedger::begin(const std::string& key) {
  const std::lock_guard lock(mutex_);
  return running_.insert(key).second;
}

void RequestLedger::end(const std::string& key) {
  const std::lock_guard lock(mutex_);
  running_.erase(key);
}

RequestLedger::Rate RequestLedger::take(const std::string& key, uint32_t limit, MonoTime now,
                                        uint32_t amount) {
  const std::lock_guard lock(mutex_);
  if (budgets_.size() >= kBudgetsMax && !budgets_.contains(key)) budgets_.clear();
  Budget& budget = budgets_[key];
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now - budget.second);
  if (seconds.count() > 0) {
    const uint64_t paid = static_cast<uint64_t>(seconds.count()) * limit;
    budget.used -= std::min(budget.used, paid);
    budget.second = budget.used == 0 ? now : budget.second + seconds;
  }
  Rate rate{.limit = limit};
  if (budget.used < limit) {
    budget.used += amount;
    rate.allowed = true;
  }
  rate.remaining = budget.used < limit ? static_cast<uint32_t>(limit - budget.used) : 0;
  rate.reset_seconds = static_cast<uint32_t>(std::max<uint64_t>(1, budget.used / limit));
  return rate;
}

}  // namespace barid::http
