// Any bytes as a log file: no crash, bounded memory, and no more payload than there are bytes; the
// outcome does not depend on how much is read at once.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "shard/queue/log_frame.h"

namespace {

using barid::queue::LogFrameReader;

class Memory final : public barid::queue::LogSource {
 public:
  explicit Memory(std::string_view bytes) : bytes_(bytes) {}
  size_t read(char* buffer, size_t bytes) override {
    const size_t take = std::min(bytes, bytes_.size());
    std::memcpy(buffer, bytes_.data(), take);
    bytes_.remove_prefix(take);
    return take;
  }

 private:
  std::string_view bytes_;
};

std::string read_all(std::string_view file, size_t step) {
  Memory source(file);
  LogFrameReader reader(source, 7);
  std::string all;
  if (reader.start() == LogFrameReader::Form::kForeign) return all;
  std::string buffer(step, '\0');
  for (;;) {
    const size_t got = reader.read(buffer.data(), step);
    all.append(buffer, 0, got);
    if (got < step) return all;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  const std::string bytes = read_all(file, 5);
  if (bytes.size() > size || bytes != read_all(file, 4096)) std::abort();
  return 0;
}
