// Goal: the operations of rt::Io end exactly once, with the promised result, on every back end.
// Method: each kind submitted, cancelled, cancelled from inside its own callback, and reused.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "shard/runtime/spsc_ring.h"
#include "tests/contract/io_fixture.h"
#include "tests/contract/raw_peer.h"

namespace barid::contract {
namespace {

using IoOps = IoContractTest;

struct Acceptor final : rt::AcceptOp {
  explicit Acceptor(rt::Io& backend) : io(backend) {}
  void on_accept(int accepted_fd) override {
    ++accepted_count;
    io.close(accepted_fd);
    if (cancel_at == accepted_count) io.cancel(*this);
  }
  void on_accept_end(int error) override {
    result = error;
    ++ends_count;
  }
  rt::Io& io;
  int accepted_count = 0;
  int cancel_at = 0;
  int result = RawPeer::kNothing;
  int ends_count = 0;
};

struct Poller final : rt::PollOp {
  void on_readable() override {
    char bytes[64];
    ssize_t got = 0;
    while ((got = ::read(fd, bytes, sizeof bytes)) > 0) bytes_count += static_cast<size_t>(got);
  }
  void on_poll_end(int error) override { result = error; }
  size_t bytes_count = 0;
  int result = RawPeer::kNothing;
};

/// A connected pair without net::Stream.
class IoOpsPair : public IoContractTest {
 protected:
  void open_raw_pair() {
    const SocketAddress address = listen();
    a.emplace(harness->io());
    b.emplace(harness->io());
    a->connect(address);
    ASSERT_TRUE(run_until([&] { return a->connect_result == 0 && !accepted.empty(); }));
    b->adopt(take_accepted());
    a->completions_count = 0;
  }
  std::optional<RawPeer> a, b;
};

TEST_P(IoOpsPair, SubmittingNeverCallsBack) {
  ASSERT_NO_FATAL_FAILURE(open_raw_pair());
  b->send("there already");
  ASSERT_TRUE(run_until([&] { return b->send_result == 0; }));
  a->receive();
  a->send("x");
  EXPECT_EQ(a->completions_count, 0);
  EXPECT_TRUE(a->received.empty());
  a->cancel_receive();
  EXPECT_EQ(a->completions_count, 0);
  EXPECT_TRUE(a->receiving());
  ASSERT_TRUE(run_until([&] { return !a->receiving() && !a->sending(); }));
  EXPECT_EQ(a->completions_count, 2);
  a->close();
  b->close();
}

TEST_P(IoOpsPair, CancelledReceiveEndsOnceAndMayBeArmedAgain) {
  ASSERT_NO_FATAL_FAILURE(open_raw_pair());
  for (int round = 1; round <= 100; ++round) {
    a->receive();
    if (round % 2 == 0) harness->run_for(1ms);
    a->cancel_receive();
    a->cancel_receive();  // asking twice is asking once
    ASSERT_TRUE(run_until([&] { return !a->receiving(); }));
    ASSERT_EQ(a->receive_result, -ECANCELED);
    ASSERT_EQ(a->completions_count, round);
    a->cancel_receive();  // no effect: not active
  }
  a->receive();
  b->send("still works");
  ASSERT_TRUE(run_until([&] { return a->received == "still works"; }));
  a->cancel_receive();
  ASSERT_TRUE(run_until([&] { return !a->receiving(); }));
  a->close();
  b->close();
}

// The reader's cancel meets arriving bytes at every possible moment; nothing may be lost.
TEST_P(IoOpsPair, CancelRacingWithBytesLosesNone) {
  ASSERT_NO_FATAL_FAILURE(open_raw_pair());
  std::string expected;
  for (int round = 0; round < 300; ++round) {
    const std::string piece = pattern(static_cast<size_t>(1 + round * 37 % 5000), expected.size());
    expected += piece;
    a->receive();
    b->send(piece);
    for (int turns = round % 4; turns > 0; --turns) harness->reactor().turn(Duration::zero());
    a->cancel_receive();
    ASSERT_TRUE(run_until([&] { return !a->receiving(); }));
    ASSERT_EQ(a->receive_result, -ECANCELED);
    if (b->sending()) {  // the buffers between them are full
      a->receive();
      ASSERT_TRUE(run_until([&] { return !b->sending(); }));
      a->cancel_receive();
      ASSERT_TRUE(run_until([&] { return !a->receiving(); }));
    }
    ASSERT_EQ(b->send_result, 0);
  }
  a->receive();
  ASSERT_TRUE(run_until([&] { return a->received.size() == expected.size(); }));
  EXPECT_TRUE(a->received == expected);
  a->cancel_receive();
  ASSERT_TRUE(run_until([&] { return !a->receiving(); }));
  a->close();
  b->close();
}

// A last reply, and then the end.
TEST_P(IoOpsPair, WhatWasHandedOverBeforeACancelIsSent) {
  ASSERT_NO_FATAL_FAILURE(open_raw_pair());
  a->send("421 bye");
  a->cancel_send();
  ASSERT_TRUE(run_until([&] { return !a->sending(); }));
  a->close();
  b->receive();
  ASSERT_TRUE(run_until([&] { return !b->receiving(); }));
  EXPECT_EQ(b->received, "421 bye");
  b->close();
}

TEST_P(IoOpsPair, CancelledSendTellsHowFarItCame) {
  ASSERT_NO_FATAL_FAILURE(open_raw_pair());
  const std::string text = pattern(16 << 20);
  a->send(text);
  harness->run_for(30ms);
  EXPECT_TRUE(a->sending());
  a->cancel_send();
  ASSERT_TRUE(run_until([&] { return !a->sending(); }));
  EXPECT_EQ(a->send_result, -ECANCELED);
  const size_t sent = a->bytes_sent();
  EXPECT_GT(sent, 0u);
  EXPECT_LT(sent, text.size());
  a->close();
  b->receive();
  ASSERT_TRUE(run_until([&] { return !b->receiving(); }));
  EXPECT_EQ(b->receive_result, 0);
  EXPECT_EQ(b->received.size(), sent);
  EXPECT_TRUE(std::string_view(text).substr(0, sent) == b->received);
  b->close();
}

TEST_P(IoOpsPair, EmptySendsComplete) {
  ASSERT_NO_FATAL_FAILURE(open_raw_pair());
  iovec vectors[] = {{nullptr, 0}, {nullptr, 0}};
  for (const size_t count : {size_t{0}, size_t{1}, size_t{2}}) {
    a->send_result = RawPeer::kNothing;
    a->send_vectors(vectors, count);
    ASSERT_TRUE(run_until([&] { return !a->sending(); }, 5s)) << count;
    EXPECT_EQ(a->send_result, 0);
  }
  a->close();
  b->close();
}

TEST_P(IoOpsPair, SendToAClosedPeerIsAnErrorNotASignal) {
  ASSERT_NO_FATAL_FAILURE(open_raw_pair());
  harness->reset(std::exchange(b->fd, -1));
  harness->run_for(5ms);
  for (int i = 0; i < 2; ++i) {
    a->send("x");
    ASSERT_TRUE(run_until([&] { return !a->sending(); }));
    EXPECT_TRUE(a->send_result == -EPIPE || a->send_result == -ECONNRESET) << a->send_result;
  }
  a->close();
}

TEST_P(IoOps, CancelledConnect) {
  RawPeer peer(harness->io());
  peer.connect(harness->silent_address());
  harness->run_for(10ms);
  EXPECT_TRUE(peer.connecting());
  peer.cancel_connect();
  ASSERT_TRUE(run_until([&] { return !peer.connecting(); }));
  EXPECT_EQ(peer.connect_result, -ECANCELED);
  EXPECT_EQ(peer.completions_count, 1);
  peer.close();
}

TEST_P(IoOps, CancelledAccept) {
  Acceptor acceptor(harness->io());
  acceptor.fd = *harness->io().open_listener(harness->listen_address(AF_INET), {});
  for (int round = 1; round <= 3; ++round) {
    harness->io().accept(acceptor);
    if (round > 1) harness->run_for(2ms);
    harness->io().cancel(acceptor);
    ASSERT_TRUE(run_until([&] { return !acceptor.active; }));
    EXPECT_EQ(acceptor.result, -ECANCELED);
    EXPECT_EQ(acceptor.ends_count, round);
  }
  harness->io().close(acceptor.fd);
}

TEST_P(IoOps, AcceptCancelledFromItsOwnCallbackEndsOnce) {
  Acceptor acceptor(harness->io());
  acceptor.cancel_at = 3;
  acceptor.fd = *harness->io().open_listener(harness->listen_address(AF_INET), {});
  harness->io().accept(acceptor);
  const SocketAddress address = harness->io().local_address(acceptor.fd);
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 10; ++i) {
    peers.push_back(std::make_unique<RawPeer>(harness->io()));
    peers.back()->connect(address);
  }
  ASSERT_TRUE(run_until([&] { return !acceptor.active; }));
  EXPECT_EQ(acceptor.result, -ECANCELED);
  harness->run_for(5ms);
  EXPECT_EQ(acceptor.ends_count, 1);
  harness->io().close(acceptor.fd);
  ASSERT_TRUE(run_until([&] {
    return std::none_of(peers.begin(), peers.end(), [](auto& peer) { return peer->connecting(); });
  }));
  for (auto& peer : peers) peer->close();
}

class IoKernelOps : public IoContractTest {};
class IoKernelPair : public IoOpsPair {};

// A turn that delivered something must return: what it woke waits for the rest of the reactor's
// turn.
TEST_P(IoKernelPair, ADeliveryEndsTheTurn) {
  ASSERT_NO_FATAL_FAILURE(open_raw_pair());
  const auto turn_until = [this](const std::function<bool()>& done) {
    const auto start = std::chrono::steady_clock::now();
    for (int turns = 0; !done() && turns < 10; ++turns) harness->io().turn(5s);
    EXPECT_TRUE(done());
    EXPECT_LT(std::chrono::steady_clock::now() - start, 4s);
  };
  a->send("x");
  turn_until([&] { return a->send_result == 0; });
  b->receive();
  turn_until([&] { return b->received == "x"; });
  b->cancel_receive();
  turn_until([&] { return b->receive_result == -ECANCELED; });
  a->close();
  b->receive();
  turn_until([&] { return b->receive_result == 0; });
  b->close();
}

TEST_P(IoKernelOps, PollFollowsAForeignDescriptor) {
  for (int round = 0; round < 3; ++round) {  // the kernel gives the same numbers again
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    Poller poller;
    poller.fd = ends[0];
    harness->io().poll(poller);
    for (size_t bytes = 1; bytes <= 5; ++bytes) {
      ASSERT_EQ(::write(ends[1], "x", 1), 1);
      ASSERT_TRUE(run_until([&] { return poller.bytes_count == bytes; }, 5s));
    }
    EXPECT_TRUE(poller.active);
    harness->io().cancel(poller);
    ASSERT_TRUE(run_until([&] { return !poller.active; }));
    EXPECT_EQ(poller.result, -ECANCELED);
    ::close(ends[0]);  // its owner's descriptor: not through Io
    ::close(ends[1]);
    // The next user of the number must not inherit anything.
    ASSERT_NO_FATAL_FAILURE(open_pair());
    client->write("x");
    harness->run_for(2ms);
    EXPECT_EQ(server->input(), "x");
    close_pair();
    harness->run_for(5ms);
  }
}

struct CountingMailbox final : rt::Mailbox {
  bool drain() override {
    uint64_t value = 0;
    bool any = false;
    while (ring.try_pop(&value)) {
      received.store(value, std::memory_order_release);
      any = true;
    }
    return any;
  }
  bool has_mail() const noexcept override { return ring.has_items(); }
  rt::SpscRing<uint64_t, 64> ring;
  std::atomic<uint64_t> received{0};
};

TEST_P(IoKernelOps, WakeFromAnotherThreadEndsTheSleep) {
  constexpr uint64_t kRounds = 20'000;
  CountingMailbox mailbox;
  rt::Reactor& reactor = harness->reactor();
  reactor.add_mailbox(mailbox);
  std::atomic<bool> give_up{false};
  std::thread sender([&] {
    for (uint64_t round = 1; round <= kRounds && !give_up; ++round) {
      while (!mailbox.ring.try_push(round)) std::this_thread::yield();
      reactor.waker().notify();
      while (mailbox.received.load(std::memory_order_acquire) < round && !give_up) {
        std::this_thread::yield();
      }
    }
  });
  bool late = false;
  while (mailbox.received.load() < kRounds && !late) {
    const auto before = std::chrono::steady_clock::now();
    reactor.turn(30s);
    late = std::chrono::steady_clock::now() - before > 20s;
  }
  EXPECT_FALSE(late);
  give_up = true;
  sender.join();
  reactor.remove_mailbox(mailbox);
}

TEST_P(IoKernelOps, AdoptsAListenerThatWasOpenedElsewhere) {
  for (const int flags : {int{SOCK_NONBLOCK}, 0}) {
    if (flags == 0 && GetParam() == Backend::kEpoll) continue;  // accept would block
    SCOPED_TRACE(flags);
    SocketAddress address = harness->listen_address(AF_INET);
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    ASSERT_EQ(::bind(fd, address.raw(), address.size()), 0);
    ASSERT_EQ(::listen(fd, 16), 0);
    listener->adopt(fd);
    for (int i = 0; i < 3; ++i) {
      harness->run_for(2ms);
      ASSERT_NO_FATAL_FAILURE(open_pair());
      close_pair();
    }
    listener->close();
    ASSERT_TRUE(run_until([this] { return listener->closed(); }));
  }
}

const auto kAll = ::testing::Values(Backend::kUring, Backend::kEpoll, Backend::kSimulated);
const auto kKernel = ::testing::Values(Backend::kUring, Backend::kEpoll);
std::string name_of(const ::testing::TestParamInfo<Backend>& info) {
  return backend_name(info.param);
}

INSTANTIATE_TEST_SUITE_P(Backends, IoOps, kAll, name_of);
INSTANTIATE_TEST_SUITE_P(Backends, IoOpsPair, kAll, name_of);
INSTANTIATE_TEST_SUITE_P(Backends, IoKernelOps, kKernel, name_of);
INSTANTIATE_TEST_SUITE_P(Backends, IoKernelPair, kKernel, name_of);

}  // namespace
}  // namespace barid::contract
