#include "http/submit/suppression_book.h"

#include "http/submit/email_id.h"

namespace barid::http {
namespace {

constexpr Duration kReadPatience = std::chrono::seconds(30);

using Found = std::vector<std::optional<Suppression>>;

Result<Found> find_all(const std::vector<const queue::Store*>& stores, const std::string& tenant,
                       const std::vector<std::string>& names) {
  Found found;
  for (const std::string& name : names) {
    BARID_TRY(std::optional<Suppression> entry, find_suppression(stores, tenant, name));
    found.push_back(std::move(entry));
  }
  return found;
}

}  // namespace

MonoTime SuppressionBook::patience() const noexcept { return env_.reactor.now() + kReadPatience; }

rt::Task<Result<std::optional<Suppression>>> SuppressionBook::find(std::string tenant,
                                                                   std::string id_or_email) {
  auto call = [stores = env_.stores.all(), tenant, id_or_email] {
    return find_suppression(stores, tenant, id_or_email);
  };
  co_return co_await env_.offload.run(std::move(call), patience());
}

rt::Task<Result<std::vector<Suppression>>> SuppressionBook::add(std::string tenant,
                                                                std::vector<std::string> emails,
                                                                std::string origin) {
  auto call = [stores = env_.stores.all(), tenant, emails] {
    return find_all(stores, tenant, emails);
  };
  Result<Found> found = co_await env_.offload.run(std::move(call), patience());
  if (!found.ok()) co_return found.error();
  queue::Partition& home = env_.queue.home();
  std::vector<Suppression> entries;
  FateRecorder::Order order{.partition = home.number()};
  for (size_t i = 0; i < emails.size(); ++i) {
    if ((*found)[i]) {
      entries.push_back(*std::move((*found)[i]));
      continue;
    }
    const QueueId id = home.allocate_id();
    entries.push_back({.id = id,
                       .name = make_email_id(id, env_.reactor.rng().next()),
                       .tenant = tenant,
                       .email = emails[i],
                       .origin = origin,
                       .created = env_.reactor.wall_now()});
    for (FateRecorder::Change& change : suppression_changes(entries.back())) {
      order.changes.push_back(std::move(change));
    }
  }
  if (order.changes.empty()) co_return entries;
  const Code code = co_await env_.host.carry_out(order);
  if (code != Code::kOk) co_return Error{.code = code};
  for (const Suppression& entry : entries) env_.filter.add(entry.tenant, entry.email);
  env_.fates.tell_events();
  co_return entries;
}

rt::Task<Result<std::vector<Suppression>>> SuppressionBook::remove(std::string tenant,
                                                                   std::vector<std::string> names) {
  std::vector<Suppression> removed;
  for (const std::string& name : names) {
    // An address may stand in several partitions: two of them bounced it at once.
    constexpr int kCopiesMax = 256;
    for (int copy = 0; copy < kCopiesMax; ++copy) {
      Result<std::optional<Suppression>> found = co_await find(tenant, name);
      if (!found.ok()) co_return found.error();
      if (!*found) break;
      FateRecorder::Order order{.partition = (*found)->id.partition,
                                .changes = suppression_erasures(**found)};
      const Code code = co_await env_.host.carry_out(order);
      if (code != Code::kOk) co_return Error{.code = code};
      env_.filter.remove(tenant, (*found)->email);
      if (copy == 0) removed.push_back(**std::move(found));
    }
  }
  co_return removed;
}

rt::Task<Result<SuppressionPage>> SuppressionBook::list(SuppressionQuery query) {
  auto call = [stores = env_.stores.all(), query] { return read_suppressions(stores, query); };
  co_return co_await env_.offload.run(std::move(call), patience());
}

}  // namespace barid::http
