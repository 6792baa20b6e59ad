// DNS for commands: the server's resolver, asked one question at a time.
// Layer: tools. Blocks.
#pragma once

#include <memory>
#include <string>

#include "dns/unbound_resolver.h"

namespace barid::tools {

class CommandDns {
 public:
  /// problem() says why, if it cannot be used.
  explicit CommandDns(const dns::UnboundOptions& options);
  ~CommandDns();

  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  /// At most `patience`; less once a question found no answer, so that a command ends in good time
  /// where there is no DNS.
  [[nodiscard]] dns::Answer query(const std::string& name, dns::RecordType type,
                                  Duration patience = std::chrono::seconds(10));

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
  std::string problem_;
  bool was_silent_ = false;
};

}  // namespace barid::tools
