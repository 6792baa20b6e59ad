// Cost of the decision whose turn it is: the next entry of a fair queue, a job's way through the
// dispatcher (enqueue, lease, next destination, finish), a lease's way to its home and back.
// Gates: below 1 µs a job with 1,000 destinations, with at most 3 allocations.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "shard/runtime/test_shard.h"
#include "shard/schedule/dispatcher.h"

namespace {

uint64_t allocation_count = 0;

}  // namespace

void* operator new(size_t bytes) {
  ++allocation_count;
  if (void* memory = std::malloc(bytes)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace {

using namespace barid;
using namespace barid::schedule;

void report_allocations(benchmark::State& state, uint64_t before, int64_t items) {
  state.SetItemsProcessed(items);
  state.counters["allocations"] =
      static_cast<double>(allocation_count - before) / static_cast<double>(items);
}

/// One round: each of `entries` is taken and put back behind the others, over several tenants.
void BM_FairQueue(benchmark::State& state) {
  FairQueue<size_t> queue(50);
  const auto entries = static_cast<size_t>(state.range(0));
  std::vector<std::string> tenants;
  for (int i = 0; i < 16; ++i) tenants.push_back("tenant" + std::to_string(i));
  for (size_t i = 0; i < entries; ++i) {
    queue.push(i % 4 == 0 ? Stream::kTransactional : Stream::kBulk, tenants[i % tenants.size()], i);
  }
  const uint64_t before = allocation_count;
  for (auto _ : state) {
    const size_t entry = queue.take();
    queue.charge(1);
    queue.push(entry % 4 == 0 ? Stream::kTransactional : Stream::kBulk,
               tenants[entry % tenants.size()], entry);
  }
  report_allocations(state, before, state.iterations());
}
BENCHMARK(BM_FairQueue)->Arg(10)->Arg(1000)->Arg(100000);

struct Sink final : OutcomeSink {
  void on_outcome(const Job&, uint32_t, const Outcome&) override {}
  void on_job_done(Job) override { ++done_count; }
  void on_destination_low(const std::string&) override {}
  void on_job_suspended(Job, const SiteTrouble&, WallTime) override { std::abort(); }
  uint64_t done_count = 0;
};

/// Delivers in no time.
struct InstantAgent final : Agent {
  explicit InstantAgent(bool once) : one_job_a_lease(once) {}
  rt::Task<void> deliver(Lease& lease) override {
    while (std::optional<Job> job = co_await lease.next(Duration::zero())) {
      lease.finish(*std::move(job), Lease::Hop::kWorked);
      if (one_job_a_lease) break;
    }
  }
  rt::Task<SiteAnswer> find_site(const Route& route) override {
    co_return SiteAnswer{.key = route.nexthop, .valid_for = std::chrono::hours(10'000)};
  }
  const bool one_job_a_lease;
};

/// `jobs_count` jobs go round over `destinations` destinations, each a site of its own.
void run_dispatcher(benchmark::State& state, bool one_job_a_lease) {
  rt::TestShard shard;
  Sink sink;
  InstantAgent agent(one_job_a_lease);
  Dispatcher dispatcher(shard.reactor, sink);
  dispatcher.set_transport("smtp", agent, {.site = {.window = {.limit = 20}}});
  constexpr size_t kJobs = 4096;
  const auto destinations = static_cast<size_t>(state.range(0));
  std::vector<Route> routes;
  for (size_t i = 0; i < destinations; ++i) {
    routes.push_back({.transport = "smtp", .nexthop = "d" + std::to_string(i) + ".example"});
  }
  std::vector<std::unique_ptr<queue::Message>> messages;
  for (size_t i = 0; i < kJobs; ++i) {
    messages.push_back(std::make_unique<queue::Message>());
    messages.back()->envelope.recipients.emplace_back();
  }
  const auto round = [&] {
    const uint64_t until = sink.done_count + kJobs;
    for (size_t i = 0; i < kJobs; ++i) {
      dispatcher.enqueue(routes[i % destinations],
                         Job{.message = messages[i].get(), .recipients = {0}});
    }
    BARID_ASSERT(shard.run_until([&] { return sink.done_count >= until; }));
  };
  round();  // sites and destinations are known then
  const uint64_t before = allocation_count;
  for (auto _ : state) round();
  report_allocations(state, before, state.iterations() * static_cast<int64_t>(kJobs));
  static_cast<void>(
      shard.run_until([&] { return dispatcher.leases_count() == 0; }, std::chrono::hours(1)));
}

/// The next destination's job on a lease that goes on.
void BM_NextJob(benchmark::State& state) { run_dispatcher(state, false); }
BENCHMARK(BM_NextJob)->Arg(1)->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);

/// Each job with a lease of its own: asked for, granted, given back.
void BM_LeaseAJob(benchmark::State& state) { run_dispatcher(state, true); }
BENCHMARK(BM_LeaseAJob)->Arg(1)->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
