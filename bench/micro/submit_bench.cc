// Micro benchmarks of a submission's way from JSON to the bytes of a message: 5 KB of text, and
// text with html and an attachment of 50 KB. Allocations a message are a counter. Gates: the
// multipart message is built in under 150 us and 40 allocations; 5 KB of text are read and built in
// under 15 us.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "core/base/rng.h"
#include "core/mail/compose.h"
#include "core/text/base64.h"
#include "core/text/json.h"
#include "http/submit/email_request.h"
#include "http/submit/json_reader.h"

namespace {
std::atomic<uint64_t> g_allocations{0};
}

void* operator new(size_t size) {
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace barid::http {
namespace {

constexpr size_t kTextBytes = 5 * 1024;
constexpr size_t kFileBytes = 50 * 1024;
const WallTime kNow = wall_from_micros(1'700'000'000'000'000);

std::string lines_of_text(size_t bytes) {
  std::string text;
  while (text.size() < bytes)
    text += "The quick brown fox jumps over the lazy dog and runs away.\n";
  return text;
}

std::string random_bytes(size_t bytes) {
  Rng rng(1);
  std::string out;
  while (out.size() < bytes) out += static_cast<char>(rng.next());
  return out;
}

std::string text_email() {
  return R"({"from":"Ann <ann@example.org>","to":"joe@example.net","subject":"Hello","text":)" +
         text::json_string(lines_of_text(kTextBytes)) + "}";
}

std::string multipart_email() {
  std::string file;
  text::append_base64(file, random_bytes(kFileBytes));
  const std::string line = lines_of_text(1024);
  return R"({"from":"Ann <ann@example.org>","to":"joe@example.net","subject":"Hello","text":)" +
         text::json_string(line) + R"(,"html":)" + text::json_string("<p>" + line + "</p>") +
         R"(,"attachments":[{"filename":"report.pdf","content":")" + file + "\"}]}";
}

EmailRequest read(const std::string& json) {
  JsonReader reader;
  EmailRequest email;
  reader.add(json);
  if (!reader.finish() || read_email(reader.take(), kNow, &email)) {
    std::abort();
  }
  email.composition.message_id = "id@example.org";
  email.composition.boundary = "01a213c0bd7a80ae96810000930841b6";
  return email;
}

/// Reports what `g_allocations` grew by, a message.
class Allocations {
 public:
  explicit Allocations(benchmark::State& state) : state_(state) {}
  ~Allocations() {
    state_.counters["allocations"] = benchmark::Counter(
        static_cast<double>(g_allocations.load() - before_), benchmark::Counter::kAvgIterations);
  }

 private:
  benchmark::State& state_;
  const uint64_t before_ = g_allocations.load();
};

void build(benchmark::State& state, const std::string& json) {
  const EmailRequest email = read(json);
  const Allocations allocations(state);
  uint64_t bytes = 0;
  for (auto _ : state) {
    ContentRef content = ContentRef::make();
    compose(email.composition, *content);
    bytes += content->size();
    benchmark::DoNotOptimize(content->spans().data());
  }
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}

void read_and_build(benchmark::State& state, const std::string& json) {
  const Allocations allocations(state);
  for (auto _ : state) {
    const EmailRequest email = read(json);
    ContentRef content = ContentRef::make();
    compose(email.composition, *content);
    benchmark::DoNotOptimize(content->spans().data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(json.size()));
}

BENCHMARK_CAPTURE(build, text_5k, text_email());
BENCHMARK_CAPTURE(build, multipart_50k, multipart_email());
BENCHMARK_CAPTURE(read_and_build, text_5k, text_email());
BENCHMARK_CAPTURE(read_and_build, multipart_50k, multipart_email());

}  // namespace
}  // namespace barid::http

BENCHMARK_MAIN();
