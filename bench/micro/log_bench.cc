// Cost of a log line, from event to published bytes. Gates: below 300 ns a line, no allocation.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <new>

#include "core/obs/log.h"

namespace {

uint64_t allocation_count = 0;

}  // namespace

void* operator new(size_t bytes) {
  ++allocation_count;
  if (void* memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace {

using namespace barid;
using namespace std::chrono_literals;

const QueueId kId = *QueueId::parse("0123456789AB");
constexpr LogClient kClient{.name = "mail-out-17.example.net", .address = "192.0.2.117"};

DeliveryDone delivery_event() {
  return {
      .queue_id = kId,
      .recipient = "some.recipient@destination.example.org",
      .relay = "mx1.destination.example.org[198.51.100.25]:25",
      .connection_use = 17,
      .delays = {.before_queue = 1ms, .in_queue = 12ms, .connection = 0ms, .transmission = 340ms},
      .dsn = {2, 0, 0},
      .text = "250 2.0.0 Ok: queued as 4bXyZz1234567"};
}

/// Logs `lines` lines per iteration and lets a reader drain them, as a reactor's turn does.
template <typename WriteLines>
void run(benchmark::State& state, uint64_t lines, WriteLines write_lines) {
  LogBuffer buffer;
  Log log({.style = state.range(0) == 0 ? LogStyle::kPostfix : LogStyle::kJson,
           .host_name = "mail.example.com"},
          buffer);
  uint64_t micros = 1'767'366'245'000'000;
  uint64_t bytes = 0;
  const auto turn = [&] {
    log.set_time(wall_from_micros(static_cast<int64_t>(micros += 37)));
    write_lines(log);
    log.publish();
    for (std::string_view text = buffer.peek(); !text.empty(); text = buffer.peek()) {
      bytes += text.size();
      buffer.consume(text.size());
    }
  };
  for (int warm_up = 0; warm_up < 2000; ++warm_up) turn();
  const uint64_t allocations_before = allocation_count;
  bytes = 0;
  for (auto _ : state) turn();
  const auto total_lines = static_cast<double>(state.iterations()) * static_cast<double>(lines);
  state.counters["allocs_per_line"] =
      static_cast<double>(allocation_count - allocations_before) / total_lines;
  state.counters["time_per_line"] =
      benchmark::Counter(total_lines, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}

void BM_LogDelivery(benchmark::State& state) {
  run(state, 1, [](Log& log) { log.write({.pid = 4711}, delivery_event()); });
}

// All lines of a message that comes in over a warm session and leaves over a warm connection.
void BM_LogMessage(benchmark::State& state) {
  run(state, 5, [](Log& log) {
    log.write({.pid = 12}, SmtpdClient{.queue_id = kId, .client = kClient});
    log.write({.pid = 1},
              CleanupMessageId{.queue_id = kId,
                               .message_id = "<20260102150405.4bXyZz1234567@example.net>"});
    log.write({.pid = 1}, QmgrActive{.queue_id = kId,
                                     .sender = "bounce+4711@mailing.example.net",
                                     .size_bytes = 5321,
                                     .recipient_count = 1});
    log.write({.pid = 4711}, delivery_event());
    log.write({.pid = 1}, QmgrRemoved{kId});
  });
}

BENCHMARK(BM_LogDelivery)->ArgName("json")->Arg(0)->Arg(1);
BENCHMARK(BM_LogMessage)->ArgName("json")->Arg(0)->Arg(1);

}  // namespace

BENCHMARK_MAIN();
