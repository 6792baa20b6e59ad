// Notices that files changed: certificates are renewed by others, who tell nobody.
// Layer: tools. Main thread.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <vector>

namespace barid::tools {

class FileWatch {
 public:
  /// From now on these, as they are.
  void set(std::vector<std::string> files);
  /// True once after some file became another one and then stayed so from one call to the next:
  /// whoever writes a key writes its certificate too. Call it about once a second.
  [[nodiscard]] bool changed();

 private:
  struct Stamp {
    int64_t seconds = 0;
    int64_t nanoseconds = 0;
    int64_t bytes = -1;  ///< -1: there is no such file
    ino_t inode = 0;
    bool operator==(const Stamp&) const = default;
  };
  [[nodiscard]] std::vector<Stamp> look() const;

  std::vector<std::string> files_;
  std::vector<Stamp> known_;   ///< when set() or the last change was told
  std::vector<Stamp> latest_;  ///< at the last look
};

}  // namespace barid::tools
