// Sessions watched live by operators: what is said with the peers that somebody asks for is kept
// until it is collected, at most so much. Without watchers it costs a comparison.
// Layer: tools. Shard-owned.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include "shard/runtime/reactor.h"
#include "smtp/proto/dialogue_tap.h"

namespace barid::tools {

class DialogueWatch final : public smtp::DialogueTap {
 public:
  struct Request {
    uint64_t id = 0;
    bool of_clients = false;         ///< else of servers
    std::vector<std::string> names;  ///< host names or addresses, in lower case
  };
  static constexpr size_t kWatchersMax = 8;

  explicit DialogueWatch(rt::Reactor& reactor) noexcept : reactor_(reactor) {}

  /// What was said since the last call of this id, as JSON lines; the first call begins the watch.
  /// One that is not collected for a while ends.
  [[nodiscard]] std::string collect(const Request& request);

  [[nodiscard]] bool active() const noexcept override { return !watchers_.empty(); }
  void on_dialogue(const smtp::DialogueParty& party, bool sent, std::string_view lines) override;

 private:
  struct Watcher {
    Request request;
    std::string lines;
    uint64_t left_out = 0;
    MonoTime collected{};
  };
  void drop_forgotten();

  rt::Reactor& reactor_;
  std::list<Watcher> watchers_;
};

}  // namespace barid::tools
