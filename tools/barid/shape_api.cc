#include "tools/barid/shape_api.h"

#include <fmt/format.h>

#include "core/text/json.h"
#include "shard/schedule/dispatcher.h"

namespace barid::tools {
namespace {

void add_member(std::string& out, std::string_view name, std::string_view value) {
  out += out.back() == '{' ? "" : ",";
  text::append_json_string(out, name);
  out += ':';
  text::append_json_string(out, value);
}

void add_setting(std::string& out, std::string_view name, std::string_view value,
                 std::string_view from) {
  out += out.empty() ? "{" : ",{";
  add_member(out, "name", name);
  add_member(out, "value", value);
  add_member(out, "from", from);
  out += '}';
}

/// Empty, or what is wrong with the question.
std::string read_question(const http::Target& target, std::string* address, Envelope* envelope) {
  for (const auto& [name, value] : target.query) {
    if (name == "domain") {
      if (value.empty() || value.find('@') != std::string::npos) {
        return "domain: say a domain, such as example.org";
      }
      *address = "postmaster@" + value;
    } else if (name == "recipient") {
      if (value.find('@') == std::string::npos || value.back() == '@') {
        return "recipient: say an address, such as user@example.org";
      }
      *address = value;
    } else if (name == "sender") {
      envelope->sender = value == "<>" ? "" : value;
    } else if (name == "pool") {
      envelope->pool = value;
    } else {
      return fmt::format("there is no \"{}\": domain or recipient, sender and pool", name);
    }
  }
  return address->empty() ? "domain: say a domain, such as example.org" : "";
}

}  // namespace

void ShapeApi::add_routes(http::Router& router) {
  router.add(http::Method::kGet, "/admin/v1/shape", http::handler<&ShapeApi::explain>(*this));
}

rt::Task<void> ShapeApi::explain(http::Exchange& exchange) {
  std::string address;
  Envelope envelope;
  const std::string problem = read_question(exchange.request().target, &address, &envelope);
  if (!problem.empty()) {
    co_await exchange.refuse({.status = 422, .name = "validation_error", .message = problem});
    co_return;
  }
  const schedule::Route route =
      shard_router(inside_).route(envelope, Recipient{.address = address});
  std::string body = "{";
  add_member(body, "domain", std::string_view(address).substr(address.rfind('@') + 1));
  add_member(body, "transport", route.transport);
  add_member(body, "next_hop", route.nexthop);
  schedule::Dispatcher& dispatcher = shard_queue(inside_).dispatcher();
  const bool has_site = dispatcher.has_transport(route.transport) && route.transport != "error" &&
                        route.transport != "retry" && route.transport != "discard";
  std::string settings;
  if (has_site) {
    const schedule::Dispatcher::Placement placement = co_await dispatcher.placement_of(route);
    add_member(body, "site", placement.site);
    add_member(body, "pool", placement.policy.pool);
    const auto rules = shard_site_rules(inside_).explain(route, placement.site);
    const SettingOrigins* origins = shard_setting_origins(inside_, route.transport);
    size_t index = 0;
    for (const policy::SiteSetting& setting : policy::site_settings()) {
      std::string from = origins != nullptr ? origins->of_site[index] : std::string();
      ++index;
      for (const policy::DestinationPolicy::Origin& origin : rules) {
        if (origin.setting == &setting) from = fmt::format("{} in {}", origin.rule, origin.table);
      }
      if (setting.name == "pool" && !route.pool.empty()) from = "the message";
      add_setting(settings, setting.name, setting.show(placement.policy), from);
    }
    add_setting(settings, "transport_rate_delay",
                fmt::format("{}s", placement.transport_rate_delay / std::chrono::seconds(1)),
                origins != nullptr ? origins->transport_rate_delay : std::string());
    add_setting(settings, "deferred", placement.deferred ? "yes" : "no",
                origins != nullptr ? origins->deferred : std::string());
  }
  body += ",\"settings\":[" + settings + "]}\n";
  co_await exchange.answer({.body = std::move(body)});
}

}  // namespace barid::tools
