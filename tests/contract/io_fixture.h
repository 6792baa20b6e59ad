// The fixture of the I/O contract tests: a harness, a listener that collects what it accepts, and
// a check after every test that all descriptors are back.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shard/net/listener.h"
#include "shard/net/stream.h"
#include "shard/runtime/scope.h"
#include "tests/contract/io_harness.h"

namespace barid::contract {

using namespace std::chrono_literals;
using net::SocketAddress;
using net::Stream;
using rt::Task;

struct Accepted {
  int fd;
  SocketAddress peer;
};

class IoContractTest : public ::testing::TestWithParam<Backend>, public net::ConnectionHandler {
 protected:
  void SetUp() override {
    std::string reason;
    harness = make_harness(GetParam(), &reason);
    if (harness == nullptr) GTEST_SKIP() << reason;
    descriptors_before_ = harness->descriptors_count();
    scope.emplace(harness->reactor());
    listener.emplace(harness->reactor(), *this);
  }

  void TearDown() override {
    if (harness == nullptr) return;
    EXPECT_EQ(scope->tasks_count(), 0u);
    for (const Accepted& one : accepted) harness->io().close(one.fd);
    listener->close();
    EXPECT_TRUE(run_until([this] {
      return listener->closed() && harness->descriptors_count() == descriptors_before_;
    })) << "descriptors left open: "
        << harness->descriptors_count() - descriptors_before_;
    listener.reset();
    scope.reset();
    harness.reset();
  }

  bool run_until(const std::function<bool()>& done, Duration limit = 20s) {
    return harness->run_until(done, limit);
  }
  bool run_tasks(Duration limit = 20s) {
    return run_until([this] { return scope->tasks_count() == 0; }, limit);
  }
  MonoTime in(Duration time) { return harness->reactor().now() + time; }

  SocketAddress listen(int family = AF_INET) {
    const Status status = listener->open(harness->listen_address(family));
    EXPECT_TRUE(status.ok());
    return listener->local();
  }

  void on_connection(int fd, const SocketAddress& peer) override { accepted.push_back({fd, peer}); }

  int take_accepted() {
    EXPECT_TRUE(run_until([this] { return !accepted.empty(); }));
    if (accepted.empty()) return -1;
    const int fd = accepted.front().fd;
    accepted.pop_front();
    return fd;
  }

  static Task<void> connect_into(rt::Reactor& reactor, SocketAddress address, MonoTime deadline,
                                 std::optional<Result<Stream>>& out) {
    Result<Stream> result = co_await net::connect(reactor, address, nullptr, deadline);
    out.emplace(std::move(result));
  }
  std::optional<Result<Stream>> try_connect(const SocketAddress& address, Duration timeout = 10s) {
    std::optional<Result<Stream>> result;
    scope->spawn(connect_into(harness->reactor(), address, in(timeout), result));
    EXPECT_TRUE(run_tasks());
    return result;
  }

  /// Both ends of one connection through the listener.
  void open_pair(int family = AF_INET) {
    if (listener->closed()) static_cast<void>(listen(family));
    auto connected = try_connect(listener->local());
    ASSERT_TRUE(connected.has_value() && connected->ok());
    client.emplace(**std::move(connected));
    const int fd = take_accepted();
    ASSERT_GE(fd, 0);
    server.emplace(harness->reactor(), fd, harness->io().peer_address(fd));
  }
  void close_pair() {
    client.reset();
    server.reset();
  }

  std::unique_ptr<IoHarness> harness;
  std::optional<rt::Scope> scope;
  std::optional<net::Listener> listener;
  std::deque<Accepted> accepted;
  std::optional<Stream> client;
  std::optional<Stream> server;

 private:
  size_t descriptors_before_ = 0;
};

/// A position-dependent pattern, so that lost, repeated and swapped bytes all show.
inline std::string pattern(size_t bytes, uint64_t offset = 0) {
  std::string text(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) {
    const uint64_t x = (offset + i) * 0x9e3779b97f4a7c15u;
    text[i] = static_cast<char>(x >> 56);
  }
  return text;
}

}  // namespace barid::contract
