// Goal: know which coroutine forms the compiler in use translates correctly
// (docs/adr/0001-compiler.md). Method: each form runs in a child process of its own, once with
// children that finish at once and once with children that suspend; Tracked objects and frames must
// balance. Prints one line a form:
//   NAME<tab>ok | wrong | SIGxxx | sanitizer | timeout<tab>required | reported
// Exit 1 if a required form is not ok. Built alone, from the root:
//   clang++-16 -std=c++20 -O2 -I. tests/compiler/probes.cc && ./a.out
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tests/compiler/probe.h"

extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "exitcode=77:abort_on_error=0:detect_leaks=0";
}

namespace {

using namespace probe;  // NOLINT: a test program

Task<bool> truth(bool value) {
  co_await MaybeSuspend{};
  co_return value;
}
Task<int> number(int value) {
  co_await MaybeSuspend{};
  co_return value;
}
Task<Tracked> tracked(int value) {
  co_await MaybeSuspend{};
  co_return Tracked(value);
}

// --- where co_await may stand (style C1) --------------------------------------------------------

Task<> if_head_coroutine() {
  if (co_await truth(true)) ++g_hits;  // no locals here: that is the point
}
bool if_head() {
  run(if_head_coroutine());
  return g_hits == 1;
}

Task<bool> below_three() {
  co_await MaybeSuspend{};
  co_return g_hits < 3;
}
Task<> while_head_coroutine() {
  while (co_await below_three()) ++g_hits;
}
bool while_head() {
  run(while_head_coroutine());
  return g_hits == 3;
}

Task<int> switch_head_coroutine() {
  switch (co_await number(2)) {
    case 1:
      co_return 10;
    case 2:
      co_return 20;
    default:
      co_return 30;
  }
}
bool switch_head() { return run(switch_head_coroutine()) == 20; }

Task<int> conditional_coroutine(bool which) {
  const Tracked chosen = which ? co_await tracked(1) : co_await tracked(2);
  co_return chosen.value;
}
bool conditional_operands() {
  return run(conditional_coroutine(true)) == 1 && run(conditional_coroutine(false)) == 2;
}

Task<bool> logical_coroutine() {
  co_return co_await truth(true) && (co_await truth(false) || co_await truth(true));
}
bool logical_operands() { return run(logical_coroutine()); }

struct Pair {
  Tracked first;
  Tracked second;
};
Task<int> braces_coroutine() {
  const Pair pair{co_await tracked(1), co_await tracked(2)};
  co_return pair.first.value + pair.second.value;
}
bool aggregate_braces() { return run(braces_coroutine()) == 3; }

int sum(Tracked left, const Tracked& right) { return left.value + right.value; }
Task<int> call_argument_coroutine() { co_return sum(co_await tracked(3), co_await tracked(4)); }
bool call_argument() { return run(call_argument_coroutine()) == 7; }

Task<int> add(Tracked left, Tracked right) {
  co_await MaybeSuspend{};
  co_return left.value + right.value;
}
Task<int> nested_coroutine() { co_return co_await add(co_await tracked(5), co_await tracked(6)); }
bool nested_await_argument() { return run(nested_coroutine()) == 11; }

#ifndef PROBE_NO_INITIALIZER_LIST  // set by `run` for a compiler that refuses this form
Task<int> initializer_list_coroutine() {
  const std::vector<Tracked> all{co_await tracked(1), co_await tracked(2), co_await tracked(3)};
  int total = 0;
  for (const Tracked& one : all) total += one.value;
  co_return total;
}
bool initializer_list() { return run(initializer_list_coroutine()) == 6; }
#endif

Task<std::vector<Tracked>> several() {
  co_await MaybeSuspend{};
  std::vector<Tracked> all;
  for (int i = 1; i <= 3; ++i) all.emplace_back(i);
  co_return all;
}
Task<int> range_for_coroutine() {
  int total = 0;
  for (const Tracked& one : co_await several()) {
    const Tracked again = co_await tracked(one.value);
    total += again.value;
  }
  co_return total;
}
bool range_for_head() { return run(range_for_coroutine()) == 6; }

Task<Pair> pair_of(int first, int second) {
  co_await MaybeSuspend{};
  co_return Pair{Tracked(first), Tracked(second)};
}
Task<int> binding_coroutine() {
  const auto [first, second] = co_await pair_of(1, 2);
  const Tracked third = co_await tracked(4);
  co_return first.value + second.value + third.value;
}
bool structured_binding() { return run(binding_coroutine()) == 7; }

#define PROBE_TRY(declaration, expression) \
  auto probe_try_value = (expression);     \
  if (!probe_try_value) co_return -1;      \
  declaration = *std::move(probe_try_value)
Task<std::optional<Tracked>> maybe(bool some) {
  co_await MaybeSuspend{};
  if (!some) co_return std::nullopt;
  co_return Tracked(8);
}
Task<int> try_coroutine(bool some) {
  PROBE_TRY(const Tracked got, co_await maybe(some));
  co_return got.value;
}
bool statement_macro() { return run(try_coroutine(true)) == 8 && run(try_coroutine(false)) == -1; }

// --- arguments of an awaited call (style C2) ----------------------------------------------------

struct Options {
  Tracked first = Tracked(1);
  Tracked second = Tracked(2);
  bool flag = false;
};
Task<int> consume(Options options) {
  co_await MaybeSuspend{};
  co_return options.first.value + options.second.value + int{options.flag};
}
Task<int> designated_coroutine() {
  co_return co_await consume({.first = Tracked(10), .second = Tracked(20), .flag = true});
}
bool designated_argument() { return run(designated_coroutine()) == 31; }

Task<int> inspect(const Options& options) {
  co_await MaybeSuspend{};
  co_return options.first.value + options.second.value;
}
Task<int> reference_coroutine() { co_return co_await inspect(Options{.first = Tracked(10)}); }
bool aggregate_by_reference() { return run(reference_coroutine()) == 12; }

template <typename Function>
Task<int> apply(Function function) {
  co_await MaybeSuspend{};
  co_return function();
}
Task<int> lambda_coroutine() {
  const Tracked outer(1);
  co_return co_await apply([outer, inner = Tracked(2)] { return outer.value + inner.value; });
}
bool capturing_lambda_argument() { return run(lambda_coroutine()) == 3; }

Task<size_t> length(std::string text, std::string_view view) {
  co_await MaybeSuspend{};
  co_return text.size() + view.size();
}
Task<size_t> string_coroutine() {
  co_return co_await length(std::string(100, 'x'), std::string(50, 'y'));
}
bool string_temporaries() { return run(string_coroutine()) == 150; }

// --- lifetimes ----------------------------------------------------------------------------------

Task<int> owner(Tracked parameter) {
  const Tracked local(parameter.value + 1);
  co_await MaybeSuspend{};
  co_return parameter.value + local.value;
}
bool parameter_destroyed_once() { return run(owner(Tracked(1))) == 3; }

struct Forever {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  void await_resume() const noexcept {}
};
Task<int> never(Tracked parameter) {
  const Tracked local(2);
  co_await Forever{};
  co_return parameter.value + local.value;
}
Task<int> waits_for_never() {
  const Tracked local(3);
  const int result = co_await never(Tracked(4));
  co_return result + local.value;
}
bool destroy_while_suspended() {
  Task<int> task = waits_for_never();
  task.handle().resume();
  return !task.handle().done() && Tracked::live == 4;  // `task` dies here, its child with it
}

// A coroutine that frees itself at its end, as background work does.
struct Detached {
  struct promise_type : Frame {
    int* done_count = nullptr;
    struct Final {
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<promise_type> self) const noexcept {
        int* const count = self.promise().done_count;
        self.destroy();
        ++*count;
      }
      void await_resume() const noexcept {}
    };
    Detached get_return_object() noexcept {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    Final final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};
Detached background(Tracked parameter) {
  const Tracked got = co_await tracked(parameter.value);
  g_hits += got.value;
}
bool destroy_in_final_suspend() {
  int done_count = 0;
  for (int i = 0; i < 3; ++i) {
    const Detached job = background(Tracked(1));
    job.handle.promise().done_count = &done_count;
    job.handle.resume();
  }
  while (!g_ready.empty()) {
    const std::coroutine_handle<> next = g_ready.front();
    g_ready.pop_front();
    next.resume();
  }
  return done_count == 3 && g_hits == 3;
}

// An awaiter that goes on after its own frame is gone. Its locals must live on the stack, not in
// the frame, also when await_suspend is inlined.
void escape(int* address) { asm volatile("" : : "g"(address) : "memory"); }
template <bool kInline>
struct FreesItsFrame {
  bool await_ready() const noexcept { return false; }
  static void work(std::coroutine_handle<> self) noexcept {
    int local = 41;
    escape(&local);
    self.destroy();
    escape(&local);
    g_hits = local + 1;
  }
  [[gnu::noinline]] void await_suspend(std::coroutine_handle<> self) const noexcept
    requires(!kInline)
  {
    work(self);
  }
  [[gnu::always_inline]] void await_suspend(std::coroutine_handle<> self) const noexcept
    requires(kInline)
  {
    int local = 41;
    escape(&local);
    self.destroy();
    escape(&local);
    g_hits = local + 1;
  }
  void await_resume() const noexcept {}
};
template <bool kInline>
Detached freed_coroutine() {
  const Tracked local(1);
  co_await FreesItsFrame<kInline>{};
}
template <bool kInline>
bool frees_own_frame() {
  freed_coroutine<kInline>().handle.resume();
  return g_hits == 42;
}

// The same where the answer of await_suspend is still to be read after the frame is gone.
struct FreesItsFrameAndAnswers {
  bool await_ready() const noexcept { return false; }
  [[gnu::always_inline]] bool await_suspend(std::coroutine_handle<> self) const noexcept {
    int local = 41;
    escape(&local);
    self.destroy();
    escape(&local);
    g_hits = local + 1;
    return local == 41;
  }
  void await_resume() const noexcept {}
};
Detached answered_coroutine() {
  const Tracked local(1);
  co_await FreesItsFrameAndAnswers{};
}
bool frees_own_frame_and_answers() {
  answered_coroutine().handle.resume();
  return g_hits == 42;
}

// Standard new guarantees 16 bytes; a frame with a stricter local needs a compiler that aligns it.
Task<bool> aligned_coroutine() {
  alignas(64) char line[64] = {};
  asm volatile("" : : "g"(&line[0]) : "memory");  // used before and after: it lives in the frame
  co_await MaybeSuspend{};
  auto address = reinterpret_cast<uintptr_t>(&line[0]);
  asm volatile("" : "+r"(address));
  co_return address % 64 == 0;
}
bool over_aligned_local() {
  bool all = true;
  std::vector<Task<bool>> keep;  // different sizes move the heap, so that luck does not decide
  for (int i = 0; i < 8; ++i) {
    all = run(aligned_coroutine()) && all;
    keep.push_back(aligned_coroutine());
  }
  return all;
}

// --- depth (style C4) ---------------------------------------------------------------------------

constexpr int kLoopCount = 1'000'000;
constexpr int kChainDepth = 10'000;

Task<int> unit() { co_return 1; }
Task<int> loop_in_place() {
  int total = 0;
  for (int i = 0; i < kLoopCount; ++i) total += co_await unit();
  co_return total;
}
bool in_place_loop() { return run(loop_in_place()) == kLoopCount; }

SymmetricTask<int> symmetric_unit() { co_return 1; }
SymmetricTask<int> loop_symmetric() {
  int total = 0;
  for (int i = 0; i < kLoopCount; ++i) total += co_await symmetric_unit();
  co_return total;
}
bool symmetric_loop() { return run(loop_symmetric()) == kLoopCount; }

// A chain whose innermost task is resumed by the reactor: every final_suspend hands over to the
// next.
template <bool kSymmetric>
BasicTask<int, kSymmetric> chain(int depth) {
  if (depth == 0) {
    g_suspend = true;
    co_await MaybeSuspend{};
    co_return 0;
  }
  co_return 1 + co_await chain<kSymmetric>(depth - 1);
}
bool final_chain() { return run(chain<false>(1000)) == 1000; }
bool final_chain_deep() { return run(chain<true>(kChainDepth)) == kChainDepth; }

// --- the runner ---------------------------------------------------------------------------------

struct Probe {
  const char* name;
  bool (*run)();
  bool required;  ///< our code may use this form
};

constexpr Probe kProbes[] = {
    {"await in if head", if_head, true},
    {"await in while head", while_head, true},
    {"await in switch head", switch_head, true},
    {"await in ?: operands", conditional_operands, true},
    {"await in logical operands", logical_operands, true},
    {"await inside aggregate braces", aggregate_braces, true},
    {"await as a call argument", call_argument, true},
    {"await nested in an awaited call", nested_await_argument, true},
#ifndef PROBE_NO_INITIALIZER_LIST
    {"await in an initializer list", initializer_list, true},
#endif
    {"await in range-for head", range_for_head, true},
    {"structured binding of an await", structured_binding, true},
    {"await in a statement macro", statement_macro, true},
    {"designated initialisers as argument", designated_argument, true},
    {"aggregate temporary by reference", aggregate_by_reference, true},
    {"capturing lambda as argument", capturing_lambda_argument, true},
    {"string temporaries as arguments", string_temporaries, true},
    {"parameter destroyed once", parameter_destroyed_once, true},
    {"destroy while suspended", destroy_while_suspended, true},
    {"destroy in final_suspend", destroy_in_final_suspend, true},
    {"await_suspend frees its frame, not inlined", frees_own_frame<false>, true},
    {"await_suspend frees its frame, inlined", frees_own_frame<true>, false},
    {"the same with a bool answer, inlined", frees_own_frame_and_answers, false},
    {"over-aligned local", over_aligned_local, false},
    {"1e6 awaits, run in place", in_place_loop, true},
    {"1e6 awaits, symmetric transfer", symmetric_loop, false},
    {"final_suspend chain of 1e3", final_chain, true},
    {"final_suspend chain of 1e4, symmetric", final_chain_deep, false},
};

/// In the child: 0 = as the language says, 1 = not.
int judge(const Probe& probe) {
  for (const bool suspend : {false, true}) {
    g_suspend = suspend;
    g_hits = 0;
    if (!probe.run()) return 1;
    if (Tracked::live != 0 || Tracked::faults_count != 0 || g_frames_live != 0) return 1;
  }
  return 0;
}

std::string verdict(const Probe& probe) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    const rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    if (std::freopen("/dev/null", "w", stderr) == nullptr) _exit(2);
    alarm(60);
    _exit(judge(probe));
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return "not run";
  if (WIFSIGNALED(status)) {
    if (WTERMSIG(status) == SIGALRM) return "timeout";
    const char* signal_name = sigabbrev_np(WTERMSIG(status));
    return std::string("SIG") + (signal_name != nullptr ? signal_name : "?");
  }
  switch (WEXITSTATUS(status)) {
    case 0:
      return "ok";
    case 77:
      return "sanitizer";
    default:
      return "wrong";
  }
}

}  // namespace

int main() {
  int failed = 0;
  for (const Probe& probe : kProbes) {
    const std::string got = verdict(probe);
    std::printf("%s\t%s\t%s\n", probe.name, got.c_str(), probe.required ? "required" : "reported");
    if (probe.required && got != "ok") ++failed;
  }
  return failed == 0 ? 0 : 1;
}
