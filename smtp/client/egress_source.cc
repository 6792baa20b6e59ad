#include "smtp/client/egress_source.h"

#include <fmt/format.h>

namespace barid::smtp {

EgressSource::EgressSource(const policy::EgressAddress& own, policy::WarmupCounts& counts,
                           std::string site)
    : address_(net::SocketAddress::from_ip(own.text, 0)),
      counts_(&counts),
      plan_(own.plan),
      text_(own.text),
      site_(std::move(site)) {}

EgressSource::EgressSource(EgressSource&& other) noexcept
    : address_(other.address_),
      counts_(other.counts_),
      plan_(std::move(other.plan_)),
      text_(std::move(other.text_)),
      site_(std::move(other.site_)),
      held_(std::exchange(other.held_, std::nullopt)),
      spent_(other.spent_) {}

bool EgressSource::hold(WallTime now) {
  if (!plan_ || held_) return true;
  const policy::Day day = policy::day_of(now);
  const std::optional<uint32_t> limit = plan_->limit(day);
  if (!limit) return true;
  spent_ = !counts_->take(text_, site_, day, *limit);
  if (!spent_) held_ = day;
  return !spent_;
}

void EgressSource::release() {
  if (held_) counts_->give_back(text_, site_, *held_);
  held_.reset();
}

EgressChoice choose_egress(const ClientSettings& settings, std::string_view pool,
                           std::string_view site, int family, policy::EgressTurns& turns,
                           policy::WarmupCounts& counts, WallTime now) {
  EgressChoice choice;
  if (pool.empty() || (family != AF_INET && family != AF_INET6)) {
    choice.source.emplace();
    if (family == AF_INET && settings.source_v4) choice.source.emplace(*settings.source_v4);
    if (family == AF_INET6 && settings.source_v6) choice.source.emplace(*settings.source_v6);
    return choice;
  }
  const bool is_v6 = family == AF_INET6;
  const policy::EgressPool* found = settings.pools ? settings.pools->find(pool) : nullptr;
  if (found == nullptr || !found->has_family(is_v6)) {
    choice.problem = found == nullptr ? fmt::format("there is no egress pool \"{}\"", pool)
                                      : fmt::format("egress pool \"{}\" has no {} address", pool,
                                                    is_v6 ? "IPv6" : "IPv4");
    return choice;
  }
  turns.next(*found, is_v6, [&](const policy::EgressAddress& own) {
    EgressSource source(own, counts, std::string(site));
    if (!source.hold(now)) return false;
    choice.source.emplace(std::move(source));
    return true;
  });
  choice.spent = !choice.source;
  return choice;
}

}  // namespace barid::smtp
