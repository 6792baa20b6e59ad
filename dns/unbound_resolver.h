// The real resolver: libunbound, asynchronous, one context per shard.
//
// libunbound works on a thread of its own per context (its other mode forks a process). The shard
// hands queries over through a pipe, gets readiness through another one in its reactor, and runs
// the callbacks itself, so everything here stays on the shard's thread. /etc/hosts is not read.
//
// A query whose callers have all gone is not cancelled: a cancelled one goes on inside the library,
// uncounted and with its answer thrown away. It stays in the table, counts against the limit, joins
// later callers and fills the cache. Only when the table is full are old orphans cancelled.
// Layer: dns. Shard-owned.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dns/answer_cache.h"
#include "dns/resolver.h"
#include "shard/runtime/reactor.h"

namespace barid::dns {

enum class UnboundMode : uint8_t {
  kResolvConf,  ///< ask the name servers of resolv.conf
  kForward,     ///< ask `forwarders`
  kRecursive,   ///< ask the root servers and what they point to
};

struct UnboundOptions {
  UnboundMode mode = UnboundMode::kResolvConf;
  std::string resolv_conf = "/etc/resolv.conf";  ///< absent or without servers: 127.0.0.1
  std::vector<std::string> forwarders;  ///< "192.0.2.53", "127.0.0.1@5353", "2001:db8::53@5353"
  std::string root_hints_file;          ///< kRecursive; empty = those built in
  std::string trust_anchor_file;        ///< DS or DNSKEY records; empty = nothing is validated
  uint32_t outstanding_max = 1024;      ///< queries inside the library, orphans included
  Duration orphan_age_max = std::chrono::seconds(30);  ///< older ones make room when it is full
  CacheLimits cache;
};

/// Items separated by commas and blanks, each an IP address with an optional "@port". `error` names
/// the item that is none; an empty list is an error.
struct ParsedForwarders {
  std::vector<std::string> forwarders;
  std::string error;
};
[[nodiscard]] ParsedForwarders parse_forwarders(std::string_view text);

/// Counters of one shard's resolver.
struct ResolverCounts {
  uint64_t queries = 0;       ///< asked by callers
  uint64_t cache_hits = 0;    ///< answered without the library
  uint64_t coalesced = 0;     ///< joined a query under way
  uint64_t sent = 0;          ///< handed to the library
  uint64_t timeouts = 0;      ///< callers that left at their deadline
  uint64_t late_answers = 0;  ///< came after all callers had left
  uint64_t exhausted = 0;     ///< refused at outstanding_max
  uint64_t cancelled = 0;     ///< orphans given up for newer queries
};

class UnboundResolver;
struct CreatedUnbound {
  std::unique_ptr<UnboundResolver> resolver;  ///< null on error
  std::string error;                          ///< one sentence naming the option; empty if none
};

class UnboundResolver : public Resolver {
 public:
  /// Starts a context and its thread; call on the shard's thread. `reactor` must outlive the
  /// result.
  [[nodiscard]] static CreatedUnbound create(rt::Reactor& reactor, const UnboundOptions& options);

  /// Ends every query with kCancelled and frees the library's context; must be awaited once before
  /// destruction. Blocks for the milliseconds that the library's thread needs to end.
  virtual rt::Task<void> close() = 0;

  [[nodiscard]] virtual const ResolverCounts& counts() const noexcept = 0;
  /// Queries inside the library now.
  [[nodiscard]] virtual uint32_t outstanding_count() const noexcept = 0;
  /// False once the library's thread or pipe failed: every query then ends with kServFail, and the
  /// owner should replace this resolver.
  [[nodiscard]] virtual bool healthy() const noexcept = 0;
};

}  // namespace barid::dns
