// The MTA-STS policies of domains: announced in DNS, fetched by HTTPS, kept in memory and on disk
// until they expire.
// Source: RFC 8461 3.3 (fetching), 5.1 (updates), 10.2 (why a policy outlives its record).
// Layer:  smtp/client. Shard-owned; a StsSource is used on the offload pool.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/obs/log.h"
#include "dns/mta_sts.h"
#include "dns/resolver.h"
#include "shard/runtime/offload.h"
#include "shard/runtime/task.h"
#include "smtp/client/tls_report_counts.h"

namespace barid::smtp {

/// A policy as it was fetched.
struct StoredStsPolicy {
  std::string id;
  int64_t fetched_seconds = 0;  ///< unix time
  std::string text;
};

struct FetchedStsPolicy {
  std::string text;
  std::string error;                                   ///< empty = it came
  TlsResult result = TlsResult::kStsPolicyFetchError;  ///< the error, for reports
};

/// Where policies come from and stay. All calls block; any thread. Domains are lower-case and
/// consist of letters, digits, dots, hyphens and underscores only.
class StsSource {
 public:
  virtual ~StsSource() = default;
  [[nodiscard]] virtual std::optional<StoredStsPolicy> load(const std::string& domain) const = 0;
  virtual void store(const std::string& domain, const StoredStsPolicy& policy) const = 0;
  /// https://mta-sts.DOMAIN/.well-known/mta-sts.txt, from one of the host's addresses.
  [[nodiscard]] virtual FetchedStsPolicy fetch(const std::string& domain,
                                               const std::vector<std::string>& addresses) const = 0;
};

class StsPolicies {
 public:
  static constexpr size_t kDomainsMax = 20'000;

  StsPolicies(rt::Reactor& reactor, dns::Resolver& resolver, rt::Offload& offload,
              const StsSource& source, Log& log, TlsReportCounts& reports)
      : reactor_(reactor),
        resolver_(resolver),
        offload_(offload),
        source_(source),
        log_(log),
        reports_(reports) {}

  /// The policy that holds for `domain` now, or null. Ends by `deadline`, then with what is known.
  /// The policy may be gone after the next await.
  rt::Task<const dns::StsPolicy*> find(std::string domain, MonoTime deadline);

 private:
  struct Entry {
    std::string id;
    std::optional<dns::StsPolicy> policy;
    WallTime expires{};
    MonoTime check_after{};  ///< the record is looked at again
    bool loaded = false;     ///< the disk was asked
  };
  rt::Task<void> refresh(std::string domain, MonoTime deadline);
  rt::Task<void> load(std::string domain, MonoTime deadline);
  rt::Task<void> fetch(std::string domain, std::string id, MonoTime deadline);
  rt::Task<std::vector<std::string>> addresses_of(std::string host, MonoTime deadline);
  void make_room();
  void fail(const std::string& domain, TlsResult result, const std::string& why);

  rt::Reactor& reactor_;
  dns::Resolver& resolver_;
  rt::Offload& offload_;
  const StsSource& source_;
  Log& log_;
  TlsReportCounts& reports_;
  std::map<std::string, Entry> entries_;
};

}  // namespace barid::smtp
