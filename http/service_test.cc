// Goal: what clients see of connections: persistence, pipelining, errors, deadlines, limits, stop.
// Method: a service on a simulated network, clients that send given bytes and collect the answer.
#include "http/service.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <optional>

#include "shard/sim/sim_network.h"

namespace barid::http {
namespace {

using namespace std::chrono_literals;
using rt::Task;

/// Handlers that show the request back.
struct Echo {
  Task<void> get(Exchange& exchange) {
    Response response{.content_type = "text/plain"};
    response.body = "you asked for " + exchange.request().target_text;
    co_await exchange.answer(std::move(response));
  }
  Task<void> post(Exchange& exchange) {
    Response response{.content_type = "text/plain"};
    for (const std::string_view span : exchange.request().body->spans()) response.body += span;
    co_await exchange.answer(std::move(response));
  }
  Task<void> stream(Exchange& exchange) {
    static_cast<void>(co_await exchange.begin({.content_type = "text/plain", .body = "one,"}));
    static_cast<void>(co_await exchange.write("two"));
  }
  Task<void> slow(Exchange& exchange) {
    co_await rt::Sleep(exchange.reactor(), exchange.reactor().now() + 5s);
    co_await exchange.answer({.content_type = "text/plain", .body = "late"});
  }
  Task<void> mute(Exchange&) { co_return; }
};

class ServiceTest : public ::testing::Test {
 protected:
  struct Client {
    std::string received;
    bool ended = false;
  };

  void SetUp() override {
    router.add(Method::kGet, "/get", handler<&Echo::get>(echo));
    router.add(Method::kPost, "/post", handler<&Echo::post>(echo));
    router.add(Method::kGet, "/stream", handler<&Echo::stream>(echo));
    router.add(Method::kGet, "/slow", handler<&Echo::slow>(echo));
    router.add(Method::kGet, "/mute", handler<&Echo::mute>(echo));
    make_service({});
  }
  void TearDown() override {
    stop.request();
    service->close_listeners();
    EXPECT_TRUE(run_until([&] {
      return scope.tasks_count() == 0 && service->connections_count() == 0 &&
             service->listeners_closed() && network.descriptors_count() == 0;
    }));
  }
  void make_service(ServiceSettings settings) {
    if (service) {
      service->close_listeners();
      ASSERT_TRUE(run_until([&] { return service->listeners_closed(); }));
    }
    settings.timeout = 10s;
    settings.idle_timeout = 20s;
    service.emplace(ServiceEnv{.reactor = reactor,
                               .log = log,
                               .counters = counters,
                               .stop = stop,
                               .tickets = tickets,
                               .handshakes_count = handshakes_count},
                    std::move(settings), router, log_pids);
    address = *net::SocketAddress::from_ip("127.0.0.1", next_port++);
    ASSERT_TRUE(service->listen(address).ok());
  }
  bool run_until(const std::function<bool()>& done) {
    for (int turns = 0; turns < 1'000'000 && !done(); ++turns) {
      if (reactor.turn(Duration::zero()) || io.has_work()) continue;
      const auto arrival = network.next_arrival();
      std::optional<MonoTime> next = arrival;
      if (!reactor.timers().empty() && (!next || reactor.timers().next_due() < *next)) {
        next = reactor.timers().next_due();
      }
      if (next) clock.advance_to(*next);
    }
    return done();
  }
  /// Sends each piece after its pause, then reads until the server ends the connection.
  static Task<void> talk(ServiceTest& test, std::vector<std::string> pieces, Duration pause,
                         Client& client) {
    auto connected =
        co_await net::connect(test.reactor, test.address, nullptr, test.reactor.now() + 10s);
    BARID_ASSERT(connected.ok());
    net::Stream stream = *std::move(connected);
    for (const std::string& piece : pieces) {
      stream.write(piece);
      if (pause > Duration::zero()) {
        co_await rt::Sleep(test.reactor, test.reactor.now() + pause);
      }
    }
    for (;;) {
      const Status status = co_await stream.read(test.reactor.now() + 300s);
      client.received += stream.input();
      stream.consume(stream.input().size());
      if (!status.ok()) break;
    }
    client.ended = true;
  }
  std::string ask(std::vector<std::string> pieces, Duration pause = {}) {
    Client& client = clients.emplace_back();
    scope.spawn(talk(*this, std::move(pieces), pause, client));
    EXPECT_TRUE(run_until([&] { return client.ended; }));
    return client.received;
  }
  static size_t count(std::string_view text, std::string_view what) {
    size_t found = 0;
    for (size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1))
      ++found;
    return found;
  }

  sim::SimClock clock;
  sim::SimNetwork network{clock, 1};
  sim::SimIo& io = network.add_io();
  rt::Reactor reactor{clock, io, 1};
  LogBuffer buffer;
  Log log{LogFormat{}, buffer};
  Counters counters;
  rt::StopSource stop;
  net::TlsTicketKeys tickets;
  uint32_t handshakes_count = 0;
  Echo echo;
  Router router;
  std::atomic<uint32_t> log_pids{0};
  std::optional<Service> service;
  std::deque<Client> clients;
  rt::Scope scope{reactor};
  net::SocketAddress address;
  uint16_t next_port = 8025;
};

TEST_F(ServiceTest, AnswersAndKeepsTheConnection) {
  const std::string answer =
      ask({"GET /get?x=1 HTTP/1.1\r\nHost: a\r\nX-Request-Id: my-id.1\r\n\r\n",
           "HEAD /get HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
          1s);
  EXPECT_EQ(count(answer, "HTTP/1.1 200 OK\r\n"), 2u) << answer;
  EXPECT_EQ(count(answer, "content-length: "), 2u);
  EXPECT_EQ(count(answer, "you asked for /get"), 1u);
  EXPECT_EQ(count(answer, "x-request-id: my-id.1\r\n"), 1u);
  EXPECT_EQ(count(answer, "connection: close"), 1u);
  EXPECT_EQ(counters.get(Counter::kHttpRequests), 2u);
}

TEST_F(ServiceTest, PipelinedRequestsAreAnsweredInOrder) {
  std::string requests;
  for (int i = 0; i < 20; ++i) {
    requests += "POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n<" +
                std::to_string(10 + i) + ">";
  }
  requests += "GET /get HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  const std::string answer = ask({requests});
  size_t at = 0;
  for (int i = 0; i < 20; ++i) {
    at = answer.find("<" + std::to_string(10 + i) + ">", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
  EXPECT_EQ(count(answer, "HTTP/1.1 200 OK"), 21u);
}

TEST_F(ServiceTest, Streams) {
  const std::string chunked = ask({"GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"});
  EXPECT_TRUE(chunked.ends_with("\r\n\r\n4\r\none,\r\n3\r\ntwo\r\n0\r\n\r\n")) << chunked;
  EXPECT_EQ(count(chunked, "content-length"), 0u);
  const std::string old = ask({"GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"});
  EXPECT_TRUE(old.ends_with("\r\n\r\none,two")) << old;
  EXPECT_EQ(count(old, "connection: close"), 1u);
}

TEST_F(ServiceTest, ErrorsOfTheTable) {
  struct Case {
    std::string_view line;
    std::string_view status, text;
  };
  for (const Case& c : {Case{"GET /none", "404", "\"name\":\"not_found\""},
                        Case{"DELETE /get", "405", "allow: GET, HEAD, OPTIONS\r\n"},
                        Case{"BREW /post", "405", "allow: POST, OPTIONS\r\n"},
                        Case{"OPTIONS /get", "204", "allow: GET, HEAD, OPTIONS\r\n"},
                        Case{"GET /mute", "500", "\"name\":\"internal_server_error\""}}) {
    SCOPED_TRACE(c.line);
    const std::string answer =
        ask({std::string(c.line) + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"});
    EXPECT_EQ(count(answer, "HTTP/1.1 " + std::string(c.status)), 1u) << answer;
    EXPECT_EQ(count(answer, c.text), 1u) << answer;
  }
}

TEST_F(ServiceTest, ARefusedRequestEndsTheConnection) {
  const std::string answer =
      ask({"GET /get HTTP/1.1\r\nHost: a\r\n folded\r\n\r\nGET /get HTTP/1.1\r\nHost: a\r\n\r\n"});
  EXPECT_EQ(count(answer, "HTTP/1.1 400"), 1u) << answer;
  EXPECT_EQ(count(answer, "HTTP/1.1"), 1u);
  EXPECT_EQ(count(answer, "connection: close"), 1u);
}

TEST_F(ServiceTest, ContinuesWhenAsked) {
  const std::string answer = ask({"POST /post HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                                  "Content-Length: 5\r\nConnection: close\r\n\r\n",
                                  "hello"},
                                 1s);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("hello"));
}

TEST_F(ServiceTest, LargeBodies) {
  make_service({.body_bytes_max = 1000});
  const std::string announced = ask(
      {"POST /post HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n"});
  EXPECT_TRUE(announced.starts_with("HTTP/1.1 413")) << announced;
  const std::string chunked =
      ask({"POST /post HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
           std::string(1001, 'x') + "\r\n0\r\n\r\n"});
  EXPECT_TRUE(chunked.starts_with("HTTP/1.1 413")) << chunked;
  const std::string fits =
      ask({"POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n"
           "Connection: close\r\n\r\n" +
           std::string(1000, 'x')});
  EXPECT_TRUE(fits.starts_with("HTTP/1.1 200")) << fits;
}

TEST_F(ServiceTest, MemoryOfAllBodiesIsBounded) {
  make_service({.body_bytes_max = 1000, .bodies_bytes_max = 1500});
  Client& first = clients.emplace_back();
  scope.spawn(talk(*this,
                   {"POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n"
                    "Connection: close\r\n\r\n" +
                        std::string(900, 'x'),
                    std::string(100, 'x')},
                   5s, first));
  ASSERT_TRUE(run_until([&] { return counters.get(Counter::kHttpConnectionsOpen) == 1; }));
  const std::string second = ask(
      {"POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x')},
      1s);
  EXPECT_TRUE(second.starts_with("HTTP/1.1 503")) << second;
  EXPECT_EQ(count(second, "retry-after: "), 1u);
  ASSERT_TRUE(run_until([&] { return first.ended; }));
  EXPECT_TRUE(first.received.starts_with("HTTP/1.1 200")) << first.received;
  const std::string third =
      ask({"POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n"
           "Connection: close\r\n\r\n" +
           std::string(1000, 'x')});
  EXPECT_TRUE(third.starts_with("HTTP/1.1 200")) << third;
}

/// Lets in who says "key: yes".
struct Doorman final : HeadGuard {
  std::optional<ApiError> head_problem(const Request& request) override {
    if (request.field("key") == "yes") return std::nullopt;
    return ApiError{.status = 401, .name = "missing_api_key", .message = "no key"};
  }
};

TEST_F(ServiceTest, LargeBodiesOnlyOfWhomTheHeadLetsPass) {
  Doorman doorman;
  router.set_head_guard(&doorman);
  router.add(Method::kPost, "/guarded", handler<&Echo::post>(echo));
  const auto head = [](std::string_view line, std::string_view fields) {
    return std::string(line) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
  };
  constexpr std::string_view kLarge = "Content-Length: 16385\r\n";
  const struct {
    std::string text;
    std::string_view answer;
  } cases[] = {
      // None of these bodies is ever sent.
      {head("POST /guarded", kLarge), "HTTP/1.1 401"},
      {head("POST /guarded", "Transfer-Encoding: chunked\r\n"), "HTTP/1.1 401"},
      {head("POST /nowhere", kLarge), "HTTP/1.1 404"},
      {head("PUT /post", kLarge), "HTTP/1.1 405"},
      {head("GET /get", kLarge), "HTTP/1.1 413"},
      {head("POST /guarded", "Connection: close\r\nContent-Length: 3\r\n") + "abc", "HTTP/1.1 200"},
      {head("POST /guarded", "Key: yes\r\nConnection: close\r\nContent-Length: 16385\r\n") +
           std::string(16'385, 'x'),
       "HTTP/1.1 200"},
      {head("POST /post", "Connection: close\r\nContent-Length: 16385\r\n") +
           std::string(16'385, 'x'),
       "HTTP/1.1 200"},
  };
  for (const auto& one : cases) {
    const std::string answer = ask({one.text});
    EXPECT_TRUE(answer.starts_with(one.answer)) << one.text.substr(0, 80) << '\n' << answer;
    if (one.answer.ends_with("405"))
      EXPECT_EQ(count(answer, "allow: POST, OPTIONS\r\n"), 1u) << answer;
  }
}

TEST_F(ServiceTest, Gzip) {
  const std::string packed(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00"
      "\x00\x00",
      25);
  const std::string head = "POST /post HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
  const std::string good =
      ask({head + "Content-Encoding: gzip\r\nContent-Length: 25\r\n\r\n" + packed});
  EXPECT_TRUE(good.starts_with("HTTP/1.1 200") && good.ends_with("\r\n\r\nhello")) << good;
  const std::string cut =
      ask({head + "Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + packed.substr(0, 20)});
  EXPECT_TRUE(cut.starts_with("HTTP/1.1 400")) << cut;
  const std::string other = ask({head + "Content-Encoding: br\r\nContent-Length: 2\r\n\r\nxx"});
  EXPECT_TRUE(other.starts_with("HTTP/1.1 415")) << other;
}

TEST_F(ServiceTest, SlowClientsAreLetGo) {
  // One byte a second: never a pause that is too long, and still no end.
  std::vector<std::string> trickle;
  for (const char c : std::string("GET /get HTTP/1.1\r\nHost: a.very.slow.client\r\n\r\n"))
    trickle.emplace_back(1, c);
  const MonoTime started = clock.mono();
  const std::string head = ask(std::move(trickle), 1s);
  EXPECT_TRUE(head.starts_with("HTTP/1.1 408")) << head;
  EXPECT_LT(clock.mono() - started, 60s);
  std::vector<std::string> body = {"POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"};
  for (int i = 0; i < 40; ++i) body.emplace_back("x");
  const std::string slow_body = ask(std::move(body), 1s);
  EXPECT_TRUE(slow_body.starts_with("HTTP/1.1 408")) << slow_body;
  EXPECT_EQ(ask({""}), "");  // idle: closed without a word
}

TEST_F(ServiceTest, TooManyConnections) {
  make_service({.connections_max = 1});
  Client& first = clients.emplace_back();
  scope.spawn(talk(*this, {"GET /get HTTP/1.1\r\nHost: a\r\n\r\n"}, {}, first));
  ASSERT_TRUE(run_until([&] { return !first.received.empty(); }));
  const std::string second = ask({"GET /get HTTP/1.1\r\nHost: a\r\n\r\n"});
  EXPECT_TRUE(second.starts_with("HTTP/1.1 503")) << second;
  EXPECT_EQ(counters.reached(Limit::kSessions), 1u);
}

TEST_F(ServiceTest, AStopAnswersWhatIsUnderWay) {
  Client& idle = clients.emplace_back();
  Client& busy = clients.emplace_back();
  scope.spawn(talk(*this, {"GET /get HTTP/1.1\r\nHost: a\r\n\r\n"}, {}, idle));
  scope.spawn(talk(*this, {"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"}, {}, busy));
  ASSERT_TRUE(run_until(
      [&] { return !idle.received.empty() && counters.get(Counter::kHttpConnectionsOpen) == 2; }));
  const MonoTime before = clock.mono();
  stop.request();
  ASSERT_TRUE(run_until([&] { return idle.ended; }));
  EXPECT_LT(clock.mono() - before, 1s);
  ASSERT_TRUE(run_until([&] { return busy.ended; }));
  EXPECT_TRUE(busy.received.ends_with("late")) << busy.received;
}

}  // namespace
}  // namespace barid::http
