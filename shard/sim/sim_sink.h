// A scripted SMTP server outside the shards under test: takes mail and keeps the ledger, or
// misbehaves as its script says.
// A message with a null sender is read as a notice (RFC 3464) about the message whose token it
// returns.
// Layer: shard/sim.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "shard/net/listener.h"
#include "shard/net/stream.h"
#include "shard/runtime/scope.h"
#include "shard/sim/ledger.h"
#include "shard/sim/world.h"

namespace barid::sim {

struct SinkScript {
  enum class Stage : uint8_t {
    kNone,
    kBanner,
    kHello,
    kMail,
    kRecipient,
    kData,
    kContent,     ///< while the content arrives
    kAnswer,      ///< instead of answering the final dot
    kAnswerLost,  ///< after taking the message for good: the client cannot know
  };
  std::string banner = "220 sink.example ESMTP";
  std::vector<std::string> keywords = {"PIPELINING",          "8BITMIME", "SMTPUTF8",
                                       "ENHANCEDSTATUSCODES", "DSN",      "CHUNKING",
                                       "SIZE 104857600"};
  /// The reply at a stage instead of the positive one. At kAnswer: to the content.
  std::map<Stage, std::string> replies;
  std::map<std::string, std::string> recipient_replies;
  Stage drop_at = Stage::kNone;    ///< closes the connection there …
  uint32_t drop_per_mille = 1000;  ///< … this often
  uint32_t defer_per_mille = 0;    ///< of recipients, each time: 451
  uint32_t greylist_tries = 0;     ///< the first tries of each recipient: 450
  Duration reply_delay{};
  uint32_t connections_max = UINT32_MAX;  ///< more at once are told 421 and closed
  /// How many messages the client under test may have under way without an answer.
  size_t unanswered_max = 2;

  [[nodiscard]] static SinkScript flaky();
};

class SimSink final : private net::ConnectionHandler {
 public:
  SimSink(World& world, World::Shard& shard, Ledger& ledger, SinkScript sink_script = {});

  Status listen(const net::SocketAddress& address) {
    census_ = &world_.network.watch(address);
    return listener_.open(address);
  }
  /// Stops listening and interrupts all sessions; idle() tells when they are over.
  void close();
  [[nodiscard]] bool idle() const { return sessions_.tasks_count() == 0 && listener_.closed(); }

  SinkScript script;
  uint64_t sessions_count = 0;
  uint64_t messages_count = 0;
  uint64_t turned_away_count = 0;             ///< for connections_max
  std::map<std::string, uint64_t> by_domain;  ///< copies taken, by the recipient's domain

 private:
  struct Session;
  void on_connection(int fd, const net::SocketAddress& peer) override;
  rt::Task<void> serve(net::Stream stream);
  rt::Task<bool> handle(Session& session, std::string line);
  rt::Task<bool> reply(Session& session, SinkScript::Stage stage, std::string positive);
  rt::Task<bool> receive_data(Session& session);
  rt::Task<bool> receive_chunk(Session& session, std::string arguments);
  rt::Task<bool> finish_message(Session& session);
  [[nodiscard]] std::string recipient_reply(const std::string& recipient);
  bool drops(SinkScript::Stage stage);
  void take_message(Session& session);
  void take_notice(const std::string& content);

  World& world_;
  World::Shard& shard_;
  Ledger& ledger_;
  net::Listener listener_;
  rt::StopSource stop_;
  rt::Scope sessions_;
  SimNetwork::Census* census_ = nullptr;
  uint32_t open_count_ = 0;                // sessions; some may not have noticed their end
  std::map<std::string, uint32_t> tries_;  // by recipient, for greylisting
};

}  // namespace barid::sim
