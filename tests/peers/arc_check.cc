// For tests of peers: what Barid thinks of the ARC chains and DKIM signatures of messages.
// `arc_check RECORDS FILE…`: records in the form of dns/scripted_resolver.h; one line a file:
// FILE none|pass|fail RESULT…
#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "dns/scripted_resolver.h"
#include "policy/message_check.h"
#include "shard/runtime/scope.h"
#include "shard/runtime/test_shard.h"

namespace {

using namespace barid;

std::string read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

struct Report {
  policy::MessageCheck::Chain chain;
  std::vector<std::string> results;
};

rt::Task<void> check(rt::Reactor& reactor, dns::Resolver& resolver, ContentRef content,
                     std::optional<Report>* out) {
  std::string scratch;
  const MessageParts parts = split_message(content->spans(), &scratch);
  const auto header = split_header(parts.header);
  policy::BodyHashes bodies(reactor, content, parts.body_offset);
  policy::MessageCheck checks(reactor, resolver, header, bodies,
                              reactor.now() + std::chrono::seconds(20));
  const arc::ArcChain chain = arc::read_chain(header);
  Report report;
  report.chain = co_await checks.chain(chain);
  report.results = co_await checks.dkim_results();
  *out = std::move(report);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) return 64;
  dns::ParsedScenario parsed = dns::parse_dns_scenario(read(arguments[1]));
  if (!parsed.scenario) {
    fmt::print(stderr, "{}\n", parsed.error);
    return 65;
  }
  rt::TestShard shard;
  // Signatures that expired since they were made are not what is asked here.
  dns::ScriptedResolver resolver(shard.reactor, *std::move(parsed.scenario));
  rt::Scope scope(shard.reactor);
  for (int i = 2; i < count; ++i) {
    ContentRef content = ContentRef::make();
    content->append(read(arguments[i]));
    std::optional<Report> report;
    scope.spawn(check(shard.reactor, resolver, std::move(content), &report));
    if (!shard.run_until([&] { return report.has_value(); })) return 70;
    fmt::print("{} {} {}", arguments[i], arc::status_name(report->chain.status),
               report->chain.problem);
    for (const std::string& result : report->results) fmt::print(" | {}", result);
    fmt::print("\n");
  }
  return 0;
}
