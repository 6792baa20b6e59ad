// A resolver that answers from a scenario, in virtual time: for simulation and unit tests.
//
// Scenario text (`.dns` files), one entry a line, "#" starts a comment:
//   example.org        MX    10 mx1.example.org      several lines of one name and type add up
//   null.example       MX    0 .
//   mx1.example.org    A     192.0.2.1 192.0.2.2     also AAAA
//   www.example.org    CNAME web.example.org
//   example.org        TXT   "v=spf1 -all"           quotes optional
//   1.2.0.192.in-addr.arpa   PTR   mx1.example.org
//   _25._tcp.mx1.example.org TLSA  3 1 1 aabbcc
//   gone.example       *     nxdomain                also a type instead of "*"
//   slow.example       MX    delay=2s ttl=60 secure 10 mx.example
// Outcomes instead of data: nodata nxdomain servfail timeout malformed bogus exhausted.
// "at 10m" starts a step: what follows replaces earlier entries of the same name and type once ten
// minutes of virtual time have passed. Names without any entry do not exist; names with entries of
// other types have no data.
// Layer: dns. DnsScenario is pure; ScriptedResolver is shard-owned.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/time.h"
#include "dns/resolver.h"
#include "shard/runtime/reactor.h"

namespace barid::dns {

struct ParsedScenario;

class DnsScenario {
 public:
  struct Reply {
    Answer answer;
    Duration delay{};
  };

  /// What a query gets when it is asked `elapsed` after the start. CNAMEs are followed.
  [[nodiscard]] Reply find(std::string_view name, RecordType type, Duration elapsed) const;

 private:
  friend class ScenarioParser;
  friend ParsedScenario parse_dns_scenario(std::string_view text);

  struct Entry {
    Reply reply;
    std::string cname;  ///< set: go on there
  };
  using Key = std::pair<std::string, uint16_t>;  // normalised name; type, kAnyType or kCname
  struct Step {
    Duration starts_at{};
    std::map<Key, Entry> entries;
  };

  [[nodiscard]] const Entry* find_entry(const std::string& name, RecordType type,
                                        Duration elapsed) const;
  [[nodiscard]] bool exists(const std::string& name, Duration elapsed) const;

  std::vector<Step> steps_;  // by time
};

/// Outcome of reading a scenario: it, or "line N: what is wrong".
struct ParsedScenario {
  std::optional<DnsScenario> scenario;
  std::string error;
};
[[nodiscard]] ParsedScenario parse_dns_scenario(std::string_view text);

class ScriptedResolver final : public Resolver {
 public:
  /// Virtual time starts now.
  ScriptedResolver(rt::Reactor& reactor, DnsScenario scenario)
      : reactor_(reactor), scenario_(std::move(scenario)), started_at_(reactor.now()) {}

  rt::Task<Answer> query(std::string name, RecordType type, MonoTime deadline) override;

  [[nodiscard]] uint64_t queries_count() const noexcept { return queries_count_; }

 private:
  rt::Reactor& reactor_;
  const DnsScenario scenario_;
  const MonoTime started_at_;
  uint64_t queries_count_ = 0;
};

}  // namespace barid::dns
