// Goal: what the resolver says about real answers of a real server, over both I/O back ends.
// Method: an unbound with local data on a loopback port as the forwarder; a port that swallows.
#include "dns/unbound_resolver.h"

#include <gtest/gtest.h>

#include <optional>

#include "dns/router.h"
#include "dns/test_unbound_server.h"
#include "shard/runtime/io_select.h"
#include "shard/runtime/scope.h"

namespace barid::dns {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kRecords = R"(
  local-zone: "example." static
  local-data: "example. 600 IN SOA ns.example. root.example. 1 3600 900 86400 120"
  local-data: "two.example. 300 IN MX 20 mx2.example."
  local-data: "two.example. 300 IN MX 10 mx1.example."
  local-data: "null.example. 300 IN MX 0 ."
  local-data: "mx1.example. 300 IN A 192.0.2.1"
  local-data: "mx1.example. 300 IN AAAA 2001:db8::1"
  local-data: "mx2.example. 300 IN A 192.0.2.2"
  local-data: "alias.example. 60 IN CNAME middle.example."
  local-data: "middle.example. 300 IN CNAME mx1.example."
  local-data: "dangling.example. 300 IN CNAME nothing.example."
  local-data: 'two.example. 300 IN TXT "v=spf1 " "-all"'
  local-data: "_25._tcp.mx1.example. 300 IN TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  local-data-ptr: "192.0.2.1 300 mx1.example."
  local-data-ptr: "10.1.2.3 300 inside.example."
  local-data: "host.test. 300 IN A 192.0.2.7"
  local-zone: "refused.invalid-zone." always_refuse
forward-zone:
  name: "broken."
  forward-addr: 127.0.0.1@1
)";

std::string summary(const Answer& answer) {
  std::string text(answer_status_name(answer.status));
  for (const MxRecord& mx : answer.mx) text += ' ' + std::to_string(mx.preference) + ':' + mx.host;
  for (const auto& address : answer.addresses) text += ' ' + address.ip_text();
  for (const std::string& name : answer.names) text += ' ' + name;
  for (const std::string& value : answer.texts) text += " \"" + value + '"';
  for (const TlsaRecord& tlsa : answer.tlsa) {
    text += ' ' + std::to_string(tlsa.usage) + std::to_string(tlsa.selector) +
            std::to_string(tlsa.matching_type) + ':' + std::to_string(tlsa.data.size());
  }
  if (!answer.canonical_name.empty()) text += " =" + answer.canonical_name;
  return text;
}

rt::Task<void> ask(Resolver& resolver, std::string name, RecordType type, MonoTime deadline,
                   Answer& out, int& answers_count) {
  out = co_await resolver.query(std::move(name), type, deadline);
  ++answers_count;
}

rt::Task<void> close_resolver(UnboundResolver& resolver, bool& closed) {
  co_await resolver.close();
  closed = true;
}

rt::Task<void> find_route(rt::Reactor& reactor, Resolver& resolver, Destination destination,
                          const RouteOptions& options, std::optional<RouteResult>& out) {
  out = co_await resolve_route(reactor, resolver, std::move(destination), options,
                               reactor.now() + 10s);
}

/// One shard with a resolver; closed at the end of its life.
class Shard {
 public:
  Shard(rt::IoChoice choice, const UnboundOptions& options)
      : selected_(*rt::select_io(choice)), reactor(clock_, *selected_.io, 1), scope(reactor) {
    CreatedUnbound created = UnboundResolver::create(reactor, options);
    EXPECT_EQ(created.error, "");
    resolver = std::move(created.resolver);
  }
  ~Shard() {
    if (!resolver) return;
    bool closed = false;
    scope.spawn(close_resolver(*resolver, closed));
    EXPECT_TRUE(run_until([&] { return closed && scope.tasks_count() == 0; }));
  }

  template <typename Predicate>
  bool run_until(Predicate done, Duration limit = 20s) {
    const MonoTime end = clock_.mono() + limit;
    while (!done()) {
      if (clock_.mono() > end) return false;
      reactor.turn(50ms);
    }
    return true;
  }

  Answer query(std::string_view name, RecordType type, Duration patience = 10s) {
    Answer answer;
    int answers = 0;
    scope.spawn(ask(*resolver, std::string(name), type, reactor.now() + patience, answer, answers));
    EXPECT_TRUE(run_until([&] { return answers == 1; })) << name;
    return answer;
  }

 private:
  rt::SystemClock clock_;
  rt::SelectedIo selected_;

 public:
  rt::Reactor reactor;
  rt::Scope scope;
  std::unique_ptr<UnboundResolver> resolver;
};

UnboundOptions forward_to(std::string forwarder) {
  UnboundOptions options;
  options.mode = UnboundMode::kForward;
  options.forwarders = {std::move(forwarder)};
  return options;
}

class Unbound : public testing::TestWithParam<rt::IoChoice> {
 protected:
  static void SetUpTestSuite() {
    if (!UnboundServer::installed()) return;
    server = std::make_unique<UnboundServer>();
    ASSERT_TRUE(server->start(std::string(kRecords)));
  }
  static void TearDownTestSuite() { server.reset(); }
  void SetUp() override {
    if (!UnboundServer::installed()) GTEST_SKIP() << "needs the Debian package unbound";
    if (!rt::select_io(GetParam()).ok()) GTEST_SKIP() << "this kernel refuses io_uring";
  }
  static std::unique_ptr<UnboundServer> server;
};
std::unique_ptr<UnboundServer> Unbound::server;

TEST_P(Unbound, Records) {
  struct Case {
    std::string_view name;
    RecordType type;
    std::string_view result;
  };
  using enum RecordType;
  constexpr Case kCases[] = {
      {"mx1.example", kA, "ok 192.0.2.1"},
      {"MX1.Example.", kAaaa, "ok 2001:db8::1"},
      {"null.example", kMx, "ok 0:"},
      {"alias.example", kA, "ok 192.0.2.1 =mx1.example"},
      {"dangling.example", kA, "nxdomain =nothing.example"},
      {"two.example", kTxt, "ok \"v=spf1 -all\""},
      {"_25._tcp.mx1.example", kTlsa, "ok 311:32"},
      {"1.2.0.192.in-addr.arpa", kPtr, "ok mx1.example"},
      {"3.2.1.10.in-addr.arpa", kPtr,
       "ok inside.example"},              // private, still the forwarder's to know
      {"host.test", kA, "ok 192.0.2.7"},  // RFC 6761 6.2
      {"localhost", kA, "ok 127.0.0.1"},
      {"mx1.example", kMx, "nodata"},
      {"nothing.example", kA, "nxdomain"},
      {"x.refused.invalid-zone", kA, "servfail"},
      {"x.broken", kA, "servfail"},
      {"a..b", kA, "malformed"},
      {"", kA, "malformed"},
  };
  Shard shard(GetParam(), forward_to(server->forwarder()));
  for (const Case& c : kCases) {
    EXPECT_EQ(summary(shard.query(c.name, c.type)), c.result) << c.name;
  }
  const Answer mx = shard.query("two.example", RecordType::kMx);
  EXPECT_EQ(mx.mx.size(), 2u);
  EXPECT_EQ(decide_mx("two.example", mx, {}).hosts.at(0), (MxRecord{10, "mx1.example"}));
  EXPECT_TRUE(mx.ttl > 200s && mx.ttl <= 300s) << mx.ttl.count();
  EXPECT_LE(shard.query("alias.example", RecordType::kA).ttl, 60s);  // the least of the chain
  const Answer negative = shard.query("nothing.example", RecordType::kAaaa);
  EXPECT_TRUE(negative.ttl > 60s && negative.ttl <= 120s) << negative.ttl.count();  // SOA minimum
}

TEST_P(Unbound, SecondAnswerComesFromTheCache) {
  for (const uint32_t entries : {10000u, 0u}) {  // ours, and without it the library's
    SCOPED_TRACE(entries);
    UnboundServer own;
    ASSERT_TRUE(own.start(std::string(kRecords)));
    UnboundOptions options = forward_to(own.forwarder());
    options.cache.entries_max = entries;
    Shard shard(GetParam(), options);
    const char* const names[] = {"mx1.example", "nothing.example", "mx2.example"};
    for (const char* name : names) static_cast<void>(shard.query(name, RecordType::kA));
    own.stop();
    EXPECT_EQ(summary(shard.query("mx1.example", RecordType::kA)), "ok 192.0.2.1");
    EXPECT_EQ(summary(shard.query("NOTHING.example.", RecordType::kA)), "nxdomain");
    EXPECT_EQ(shard.resolver->counts().cache_hits, entries > 0 ? 2u : 0u);
    EXPECT_EQ(shard.resolver->counts().sent, entries > 0 ? 3u : 5u);
  }
}

TEST_P(Unbound, IdenticalQueriesAreCoalesced) {
  Shard shard(GetParam(), forward_to(server->forwarder()));
  Answer answers[8];
  int count = 0;
  for (int i = 0; i < 8; ++i) {
    shard.scope.spawn(ask(*shard.resolver, i % 2 == 0 ? "mx1.example" : "MX1.example.",
                          RecordType::kA, shard.reactor.now() + 10s, answers[i], count));
  }
  EXPECT_EQ(shard.resolver->outstanding_count(), 1u);
  ASSERT_TRUE(shard.run_until([&] { return count == 8; }));
  for (const Answer& answer : answers) EXPECT_EQ(summary(answer), "ok 192.0.2.1");
  EXPECT_EQ(shard.resolver->counts().sent, 1u);
  EXPECT_EQ(shard.resolver->counts().coalesced, 7u);
  EXPECT_EQ(shard.resolver->outstanding_count(), 0u);
}

TEST_P(Unbound, DeadlineLimitAndLateAnswers) {
  SilentServer silent;
  UnboundOptions options = forward_to(silent.forwarder());
  options.outstanding_max = 3;
  Shard shard(GetParam(), options);
  const MonoTime start = shard.reactor.now();
  Answer answers[5];
  int count = 0;
  for (int i = 0; i < 4; ++i) {
    shard.scope.spawn(ask(*shard.resolver, "q" + std::to_string(i) + ".example", RecordType::kA,
                          start + 200ms, answers[i], count));
  }
  EXPECT_EQ(count, 1);  // the fourth was refused at once
  EXPECT_EQ(answers[3].status, AnswerStatus::kExhausted);
  ASSERT_TRUE(shard.run_until([&] { return count == 4; }, 5s));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(answers[i].status, AnswerStatus::kTimeout);
  EXPECT_EQ(shard.resolver->outstanding_count(), 3u);  // orphans count
  EXPECT_EQ(shard.resolver->counts().timeouts, 3u);
  // A later caller joins an orphan instead of asking again.
  shard.scope.spawn(ask(*shard.resolver, "q0.example", RecordType::kA, shard.reactor.now() + 100ms,
                        answers[4], count));
  ASSERT_TRUE(shard.run_until([&] { return count == 5; }, 5s));
  EXPECT_EQ(answers[4].status, AnswerStatus::kTimeout);
  EXPECT_EQ(shard.resolver->counts().sent, 3u);
  EXPECT_EQ(shard.resolver->counts().coalesced, 1u);
}

// Goal: an answer that comes after its caller has left is kept for the next one.
TEST_P(Unbound, LateAnswerFillsTheCache) {
  SilentServer silent;
  Shard shard(GetParam(), forward_to(silent.forwarder()));
  EXPECT_EQ(summary(shard.query("q.example", RecordType::kA, 50ms)), "timeout");
  ASSERT_TRUE(shard.run_until([&] {
    silent.answer_all();
    return shard.resolver->counts().late_answers == 1;
  }));
  EXPECT_EQ(shard.resolver->outstanding_count(), 0u);
  EXPECT_EQ(summary(shard.query("q.example", RecordType::kA)), "ok 192.0.2.8");
  EXPECT_EQ(shard.resolver->counts().cache_hits, 1u);
}

// Goal: when the table is full, an old orphan makes room, and its answer, late, hits nobody.
TEST_P(Unbound, OldOrphansMakeRoom) {
  SilentServer silent;
  UnboundOptions options = forward_to(silent.forwarder());
  options.outstanding_max = 2;
  options.orphan_age_max = 0ms;
  Shard shard(GetParam(), options);
  EXPECT_EQ(summary(shard.query("first.example", RecordType::kA, 50ms)), "timeout");
  EXPECT_EQ(summary(shard.query("second.example", RecordType::kA, 50ms)), "timeout");
  Answer third;
  int count = 0;
  shard.scope.spawn(ask(*shard.resolver, "third.example", RecordType::kA, shard.reactor.now() + 10s,
                        third, count));
  EXPECT_EQ(shard.resolver->counts().cancelled, 1u);
  EXPECT_EQ(shard.resolver->outstanding_count(), 2u);
  ASSERT_TRUE(shard.run_until([&] {
    silent.answer_all();
    return count == 1 && shard.resolver->outstanding_count() == 0;
  }));
  EXPECT_EQ(summary(third), "ok 192.0.2.8");
  EXPECT_EQ(shard.resolver->counts().late_answers, 1u);  // the second's; the first was given up
  EXPECT_EQ(shard.resolver->counts().exhausted, 0u);
}

TEST_P(Unbound, CloseEndsQueriesUnderWay) {
  SilentServer silent;
  Answer waiting;
  Answer refused;
  int count = 0;
  {
    Shard shard(GetParam(), forward_to(silent.forwarder()));
    shard.scope.spawn(ask(*shard.resolver, "q.example", RecordType::kA, shard.reactor.now() + 60s,
                          waiting, count));
    bool closed = false;
    shard.scope.spawn(close_resolver(*shard.resolver, closed));
    shard.scope.spawn(ask(*shard.resolver, "r.example", RecordType::kA, shard.reactor.now() + 60s,
                          refused, count));
    ASSERT_TRUE(shard.run_until([&] { return closed && count == 2; }, 5s));
    shard.resolver.reset();
  }
  EXPECT_EQ(waiting.status, AnswerStatus::kCancelled);
  EXPECT_EQ(refused.status, AnswerStatus::kCancelled);
}

TEST_P(Unbound, ResolvConf) {
  // resolv.conf has no ports, so only its reading can be checked: a server of this host, port 53.
  const std::string file = server->directory() + "/resolv.conf";
  std::ofstream(file) << "search example\nnameserver 127.0.0.1\noptions edns0\n";
  UnboundOptions options;
  options.resolv_conf = file;
  Shard present(GetParam(), options);
  options.resolv_conf = server->directory() + "/absent";
  Shard absent(GetParam(), options);
  for (Shard* shard : {&present, &absent}) {
    EXPECT_EQ(summary(shard->query("localhost", RecordType::kA)), "ok 127.0.0.1");
  }
}

TEST_P(Unbound, Route) {
  Shard shard(GetParam(), forward_to(server->forwarder()));
  RouteOptions options;
  options.address.randomize = false;
  std::optional<RouteResult> result;
  shard.scope.spawn(find_route(shard.reactor, *shard.resolver,
                               parse_destinations("two.example", {}).destinations.at(0), options,
                               result));
  ASSERT_TRUE(shard.run_until([&] { return result.has_value(); }));
  ASSERT_EQ(result->hops.size(), 3u);
  EXPECT_EQ(result->hops[0].address.text(), "192.0.2.1:25");
  EXPECT_EQ(result->hops[1].address.text(), "[2001:db8::1]:25");
  EXPECT_EQ(result->hops[2].address.text(), "192.0.2.2:25");
  EXPECT_EQ(result->site, "mx1.example,mx2.example");
}

// The zone is signed until 2056; the address of "forged" was changed after signing.
TEST_P(Unbound, DnssecValidation) {
  const std::string zone = std::filesystem::absolute("dns/testdata/signed.example.zone");
  UnboundServer signer;
  ASSERT_TRUE(
      signer.start("auth-zone:\n  name: \"signed.example.\"\n  for-upstream: yes\n"
                   "  for-downstream: yes\n  zonefile: \"" +
                   zone +
                   "\"\nserver:\n"
                   "  local-zone: \"signed.example.\" transparent\n" +
                   std::string(kRecords)));
  UnboundOptions options = forward_to(signer.forwarder());
  options.trust_anchor_file = std::filesystem::absolute("dns/testdata/signed.example.ds");
  Shard shard(GetParam(), options);
  struct Case {
    std::string_view name;
    RecordType type;
    std::string_view result;
    Validation validation;
  };
  using enum RecordType;
  constexpr Case kCases[] = {
      {"signed.example", kMx, "ok 10:mx.signed.example", Validation::kSecure},
      {"mx.signed.example", kA, "ok 192.0.2.25", Validation::kSecure},
      {"_25._tcp.mx.signed.example", kTlsa, "ok 311:32", Validation::kSecure},
      {"no.signed.example", kA, "nxdomain", Validation::kSecure},
      {"mx.signed.example", kAaaa, "nodata", Validation::kSecure},
      {"forged.signed.example", kA, "bogus", Validation::kBogus},
      {"mx1.example", kA, "ok 192.0.2.1", Validation::kInsecure},
  };
  for (const Case& c : kCases) {
    const Answer answer = shard.query(c.name, c.type);
    EXPECT_EQ(summary(answer), c.result) << c.name << ": " << answer.detail;
    EXPECT_EQ(answer.validation, c.validation) << c.name;
    EXPECT_EQ(answer.detail.empty(), c.validation != Validation::kBogus) << c.name;
  }
}

// Goal: without forwarders, a name is found from the root down.
// Method: a root and a zone of ours on a loopback address; the standard port needs privileges.
TEST_P(Unbound, Recursion) {
  const std::string root_ip = "127.0.53.1";
  const auto at_port_53 = net::SocketAddress::from_ip(root_ip, 53);
  const int probe = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool may_bind = ::bind(probe, at_port_53->raw(), at_port_53->size()) == 0;
  ::close(probe);
  if (!may_bind) GTEST_SKIP() << "may not bind " << root_ip << " port 53";
  UnboundServer root;
  const std::string directory = root.directory();
  std::ofstream(directory + "/root.zone") << ". 3600 IN SOA a.root.example. root.example. 1 3600 "
                                             "900 86400 60\n. 3600 IN NS a.root.example.\n"
                                             "a.root.example. 3600 IN A "
                                          << root_ip << "\nexample. 3600 IN NS a.root.example.\n";
  std::ofstream(directory + "/example.zone")
      << "example. 3600 IN SOA a.root.example. root.example. 1 3600 900 86400 60\n"
         "example. 3600 IN NS a.root.example.\na.root.example. 3600 IN A "
      << root_ip
      << "\n"
         "two.example. 300 IN MX 10 mx1.example.\n";
  std::ofstream(directory + "/hints")
      << ". 3600 IN NS a.root.example.\na.root.example. 3600 IN A " << root_ip << "\n";
  std::string zones;
  for (const char* zone : {"example.", "."}) {
    const std::string file = directory + (*zone == '.' ? "/root.zone" : "/example.zone");
    zones += std::string("auth-zone:\n  name: \"") + zone +
             "\"\n  for-downstream: yes\n  zonefile: \"" + file + "\"\n";
  }
  ASSERT_TRUE(root.start(zones, root_ip, 53));
  UnboundOptions options;
  options.mode = UnboundMode::kRecursive;
  options.root_hints_file = directory + "/hints";
  Shard shard(GetParam(), options);
  EXPECT_EQ(summary(shard.query("two.example", RecordType::kMx)), "ok 10:mx1.example");
  EXPECT_EQ(summary(shard.query("none.example", RecordType::kMx)), "nxdomain");
  EXPECT_EQ(summary(shard.query("host.test", RecordType::kA)), "nxdomain");  // RFC 6761 6.2
}

INSTANTIATE_TEST_SUITE_P(, Unbound, testing::Values(rt::IoChoice::kEpoll, rt::IoChoice::kUring),
                         [](const auto& which) {
                           return which.param == rt::IoChoice::kEpoll ? "Epoll" : "Uring";
                         });

TEST(UnboundOptions, Errors) {
  rt::SystemClock clock;
  rt::SelectedIo selected = *rt::select_io(rt::IoChoice::kEpoll);
  rt::Reactor reactor(clock, *selected.io, 1);
  struct Case {
    UnboundOptions options;
    std::string error;
  };
  Case cases[4];
  cases[0].options.mode = UnboundMode::kForward;
  cases[0].error = "the list of DNS forwarders is empty";
  cases[1].options = forward_to("name-server");
  cases[1].error = "DNS forwarder \"name-server\": syntax error";
  cases[2].options.trust_anchor_file = "/absent/root.key";
  cases[2].error = "trust anchor file /absent/root.key cannot be read";
  cases[3].options.mode = UnboundMode::kRecursive;
  cases[3].options.root_hints_file = "/absent/hints";
  cases[3].error = "root hints file /absent/hints cannot be read";
  for (const Case& c : cases) {
    const CreatedUnbound created = UnboundResolver::create(reactor, c.options);
    EXPECT_EQ(created.resolver, nullptr);
    EXPECT_EQ(created.error, c.error);
  }
}

TEST(ParseForwarders, Lists) {
  struct Case {
    std::string_view text;
    std::vector<std::string> forwarders;
    std::string error;
  };
  const Case cases[] = {
      {"127.0.0.1@5353", {"127.0.0.1@5353"}, ""},
      {" 192.0.2.53,2001:db8::53@53 ", {"192.0.2.53", "2001:db8::53@53"}, ""},
      {"", {}, "the list of DNS forwarders is empty"},
      {"192.0.2.53 dns.example",
       {},
       "DNS forwarder \"dns.example\" is not ADDRESS or ADDRESS@PORT"},
      {"192.0.2.53@0", {}, "DNS forwarder \"192.0.2.53@0\" is not ADDRESS or ADDRESS@PORT"},
      {"192.0.2.53@", {}, "DNS forwarder \"192.0.2.53@\" is not ADDRESS or ADDRESS@PORT"},
      {"192.0.2.53:53", {}, "DNS forwarder \"192.0.2.53:53\" is not ADDRESS or ADDRESS@PORT"},
  };
  for (const Case& c : cases) {
    const ParsedForwarders got = parse_forwarders(c.text);
    EXPECT_EQ(got.forwarders, c.forwarders) << c.text;
    EXPECT_EQ(got.error, c.error) << c.text;
  }
}

}  // namespace
}  // namespace barid::dns
