#include "http/submit/ledger.h"

namespace barid::http {

bool RequestLedger::begin(const std::string& key) {
  const std::lock_guard lock(mutex_);
  return running_.insert(key).second;
}

void RequestLedger::end(const std::string& key) {
  const std::lock_guard lock(mutex_);
  running_.erase(key);
}

RequestLedger::Rate RequestLedger::take(const std::string& key, uint32_t limit, MonoTime now) {
  const std::lock_guard lock(mutex_);
  if (budgets_.size() >= kBudgetsMax && !budgets_.contains(key)) budgets_.clear();
  Budget& budget = budgets_[key];
  if (now - budget.second >= std::chrono::seconds(1) || budget.used == 0) {
    budget = {.second = now};
  }
  Rate rate{.limit = limit};
  if (budget.used < limit) {
    ++budget.used;
    rate.allowed = true;
  }
  rate.remaining = limit - budget.used;
  return rate;
}

}  // namespace barid::http
