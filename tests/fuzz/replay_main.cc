// Runs a fuzz target over its stored corpus, so that every finding stays fixed in ordinary builds.
// Usage: target DIRECTORY…  An absent directory counts as an empty corpus; the empty input always
// runs.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

void run_one(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  int inputs_count = 1;
  run_one("");
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) continue;
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      std::ifstream in(entry.path(), std::ios::binary);
      run_one(std::string(std::istreambuf_iterator<char>(in), {}));
      ++inputs_count;
    }
  }
  std::printf("%d inputs replayed\n", inputs_count);
  return 0;
}
