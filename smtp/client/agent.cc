#include "smtp/client/agent.h"

#include "dns/site_lookup.h"
#include "smtp/client/delivery_run.h"

namespace barid::smtp {
namespace {
/// Mail waits for this answer before it has a connection.
constexpr Duration kSitePatience = std::chrono::seconds(10);
}  // namespace

SmtpAgent::SmtpAgent(const AgentEnv& env, ClientSettings settings)
    : env_(env), settings_(std::make_shared<const ClientSettings>(std::move(settings))) {}

SmtpAgent::~SmtpAgent() = default;

void SmtpAgent::set_settings(ClientSettings settings) {
  settings_ = std::make_shared<const ClientSettings>(std::move(settings));
  broken_promises_.clear();
}

rt::Task<void> SmtpAgent::deliver(schedule::Lease& lease) {
  DeliveryRun run(*this, lease);
  co_await run.run();
}

rt::Task<schedule::SiteAnswer> SmtpAgent::find_site(const schedule::Route& route) {
  if (!route.user.empty()) co_return schedule::SiteAnswer{.key = route.key()};
  const std::shared_ptr<const ClientSettings> settings = settings_;
  const MonoTime deadline = env_.reactor.now() + kSitePatience;
  dns::SiteAnswer answer = co_await dns::resolve_site(
      env_.resolver, route.nexthop, settings->destination, settings->route, deadline);
  co_return schedule::SiteAnswer{.key = std::move(answer.key), .valid_for = answer.ttl};
}

}  // namespace barid::smtp
