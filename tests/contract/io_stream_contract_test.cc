// Goal: net::Stream and net::Listener keep their promises on every back end.
// Method: both ends on one reactor; peers that trickle, stall, half-close, reset and vanish.
#include <netinet/in.h>

#include <algorithm>

#include "core/base/rng.h"
#include "tests/contract/io_fixture.h"
#include "tests/contract/raw_peer.h"

namespace barid::contract {
namespace {

using IoStream = IoContractTest;

/// Reads until `bytes` arrived or the stream ended.
Task<void> read_bytes(Stream& stream, size_t bytes, MonoTime deadline, std::string& into,
                      Code& end) {
  while (into.size() < bytes) {
    const Status status = co_await stream.read(deadline);
    into.append(stream.input());
    stream.consume(stream.input().size());
    if (!status.ok()) {
      end = status.error().code;
      co_return;
    }
  }
}
Task<void> read_to_end(Stream& stream, MonoTime deadline, std::string& into, Code& end) {
  return read_bytes(stream, SIZE_MAX, deadline, into, end);
}
Task<void> write_and_flush(Stream& stream, std::string bytes, MonoTime deadline, Code& end) {
  stream.write(bytes);
  const Status status = co_await stream.flush(deadline);
  end = status.ok() ? Code::kOk : status.error().code;
}
Task<void> read_once(Stream& stream, MonoTime deadline, std::optional<Code>& end) {
  const Status status = co_await stream.read(deadline);
  end = status.ok() ? Code::kOk : status.error().code;
}

TEST_P(IoStream, AcceptsManyAndNamesThePeers) {
  const SocketAddress address = listen();
  constexpr size_t kConnections = 100;
  std::vector<std::optional<Result<Stream>>> clients(kConnections);
  for (auto& one : clients) {
    scope->spawn(connect_into(harness->reactor(), address, in(10s), one));
  }
  ASSERT_TRUE(
      run_until([&] { return scope->tasks_count() == 0 && accepted.size() == kConnections; }));
  std::vector<std::string> clients_are, peers_are;
  for (auto& one : clients) {
    ASSERT_TRUE(one->ok());
    EXPECT_EQ((**one).peer(), address);
    clients_are.push_back((**one).local().text());
  }
  for (const Accepted& one : accepted) {
    peers_are.push_back(one.peer.text());
    EXPECT_EQ(harness->io().local_address(one.fd), address);
  }
  std::sort(clients_are.begin(), clients_are.end());
  std::sort(peers_are.begin(), peers_are.end());
  EXPECT_EQ(clients_are, peers_are);
}

/// Sends `total` bytes in random pieces and receives as many, with one waiter for both.
Task<void> exchange(Stream& stream, uint64_t seed, size_t total, MonoTime deadline, size_t& wrong) {
  Rng rng(seed);
  size_t sent = 0;
  size_t received = 0;
  while (sent < total || received < total) {
    while (sent < total && stream.write_backlog() < 128 * 1024) {
      const size_t piece = std::min(total - sent, size_t{1} << rng.below(17));
      stream.write(pattern(piece, sent));
      sent += piece;
    }
    const bool writing = !stream.written();
    const uint8_t interest = writing ? Stream::kInput | Stream::kWritten : Stream::kInput;
    const Status status = co_await stream.wait(interest, deadline);
    const std::string_view input = stream.input();
    const size_t take = rng.below(4) == 0 ? input.size() / 2 : input.size();
    if (input.substr(0, take) != pattern(take, received)) ++wrong;
    received += take;
    stream.consume(take);
    if (!status.ok()) {
      wrong += 1000;
      co_return;
    }
    if (received + stream.input().size() >= total && sent == total) {
      const size_t rest = stream.input().size();
      if (stream.input() != pattern(rest, received)) ++wrong;
      received += rest;
      stream.consume(rest);
    }
  }
  const Status flushed = co_await stream.flush(deadline);
  if (!flushed.ok()) wrong += 1000;
}

TEST_P(IoStream, RandomSizesInBothDirectionsAtOnce) {
  for (const int family : {AF_INET, AF_INET6, AF_UNIX}) {
    SCOPED_TRACE(family);
    if (harness->listen_address(family).family() != family) continue;
    ASSERT_NO_FATAL_FAILURE(open_pair(family));
    size_t wrong = 0;
    scope->spawn(exchange(*client, 1, 3'000'000, in(20s), wrong));
    scope->spawn(exchange(*server, 2, 3'000'000, in(20s), wrong));
    ASSERT_TRUE(run_tasks());
    EXPECT_EQ(wrong, 0u);
    close_pair();
    listener->close();
    ASSERT_TRUE(run_until([this] { return listener->closed(); }));
  }
}

Task<void> trickle(Stream& stream, std::string text, MonoTime deadline) {
  for (const char& byte : text) {
    stream.write(std::string_view(&byte, 1));
    static_cast<void>(co_await stream.flush(deadline));
  }
}

TEST_P(IoStream, ByteByByteIsTheSameStream) {
  ASSERT_NO_FATAL_FAILURE(open_pair());
  const std::string text = pattern(2'000);
  std::string got;
  Code end = Code::kOk;
  scope->spawn(trickle(*client, text, in(10s)));
  scope->spawn(read_bytes(*server, text.size(), in(10s), got, end));
  ASSERT_TRUE(run_tasks());
  EXPECT_EQ(got, text);
  close_pair();
}

TEST_P(IoStream, HalfCloseStillTakesTheAnswer) {
  const SocketAddress address = listen();
  RawPeer peer(harness->io());
  peer.connect(address);
  ASSERT_TRUE(run_until([&] { return peer.connect_result == 0; }));
  server.emplace(harness->reactor(), take_accepted(), SocketAddress());
  peer.send("question");
  ASSERT_TRUE(run_until([&] { return peer.send_result == 0; }));
  harness->shutdown_write(peer.fd);
  std::string got;
  Code end = Code::kOk;
  scope->spawn(read_to_end(*server, in(10s), got, end));
  ASSERT_TRUE(run_tasks());
  EXPECT_EQ(got, "question");
  EXPECT_EQ(end, Code::kClosed);

  peer.receive();
  Code flushed = Code::kIo;
  scope->spawn(write_and_flush(*server, "answer", in(10s), flushed));
  ASSERT_TRUE(run_tasks());
  EXPECT_EQ(flushed, Code::kOk);
  server.reset();
  ASSERT_TRUE(run_until([&] { return peer.receive_result != RawPeer::kNothing; }));
  EXPECT_EQ(peer.receive_result, 0);
  EXPECT_EQ(peer.received, "answer");
  peer.close();
}

TEST_P(IoStream, ResetEndsReadsAndWrites) {
  const SocketAddress address = listen();
  RawPeer peer(harness->io());
  peer.connect(address);
  ASSERT_TRUE(run_until([&] { return peer.connect_result == 0; }));
  server.emplace(harness->reactor(), take_accepted(), SocketAddress());
  std::optional<Code> read_end;
  scope->spawn(read_once(*server, in(10s), read_end));
  harness->reset(peer.fd);
  ASSERT_TRUE(run_tasks());
  EXPECT_EQ(read_end, Code::kReset);
  Code write_end = Code::kOk;
  scope->spawn(write_and_flush(*server, "lost", in(10s), write_end));
  ASSERT_TRUE(run_tasks());
  EXPECT_EQ(write_end, Code::kReset);
  server.reset();
}

TEST_P(IoStream, ConnectRefused) {
  auto result = try_connect(harness->refusing_address());
  ASSERT_TRUE(result.has_value());
  ASSERT_FALSE(result->ok());
  EXPECT_EQ(result->error().code, Code::kRefused);
}

TEST_P(IoStream, ConnectTimesOut) {
  const SocketAddress silent = harness->silent_address();
  const MonoTime start = harness->reactor().now();
  auto result = try_connect(silent, 80ms);
  ASSERT_TRUE(result.has_value());
  ASSERT_FALSE(result->ok());
  EXPECT_EQ(result->error().code, Code::kTimeout);
  EXPECT_GE(harness->reactor().now() - start, 80ms);
  EXPECT_LT(harness->reactor().now() - start, 5s);
}

Task<void> close_stream(Stream& stream, MonoTime flush_until, const IoHarness& from,
                        std::optional<Code>& end, size_t& descriptors) {
  end = co_await stream.close(flush_until);
  descriptors = from.descriptors_count();  // at that very moment
}

TEST_P(IoStream, CloseReturnsWhenTheDescriptorIsGone) {
  for (const bool interrupted : {false, true}) {
    SCOPED_TRACE(interrupted);
    ASSERT_NO_FATAL_FAILURE(open_pair());
    const size_t before = harness->descriptors_count();
    std::optional<Code> end;
    size_t after = 0;
    if (interrupted) client->interrupt();
    client->write("last words");
    scope->spawn(close_stream(*client, in(10s), *harness, end, after));
    std::string got;
    Code read_end = Code::kOk;
    scope->spawn(read_to_end(*server, in(10s), got, read_end));
    ASSERT_TRUE(run_tasks());
    EXPECT_EQ(after, before - 1);
    if (!interrupted) {
      EXPECT_EQ(end, Code::kOk);
      EXPECT_EQ(got, "last words");
    }
    EXPECT_EQ(read_end, Code::kClosed);
    close_pair();
  }
}

TEST_P(IoStream, CloseOfAnEndedStreamIsAtOnce) {
  ASSERT_NO_FATAL_FAILURE(open_pair());
  server.reset();
  std::string got;
  Code read_end = Code::kOk;
  scope->spawn(read_to_end(*client, in(10s), got, read_end));
  ASSERT_TRUE(run_tasks());
  const size_t before = harness->descriptors_count();
  std::optional<Code> end;
  size_t after = 0;
  scope->spawn(close_stream(*client, in(10s), *harness, end, after));
  EXPECT_EQ(end, Code::kOk);  // without a turn
  EXPECT_EQ(after, before - 1);
}

TEST_P(IoStream, CloseDoesNotWaitForAPeerThatDoesNotRead) {
  const SocketAddress address = listen();
  auto connected = try_connect(address);
  ASSERT_TRUE(connected.has_value() && connected->ok());
  client.emplace(**std::move(connected));
  const int peer = take_accepted();  // nobody reads it
  client->write(pattern(20'000'000));
  const size_t before = harness->descriptors_count();
  const MonoTime start = harness->reactor().now();
  std::optional<Code> end;
  size_t after = 0;
  scope->spawn(close_stream(*client, in(100ms), *harness, end, after));
  ASSERT_TRUE(run_tasks());
  EXPECT_EQ(end, Code::kTimeout);
  EXPECT_EQ(after, before - 1);
  EXPECT_LT(harness->reactor().now() - start, 100ms + Stream::kCloseMax);
  harness->io().close(peer);
}

TEST_P(IoStream, DestroyedWithBothOperationsInFlight) {
  ASSERT_NO_FATAL_FAILURE(open_pair());
  server->write(std::string(16 << 20, 'x'));  // more than any socket buffer
  harness->run_for(20ms);
  EXPECT_FALSE(server->written());
  server.reset();
  std::string got;
  Code end = Code::kOk;
  scope->spawn(read_to_end(*client, in(10s), got, end));
  ASSERT_TRUE(run_tasks());
  EXPECT_LT(got.size(), size_t{16} << 20);
  client.reset();
}

TEST_P(IoStream, InboxFillsPausesAndResumes) {
  ASSERT_NO_FATAL_FAILURE(open_pair());
  constexpr size_t kBytes = 16 << 20;
  const std::string text = pattern(kBytes);
  client->write(text);
  harness->run_for(200ms);
  EXPECT_FALSE(client->written()) << "the peer is not held back";
  // What was under way when the pause began still arrives: at most the back end's buffers.
  EXPECT_GE(server->input().size(), net::kInboxBytesMax);
  EXPECT_LE(server->input().size(), net::kInboxBytesMax + (2 << 20));
  const size_t held = server->input().size();
  harness->run_for(50ms);
  EXPECT_EQ(server->input().size(), held);

  std::string got;
  Code end = Code::kOk;
  scope->spawn(read_bytes(*server, kBytes, in(20s), got, end));
  ASSERT_TRUE(run_tasks());
  EXPECT_TRUE(got == text);
  EXPECT_TRUE(client->written());
  close_pair();
}

Task<void> gathered_write(Stream& stream, std::vector<iovec>& vectors, MonoTime deadline,
                          Code& end) {
  stream.start_write(vectors);
  while (!stream.written()) {
    const Status status = co_await stream.wait(Stream::kWritten, deadline);
    if (!status.ok()) {
      end = status.error().code;
      co_return;
    }
  }
  end = Code::kOk;
}
Task<void> read_slowly(rt::Reactor& reactor, Stream& stream, size_t bytes, std::string& into) {
  while (into.size() < bytes) {
    const Status status = co_await stream.read(reactor.now() + 10s);
    const size_t take = std::min<size_t>(stream.input().size(), 50'000);
    into.append(stream.input().substr(0, take));
    stream.consume(take);
    while (!stream.input().empty() && into.size() < bytes) {
      co_await rt::Sleep(reactor, reactor.now() + 100us);
      const size_t next = std::min<size_t>(stream.input().size(), 50'000);
      into.append(stream.input().substr(0, next));
      stream.consume(next);
    }
    if (!status.ok()) co_return;
  }
}

// Eight MiB in more vectors than one call takes, empty ones among them and at the end.
TEST_P(IoStream, LargeGatheredWriteToASlowReader) {
  ASSERT_NO_FATAL_FAILURE(open_pair());
  std::string text = pattern(8 << 20);
  std::vector<iovec> vectors;
  constexpr size_t kPiece = 3'001;
  for (size_t at = 0; at < text.size(); at += kPiece) {
    vectors.push_back({text.data() + at, std::min(kPiece, text.size() - at)});
    if (vectors.size() % 7 == 0) vectors.push_back({text.data(), 0});
  }
  vectors.push_back({nullptr, 0});
  ASSERT_GT(vectors.size(), 2'048u);
  Code written = Code::kIo;
  std::string got;
  scope->spawn(gathered_write(*client, vectors, in(20s), written));
  scope->spawn(read_slowly(harness->reactor(), *server, text.size(), got));
  ASSERT_TRUE(run_tasks());
  EXPECT_EQ(written, Code::kOk);
  EXPECT_TRUE(got == text);
  EXPECT_EQ(client->written_bytes(), text.size());
  close_pair();
}

TEST_P(IoStream, CancelWriteGivesTheMemoryBack) {
  ASSERT_NO_FATAL_FAILURE(open_pair());
  auto memory = std::make_unique<std::string>(16 << 20, 'm');
  std::vector<iovec> vectors{{memory->data(), memory->size()}};
  client->start_write(vectors);
  harness->run_for(20ms);
  EXPECT_FALSE(client->written());
  scope->spawn(client->cancel_write());
  ASSERT_TRUE(run_tasks());
  memory.reset();  // a write that still ran would be seen by the sanitizer
  EXPECT_TRUE(client->written());
  Code end = Code::kOk;
  scope->spawn(write_and_flush(*client, "x", in(1s), end));
  ASSERT_TRUE(run_tasks());
  EXPECT_NE(end, Code::kOk);  // the peer has half a message: the stream is of no more use
  close_pair();
}

TEST_P(IoStream, InterruptEndsThePresentAndEveryLaterWait) {
  ASSERT_NO_FATAL_FAILURE(open_pair());
  std::optional<Code> first, second;
  scope->spawn(read_once(*server, in(10s), first));
  harness->run_for(5ms);
  EXPECT_FALSE(first.has_value());
  server->interrupt();
  ASSERT_TRUE(run_tasks());
  EXPECT_EQ(first, Code::kCancelled);
  scope->spawn(read_once(*server, in(10s), second));
  EXPECT_EQ(second, Code::kCancelled);
  close_pair();
}

TEST_P(IoStream, DeadlinesMayMoveBothWays) {
  ASSERT_NO_FATAL_FAILURE(open_pair());
  for (const Duration timeout : {30ms, 60ms, 10ms}) {
    std::optional<Code> end;
    const MonoTime start = harness->reactor().now();
    scope->spawn(read_once(*server, start + timeout, end));
    ASSERT_TRUE(run_tasks());
    EXPECT_EQ(end, Code::kTimeout);
    EXPECT_GE(harness->reactor().now() - start, timeout);
    EXPECT_LT(harness->reactor().now() - start, timeout + 2s);
  }
  // A timeout breaks nothing: the next bytes are read as ever.
  std::optional<Code> end;
  scope->spawn(read_once(*server, in(10s), end));
  client->write("late");
  ASSERT_TRUE(run_tasks());
  EXPECT_EQ(end, Code::kOk);
  EXPECT_EQ(server->input(), "late");
  close_pair();
}

TEST_P(IoStream, FlushHasADeadlineToo) {
  ASSERT_NO_FATAL_FAILURE(open_pair());
  Code end = Code::kOk;
  scope->spawn(write_and_flush(*client, std::string(16 << 20, 'x'), in(50ms), end));
  ASSERT_TRUE(run_tasks());
  EXPECT_EQ(end, Code::kTimeout);
  close_pair();
}

TEST_P(IoStream, AThousandIdleConnectionsStayAlive) {
  constexpr size_t kConnections = 1'000;
  const SocketAddress address = listen();
  std::vector<std::optional<Result<Stream>>> clients(kConnections);
  std::vector<Stream> servers;
  for (auto& one : clients) {
    scope->spawn(connect_into(harness->reactor(), address, in(20s), one));
  }
  ASSERT_TRUE(
      run_until([&] { return scope->tasks_count() == 0 && accepted.size() == kConnections; }));
  for (const Accepted& one : accepted) servers.emplace_back(harness->reactor(), one.fd, one.peer);
  accepted.clear();
  harness->run_for(30ms);

  std::vector<std::string> got(kConnections);
  std::vector<Code> ends(kConnections, Code::kOk);
  for (size_t i = 0; i < kConnections; ++i) {
    ASSERT_TRUE(clients[i]->ok());
    scope->spawn(read_bytes(servers[i], 1, in(20s), got[i], ends[i]));
  }
  for (auto& one : clients) (**one).write("!");
  ASSERT_TRUE(run_tasks());
  EXPECT_EQ(static_cast<size_t>(std::count(got.begin(), got.end(), "!")), kConnections);
  servers.clear();
  clients.clear();
}

// Receive buffers must come back, also when a connection ends with one in use.
TEST_P(IoStream, ShortConnectionsOneAfterAnother) {
  for (int i = 0; i < 500; ++i) {
    ASSERT_NO_FATAL_FAILURE(open_pair());
    std::string got;
    Code end = Code::kOk;
    client->write("hello");
    scope->spawn(read_bytes(*server, 5, in(10s), got, end));
    ASSERT_TRUE(run_tasks());
    ASSERT_EQ(got, "hello");
    client.reset();
    scope->spawn(read_to_end(*server, in(10s), got, end));
    ASSERT_TRUE(run_tasks());
    ASSERT_EQ(end, Code::kClosed);
    server.reset();
  }
}

TEST_P(IoStream, BytesBeforeTheEndAreAllDelivered) {
  for (const size_t bytes :
       {size_t{1}, size_t{16'384}, size_t{65'536}, size_t{65'537}, size_t{1'000'000}}) {
    SCOPED_TRACE(bytes);
    ASSERT_NO_FATAL_FAILURE(open_pair());
    const std::string text = pattern(bytes);
    std::string got;
    Code read_end = Code::kOk, write_end = Code::kIo;
    scope->spawn(write_and_flush(*client, text, in(10s), write_end));
    scope->spawn(read_bytes(*server, bytes, in(10s), got, read_end));
    ASSERT_TRUE(run_tasks());
    client.reset();
    scope->spawn(read_to_end(*server, in(10s), got, read_end));
    ASSERT_TRUE(run_tasks());
    EXPECT_TRUE(got == text);
    EXPECT_EQ(read_end, Code::kClosed);
    server.reset();
  }
}

struct ClosesItself final : net::ConnectionHandler {
  void on_connection(int fd, const SocketAddress&) override {
    io->close(fd);
    ++connections_count;
    listener->close();
  }
  rt::Io* io = nullptr;
  net::Listener* listener = nullptr;
  int connections_count = 0;
};

TEST_P(IoStream, ListenerClosesFromItsOwnCallbackAndOpensAgain) {
  ClosesItself handler;
  net::Listener once(harness->reactor(), handler);
  handler.io = &harness->io();
  handler.listener = &once;
  for (int round = 1; round <= 3; ++round) {
    ASSERT_TRUE(once.open(harness->listen_address(AF_INET)).ok());
    {
      auto first = try_connect(once.local());
      ASSERT_TRUE(run_until([&] { return once.closed(); }));
    }
    EXPECT_EQ(handler.connections_count, round);
  }
}

TEST_P(IoStream, OutOfDescriptorsAcceptsLater) {
  const SocketAddress address = listen();
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 3; ++i) {
    peers.push_back(std::make_unique<RawPeer>(harness->io()));
    peers.back()->connect(address);  // opens its descriptor now, connects in the next turn
  }
  harness->exhaust_descriptors(true);
  harness->run_for(50ms);
  EXPECT_TRUE(accepted.empty());
  harness->exhaust_descriptors(false);
  ASSERT_TRUE(run_until([&] { return accepted.size() == peers.size(); }));
  for (auto& peer : peers) {
    EXPECT_EQ(peer->connect_result, 0);
    peer->close();
  }
}

TEST_P(IoStream, ListenErrors) {
  const SocketAddress address = listen();
  net::Listener second(harness->reactor(), *this);
  const Status in_use = second.open(address, {.reuse_port = false});
  ASSERT_FALSE(in_use.ok());
  EXPECT_EQ(in_use.error().error_number, EADDRINUSE);
}

INSTANTIATE_TEST_SUITE_P(Backends, IoStream,
                         ::testing::Values(Backend::kUring, Backend::kEpoll, Backend::kSimulated),
                         [](const auto& backend) {
                           return std::string(backend_name(backend.param));
                         });

}  // namespace
}  // namespace barid::contract
