#include "tools/barid/site_members.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "core/text/ascii.h"
#include "shard/runtime/scope.h"
#include "shard/schedule/queue_manager.h"
#include "shard/schedule/views.h"
#include "tools/barid/shard_gather.h"

namespace barid::tools {
namespace {

constexpr size_t kLookupsAtOnce = 64;

std::vector<std::string> stored_destinations(Shard::Inside& inside) {
  return shard_queue(inside).stored_destinations();
}

/// The opposite of schedule::Route::key().
schedule::Route route_of(std::string_view key) {
  schedule::Route route;
  const size_t colon = std::min(key.find(':'), key.size());
  route.transport = key.substr(0, colon);
  key.remove_prefix(std::min(colon + 1, key.size()));
  if (const size_t hash = key.rfind('#'); hash != std::string_view::npos) {
    route.pool = key.substr(hash + 1);
    key = key.substr(0, hash);
  }
  if (const size_t at = key.rfind('@'); at != std::string_view::npos) {
    route.user = key.substr(0, at);
    key.remove_prefix(at + 1);
  }
  route.nexthop = key;
  return route;
}

/// What is asked for, by several at once.
struct Questions {
  schedule::Dispatcher& dispatcher;
  queue::MessageFilter& filter;
  rt::Reactor& reactor;
  const MonoTime until;
  std::vector<schedule::Route> routes;
  size_t next = 0;
};

rt::Task<void> ask(Questions* questions) {
  while (questions->next < questions->routes.size() &&
         questions->reactor.now() < questions->until) {
    const schedule::Route route = questions->routes[questions->next++];
    const auto placement = co_await questions->dispatcher.placement_of(route);
    const std::string_view hosts =
        std::string_view(placement.site).substr(0, placement.site.find('#'));
    const std::string& wanted = questions->filter.site();
    if (text::equals_ignore_case(placement.site, wanted) ||
        text::equals_ignore_case(hosts, wanted)) {
      questions->filter.add_site_member(route.nexthop);
    }
  }
}

}  // namespace

rt::Task<void> add_site_members(Shard::Inside& inside, queue::MessageFilter* filter) {
  if (filter->site().empty()) co_return;
  std::set<std::string> known;  // by key
  const auto shards = co_await gather(inside, shard_destinations);
  for (const std::vector<schedule::DestinationView>& views : shards) {
    for (const schedule::DestinationView& view : views) {
      if (view.site.empty()) continue;
      known.insert(view.transport + ':' + view.nexthop);
      if (text::equals_ignore_case(view.site, filter->site())) {
        filter->add_site_member(view.nexthop);
      }
    }
  }
  rt::Reactor& reactor = shard_reactor(inside);
  Questions questions{.dispatcher = shard_queue(inside).dispatcher(),
                      .filter = *filter,
                      .reactor = reactor,
                      .until = reactor.now() + kSiteLookupPatience,
                      .routes = {}};
  for (const std::vector<std::string>& keys : co_await gather(inside, stored_destinations)) {
    for (const std::string& key : keys) {
      if (questions.routes.size() == kSiteLookupsMax || !known.insert(key).second) continue;
      schedule::Route route = route_of(key);
      if (!questions.dispatcher.has_transport(route.transport)) continue;
      questions.routes.push_back(std::move(route));
    }
  }
  rt::Scope scope(reactor);
  const size_t askers = std::min(kLookupsAtOnce, questions.routes.size());
  for (size_t i = 0; i < askers; ++i) scope.spawn(ask(&questions));
  // A look-up has a deadline of its own, so this ends.
  while (co_await scope.join(reactor.now() + kSiteLookupPatience) != Code::kOk) {
  }
}

}  // namespace barid::tools
