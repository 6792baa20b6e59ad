#include "http/submit/suppression_filter.h"

#include <absl/hash/hash.h>

namespace barid::http {
namespace {

uint64_t mark_of(std::string_view tenant, std::string_view email) noexcept {
  return absl::HashOf(std::string_view(tenant), std::string_view(email));
}

class Loader final : public queue::Store::Visitor {
 public:
  explicit Loader(SuppressionFilter& filter) : filter_(filter) {}
  bool on_entry(std::string_view key, std::string_view) override {
    if (!key.starts_with(kSuppressionAddressMark)) return false;
    const size_t end = key.find('\0');
    if (end != std::string_view::npos) filter_.add(key.substr(1, end - 1), key.substr(end + 1));
    return true;
  }

 private:
  SuppressionFilter& filter_;
};

}  // namespace

Status SuppressionFilter::load(const queue::Store& store) {
  Loader loader(*this);
  return store.scan(queue::Family::kSuppressions, std::string(1, kSuppressionAddressMark), loader);
}

void SuppressionFilter::add(std::string_view tenant, std::string_view email) {
  const std::lock_guard lock(mutex_);
  if (marks_.size() >= marks_max_) {
    overflown_ = true;
  } else {
    marks_.insert(mark_of(tenant, email));
  }
  empty_.store(false, std::memory_order_relaxed);
}

void SuppressionFilter::remove(std::string_view tenant, std::string_view email) {
  const std::lock_guard lock(mutex_);
  marks_.erase(mark_of(tenant, email));
  empty_.store(marks_.empty() && !overflown_, std::memory_order_relaxed);
}

bool SuppressionFilter::maybe(std::string_view tenant, std::string_view email) const {
  const std::lock_guard lock(mutex_);
  return overflown_ || (!marks_.empty() && marks_.contains(mark_of(tenant, email)));
}

bool SuppressionFilter::knows(std::string_view tenant, std::string_view email) const {
  const std::lock_guard lock(mutex_);
  return marks_.contains(mark_of(tenant, email));
}

size_t SuppressionFilter::size() const {
  const std::lock_guard lock(mutex_);
  return marks_.size();
}

}  // namespace barid::http
