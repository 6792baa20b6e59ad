#include "dns/site.h"

#include <algorithm>
#include <vector>

#include "core/text/ascii.h"
#include "dns/name.h"

namespace barid::dns {
namespace {

std::string joined_hosts(std::span<const MxRecord> hosts) {
  std::vector<std::string> names;
  names.reserve(hosts.size());
  for (const MxRecord& record : hosts) names.push_back(normalise_name(record.host));
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::string key;
  for (const std::string& name : names) {
    if (!key.empty()) key += ',';
    key += name;
  }
  return key;
}

}  // namespace

std::string site_key(const Destination& destination, std::span<const MxRecord> hosts, Rollup rollup,
                     uint16_t default_port) {
  if (destination.kind == DestinationKind::kUnix) return "unix:" + destination.name;
  const bool by_hosts = rollup == Rollup::kMx && !hosts.empty();
  std::string key = by_hosts ? joined_hosts(hosts) : normalise_name(destination.name);
  const bool brackets = !by_hosts && key.find(':') != std::string::npos;
  if (brackets) key = '[' + key + ']';
  if (destination.port != default_port) {
    key += ':';
    text::append_number(key, destination.port);
  }
  return key;
}

}  // namespace barid::dns
