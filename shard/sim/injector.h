// An SMTP client outside the shards under test: offers messages until each is accepted or refused,
// over as many sessions as told, and keeps the ledger. A message whose final answer got lost is
// offered again under another token, because nobody was promised anything about the first.
// Layer: shard/sim.
#pragma once

#include <string>
#include <vector>

#include "shard/net/stream.h"
#include "shard/runtime/scope.h"
#include "shard/sim/ledger.h"
#include "shard/sim/world.h"

namespace barid::sim {

struct InjectorOptions {
  net::SocketAddress server;
  size_t messages_count = 100;
  size_t sessions_count = 4;
  size_t recipients_max = 3;
  size_t body_bytes_max = 20'000;
  std::string sender = "sender@source.example";
  std::vector<std::string> domains = {"sink.example"};
  Duration timeout = std::chrono::minutes(5);
  Duration retry_delay = std::chrono::seconds(2);
};

class Injector {
 public:
  Injector(World& world, World::Shard& shard, Ledger& ledger, InjectorOptions options);

  void start();
  [[nodiscard]] bool done() const noexcept { return sessions_.tasks_count() == 0; }
  [[nodiscard]] uint64_t accepted_count() const noexcept { return accepted_count_; }
  [[nodiscard]] uint64_t refused_count() const noexcept { return refused_count_; }
  [[nodiscard]] uint64_t unknown_count() const noexcept { return unknown_count_; }
  [[nodiscard]] bool half_done() const noexcept {
    return (accepted_count_ + refused_count_) * 2 >= options_.messages_count;
  }
  /// Ends every session at its next step.
  void stop() noexcept { stopping_ = true; }

 private:
  struct Message {
    std::string token;
    std::vector<std::string> recipients;
    std::string content;
  };
  enum class Outcome : uint8_t { kAccepted, kRefused, kAgain, kBroken, kUnknown };

  rt::Task<void> session();
  rt::Task<Outcome> offer(net::Stream& stream, const Message& message);
  rt::Task<bool> greet(net::Stream& stream);
  /// The code of the reply, 0 if the connection broke.
  rt::Task<int> command(net::Stream& stream, std::string line);
  rt::Task<int> read_reply(net::Stream& stream);
  Message make_message();
  void settle(const Message& message, Outcome outcome);
  [[nodiscard]] MonoTime deadline() const { return shard_.reactor.now() + options_.timeout; }

  World& world_;
  World::Shard& shard_;
  Ledger& ledger_;
  const InjectorOptions options_;
  rt::Scope sessions_;
  size_t left_count_;
  uint64_t tokens_count_ = 0;
  uint64_t accepted_count_ = 0;
  uint64_t refused_count_ = 0;
  uint64_t unknown_count_ = 0;
  bool stopping_ = false;
};

}  // namespace barid::sim
