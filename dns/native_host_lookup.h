// Host addresses from the system's resolver (getaddrinfo: /etc/hosts, nsswitch) on offload threads,
// for disable_dns_lookups and smtp_host_lookup = native.
// Layer: dns. Shard-owned.
#pragma once

#include "dns/router.h"
#include "shard/runtime/offload.h"

namespace barid::dns {

class NativeHostLookup final : public HostLookup {
 public:
  explicit NativeHostLookup(rt::Offload& offload) : offload_(offload) {}
  rt::Task<Found> lookup(std::string host, Families families, MonoTime deadline) override;

 private:
  rt::Offload& offload_;
};

}  // namespace barid::dns
