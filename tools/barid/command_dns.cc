#include "tools/barid/command_dns.h"

#include <algorithm>
#include <optional>

#include "shard/runtime/clock.h"
#include "shard/runtime/io_select.h"
#include "shard/runtime/reactor.h"
#include "shard/runtime/scope.h"

namespace barid::tools {
namespace {
constexpr Duration kPatienceAfterSilence = std::chrono::seconds(2);
}  // namespace

struct CommandDns::Inside {
  explicit Inside(std::unique_ptr<rt::Io> backend)
      : io(std::move(backend)), reactor(clock, *io, /*rng_seed=*/1), scope(reactor) {}

  rt::Task<void> ask(std::string name, dns::RecordType type, MonoTime deadline,
                     std::optional<dns::Answer>* answer) {
    *answer = co_await resolver->query(std::move(name), type, deadline);
  }
  rt::Task<void> close() { co_await resolver->close(); }
  void run() {
    while (scope.tasks_count() > 0) reactor.turn(std::chrono::seconds(1));
  }

  rt::SystemClock clock;
  std::unique_ptr<rt::Io> io;
  rt::Reactor reactor;
  std::unique_ptr<dns::UnboundResolver> resolver;
  rt::Scope scope;
};

CommandDns::CommandDns(const dns::UnboundOptions& options) {
  Result<rt::SelectedIo> selected = rt::select_io(rt::IoChoice::kEpoll);
  if (!selected.ok()) {
    problem_ = "epoll is refused";
    return;
  }
  inside_ = std::make_unique<Inside>(std::move(selected->io));
  dns::CreatedUnbound created = dns::UnboundResolver::create(inside_->reactor, options);
  if (!created.resolver) {
    problem_ = "dns: " + created.error;
    return;
  }
  inside_->resolver = std::move(created.resolver);
}

CommandDns::~CommandDns() {
  if (!inside_ || !inside_->resolver) return;
  inside_->scope.spawn(inside_->close());
  inside_->run();
}

dns::Answer CommandDns::query(const std::string& name, dns::RecordType type, Duration patience) {
  if (!problem_.empty()) return dns::answer_of(dns::AnswerStatus::kServFail);
  std::optional<dns::Answer> answer;
  if (was_silent_) patience = std::min(patience, kPatienceAfterSilence);
  inside_->reactor.refresh_clock();
  inside_->scope.spawn(inside_->ask(name, type, inside_->reactor.now() + patience, &answer));
  inside_->run();
  was_silent_ = answer->status == dns::AnswerStatus::kTimeout;
  return std::move(*answer);
}

}  // namespace barid::tools
