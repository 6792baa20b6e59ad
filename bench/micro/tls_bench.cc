// Cost of TLS without a socket: each side of a handshake, new and resumed, and what records cost.
// Both engines are in this process; the time of one side is what its own calls take.
#include <benchmark/benchmark.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/base/assert.h"
#include "shard/net/test_identity.h"
#include "shard/net/tls_client_context.h"
#include "shard/net/tls_engine.h"
#include "shard/net/tls_server_context.h"
#include "shard/net/tls_tickets.h"

namespace {

using namespace barid;

/// Processor time of this thread: other programs do not count.
struct Clock {
  using duration = std::chrono::nanoseconds;
  static duration now() {
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
  }
};

constexpr WallTime kNow{std::chrono::hours(24 * 365 * 56)};

/// Contexts of both sides; certificate and key are in a file only while it is read.
struct Contexts {
  Contexts() {
    std::string path = std::filesystem::temp_directory_path() / "tls_bench.XXXXXX";
    const int fd = ::mkstemp(path.data());
    BARID_ASSERT(fd >= 0);
    ::close(fd);
    net::make_identity(path, "mx.example");
    std::string error;
    std::vector<std::string> warnings;
    server = net::TlsServerContext::create(
        {.name = "smtp/inet",
         .identity = {.chain_parameter = "smtpd_tls_chain_files", .chain_files = {path}},
         .cipher_parameter = "ciphers",
         .ciphers = "HIGH"},
        &error, &warnings);
    std::filesystem::remove(path);
    BARID_ASSERT(server != nullptr);
    client = net::TlsClientContext::create({.cipher_parameter = "ciphers", .ciphers = "HIGH"},
                                           &error, &warnings);
    BARID_ASSERT(client != nullptr);
  }
  std::unique_ptr<const net::TlsServerContext> server;
  std::unique_ptr<const net::TlsClientContext> client;
  net::TlsTicketKeys tickets{std::chrono::hours(1)};
};

/// One connection. What the sides have spent is added up as they go.
class Pair {
 public:
  explicit Pair(Contexts& contexts, std::string session_key) {
    auto start = Clock::now();
    client_ = net::TlsEngine::connect(*contexts.client, {.session_key = std::move(session_key)},
                                      kNow, to_server_);
    client_time += Clock::now() - start;
    start = Clock::now();
    server_ = net::TlsEngine::accept(*contexts.server, contexts.tickets, kNow, to_client_);
    server_time += Clock::now() - start;
  }
  void shake_hands() {
    using State = net::TlsEngine::State;
    while (!to_server_.empty() || !to_client_.empty()) {
      feed(*server_, to_server_, server_time);
      feed(*client_, to_client_, client_time);
    }
    BARID_ASSERT(client_->state() == State::kOpen && server_->state() == State::kOpen);
  }
  void close() {
    auto start = Clock::now();
    client_.reset();
    client_time += Clock::now() - start;
    start = Clock::now();
    server_.reset();
    server_time += Clock::now() - start;
  }
  void send(std::string_view bytes) { client_->write(bytes); }
  void receive() { feed(*server_, to_server_, server_time); }
  [[nodiscard]] bool resumed() const { return server_->resumed(); }

  Clock::duration client_time{};
  Clock::duration server_time{};

 private:
  void feed(net::TlsEngine& engine, std::string& bytes, Clock::duration& time) {
    if (bytes.empty()) return;
    input_.swap(bytes);
    bytes.clear();
    const auto start = Clock::now();
    engine.set_input(input_);
    while (engine.read(plain_.data(), plain_.size()) > 0) {
    }
    time += Clock::now() - start;
  }

  std::string to_server_;
  std::string to_client_;
  std::string input_;
  std::vector<char> plain_ = std::vector<char>(net::TlsEngine::kRecordBytesMax);
  std::unique_ptr<net::TlsEngine> client_;
  std::unique_ptr<net::TlsEngine> server_;
};

void shake_hands(benchmark::State& state) {
  const bool server_side = state.range(0) != 0;
  const bool resumed = state.range(1) != 0;
  Contexts contexts;
  const std::string key = resumed ? "peer" : "";
  if (resumed) Pair(contexts, key).shake_hands();
  for (auto _ : state) {
    Pair pair(contexts, key);
    pair.shake_hands();
    BARID_ASSERT(pair.resumed() == resumed);
    pair.close();
    const auto time = server_side ? pair.server_time : pair.client_time;
    state.SetIterationTime(std::chrono::duration<double>(time).count());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(shake_hands)
    ->ArgNames({"server", "resumed"})
    ->ArgsProduct({{0, 1}, {0, 1}})
    ->UseManualTime();

void move_records(benchmark::State& state) {
  Contexts contexts;
  Pair pair(contexts, "");
  pair.shake_hands();
  const std::string message(static_cast<size_t>(state.range(0)), 'x');
  for (auto _ : state) {
    pair.send(message);
    pair.receive();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(move_records)->ArgName("bytes")->Arg(64)->Arg(5 << 10)->Arg(16 << 10);

}  // namespace

BENCHMARK_MAIN();
