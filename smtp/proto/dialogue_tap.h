// The seam for whoever watches SMTP sessions live: commands and replies of both sides, as they
// pass. Content is never among them, nor what AUTH carries.
// Layer: smtp/proto. Shard-owned.
#pragma once

#include <cstdint>
#include <string_view>

namespace barid::smtp {

struct DialogueParty {
  bool is_client = false;  ///< of ours; else a server that we deliver to
  std::string_view name;
  std::string_view address;
  uint32_t session = 0;  ///< as in the log
};

class DialogueTap {
 public:
  /// False nearly always: then nothing is to be prepared.
  [[nodiscard]] virtual bool active() const noexcept = 0;
  /// Complete lines with their ends; `sent`: by us.
  virtual void on_dialogue(const DialogueParty& party, bool sent, std::string_view lines) = 0;

 protected:
  ~DialogueTap() = default;
};

}  // namespace barid::smtp
