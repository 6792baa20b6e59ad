#include "dns/unbound_resolver.h"

#include <absl/container/flat_hash_map.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unbound.h>

#include <utility>

#include "core/text/ascii.h"
#include "dns/name.h"
#include "dns/rdata.h"
#include "dns/unbound_context.h"
#include "shard/runtime/event.h"
#include "shard/runtime/io.h"

namespace barid::dns {
namespace {

constexpr int kClassInternet = 1;
constexpr int kRcodeNoError = 0;
constexpr int kRcodeNxDomain = 3;

struct Flight;

/// One caller waiting for a flight; lives in its coroutine frame.
struct Waiter {
  explicit Waiter(rt::Reactor& reactor) noexcept : done(reactor) {}
  rt::Event done;
  Answer answer;
  Flight* flight = nullptr;  ///< null once answered
  Waiter* next = nullptr;
  Waiter* previous = nullptr;
};

class Implementation;

/// One query inside the library. Its address is the library's callback argument.
struct Flight {
  Implementation* owner = nullptr;
  std::string name;
  RecordType type = RecordType::kA;
  int async_id = 0;
  MonoTime started_at{};
  Waiter* waiters = nullptr;  ///< null: an orphan

  void add(Waiter& waiter) noexcept {
    waiter.flight = this;
    waiter.next = waiters;
    if (waiters != nullptr) waiters->previous = &waiter;
    waiters = &waiter;
  }
  void remove(Waiter& waiter) noexcept {
    if (waiter.next != nullptr) waiter.next->previous = waiter.previous;
    (waiter.previous != nullptr ? waiter.previous->next : waiters) = waiter.next;
    waiter.flight = nullptr;
    waiter.next = nullptr;
    waiter.previous = nullptr;
  }
  void answer_all(const Answer& answer) {
    while (waiters != nullptr) {
      Waiter& waiter = *waiters;
      remove(waiter);
      waiter.answer = answer;
      waiter.done.set();
    }
  }
};

using FlightKey = std::pair<std::string, RecordType>;

AnswerStatus status_of(const ub_result& result) noexcept {
  if (result.bogus != 0) return AnswerStatus::kBogus;
  if (result.rcode == kRcodeNxDomain) return AnswerStatus::kNxDomain;
  // FORMERR, NOTIMP and REFUSED say more about the servers in between than about the name, so they
  // are temporary like SERVFAIL: no mail bounces because a resolver was set up wrongly.
  if (result.rcode != kRcodeNoError) return AnswerStatus::kServFail;
  return result.havedata != 0 ? AnswerStatus::kOk : AnswerStatus::kNoData;
}

Answer answer_from(const ub_result& result, RecordType type) {
  Answer answer = answer_of(status_of(result));
  answer.ttl = std::chrono::seconds(result.ttl > 0 ? result.ttl : 0);
  if (result.secure != 0) answer.validation = Validation::kSecure;
  if (result.bogus != 0) answer.validation = Validation::kBogus;
  if (result.canonname != nullptr) answer.canonical_name = result.canonname;
  if (answer.canonical_name.ends_with('.')) answer.canonical_name.pop_back();
  if (result.why_bogus != nullptr) answer.detail = result.why_bogus;
  if (answer.status != AnswerStatus::kOk) return answer;
  bool any = false;
  for (size_t i = 0; result.data[i] != nullptr; ++i) {
    const std::string_view wire(result.data[i], static_cast<size_t>(result.len[i]));
    any = append_record(answer, type, wire) || any;  // one bad record does not spoil the others
  }
  if (!any) answer.status = AnswerStatus::kMalformed;
  return answer;
}

class Implementation final : public UnboundResolver {
 public:
  Implementation(rt::Reactor& reactor, UnboundContext context, int poll_fd,
                 const UnboundOptions& options)
      : reactor_(reactor),
        context_(std::move(context)),
        outstanding_max_(options.outstanding_max),
        orphan_age_max_(options.orphan_age_max),
        cache_(options.cache),
        poll_(*this),
        poll_ended_(reactor) {
    poll_.fd = poll_fd;
    reactor_.io().poll(poll_);
  }
  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;
  ~Implementation() override { BARID_ASSERT(!context_); }  // close() was awaited

  rt::Task<Answer> query(std::string name, RecordType type, MonoTime deadline) override;
  rt::Task<void> close() override;
  const ResolverCounts& counts() const noexcept override { return counts_; }
  uint32_t outstanding_count() const noexcept override {
    return static_cast<uint32_t>(flights_.size());
  }
  bool healthy() const noexcept override { return !broken_; }

 private:
  class Poll final : public rt::PollOp {
   public:
    explicit Poll(Implementation& owner) noexcept : owner_(owner) {}
    void on_readable() override { owner_.process(); }
    void on_poll_end(int) override { owner_.on_poll_end(); }

   private:
    Implementation& owner_;
  };

  static void on_result(void* flight, int error, ub_result* result);
  /// The flight for the key, a new one if need be; null with `refusal` set if there can be none.
  Flight* join_flight(std::string name, RecordType type, AnswerStatus& refusal);
  bool make_room();
  void finish(Flight& flight, const Answer& answer);
  void process();
  void on_poll_end();
  /// The library cannot answer any more.
  void fail_all(AnswerStatus status);

  rt::Reactor& reactor_;
  UnboundContext context_;
  const uint32_t outstanding_max_;
  const Duration orphan_age_max_;
  AnswerCache cache_;
  absl::flat_hash_map<FlightKey, std::unique_ptr<Flight>> flights_;
  ResolverCounts counts_;
  Poll poll_;
  rt::Event poll_ended_;
  bool closing_ = false;
  bool broken_ = false;
};

rt::Task<Answer> Implementation::query(std::string name, RecordType type, MonoTime deadline) {
  ++counts_.queries;
  if (closing_) co_return answer_of(AnswerStatus::kCancelled);
  if (!is_query_name(name)) co_return answer_of(AnswerStatus::kMalformed);
  name = normalise_name(name);
  if (const Answer* cached = cache_.find(name, type, reactor_.now()); cached != nullptr) {
    ++counts_.cache_hits;
    Answer answer = *cached;
    answer.ttl = cache_.remaining_ttl(reactor_.now());
    co_return answer;
  }
  AnswerStatus refusal = AnswerStatus::kServFail;
  Flight* const flight = join_flight(std::move(name), type, refusal);
  if (flight == nullptr) co_return answer_of(refusal);
  Waiter waiter(reactor_);
  flight->add(waiter);
  const Code code = co_await waiter.done.wait(deadline);
  if (code == Code::kOk) co_return std::move(waiter.answer);
  waiter.flight->remove(waiter);
  ++counts_.timeouts;
  co_return answer_of(AnswerStatus::kTimeout);
}

Flight* Implementation::join_flight(std::string name, RecordType type, AnswerStatus& refusal) {
  FlightKey key(std::move(name), type);
  if (const auto found = flights_.find(key); found != flights_.end()) {
    ++counts_.coalesced;
    return found->second.get();
  }
  if (broken_) return nullptr;
  if (flights_.size() >= outstanding_max_ && !make_room()) {
    ++counts_.exhausted;
    refusal = AnswerStatus::kExhausted;
    return nullptr;
  }
  auto flight = std::make_unique<Flight>();
  flight->owner = this;
  flight->name = key.first;
  flight->type = type;
  flight->started_at = reactor_.now();
  // The pipe holds outstanding_max ordinary queries and the library's thread does nothing but read
  // it, so that this write does not block in practice.
  const int error =
      ub_resolve_async(context_.get(), flight->name.c_str(), static_cast<int>(type), kClassInternet,
                       flight.get(), &Implementation::on_result, &flight->async_id);
  if (error != 0) return nullptr;
  ++counts_.sent;
  return flights_.emplace(std::move(key), std::move(flight)).first->second.get();
}

bool Implementation::make_room() {
  auto oldest = flights_.end();
  for (auto it = flights_.begin(); it != flights_.end(); ++it) {
    if (it->second->waiters != nullptr) continue;
    if (reactor_.now() - it->second->started_at < orphan_age_max_) continue;
    // Start times may be equal; the id breaks the tie, not the order of the hash table.
    const auto age_key = [](const Flight& f) { return std::pair(f.started_at, f.async_id); };
    if (oldest == flights_.end() || age_key(*it->second) < age_key(*oldest->second)) oldest = it;
  }
  if (oldest == flights_.end()) return false;
  // No callback follows, so the flight may go. An error would mean that its answer was delivered
  // already, and then it would not be in the table.
  const int error = ub_cancel(context_.get(), oldest->second->async_id);
  BARID_ASSERT(error == 0);
  ++counts_.cancelled;
  flights_.erase(oldest);
  return true;
}

void Implementation::on_result(void* argument, int error, ub_result* result) {
  Flight& flight = *static_cast<Flight*>(argument);
  Answer answer = answer_of(AnswerStatus::kServFail);
  if (error == 0 && result != nullptr) {
    answer = answer_from(*result, flight.type);
  } else if (error == UB_SYNTAX) {
    answer.status = AnswerStatus::kMalformed;
  }
  ub_resolve_free(result);
  flight.owner->finish(flight, answer);
}

void Implementation::finish(Flight& flight, const Answer& answer) {
  if (flight.waiters == nullptr) ++counts_.late_answers;
  cache_.store(flight.name, flight.type, answer, reactor_.now());
  flight.answer_all(answer);
  flights_.erase(FlightKey(flight.name, flight.type));
}

void Implementation::process() {
  if (closing_ || broken_) return;
  if (ub_process(context_.get()) != 0) fail_all(AnswerStatus::kServFail);
}

void Implementation::on_poll_end() {
  if (!closing_) fail_all(AnswerStatus::kServFail);
  poll_ended_.set();
}

void Implementation::fail_all(AnswerStatus status) {
  broken_ = true;
  for (auto& [key, flight] : flights_) {
    flight->answer_all(answer_of(status));
    static_cast<void>(
        ub_cancel(context_.get(), flight->async_id));  // one that was answered is fine
  }
  flights_.clear();
}

rt::Task<void> Implementation::close() {
  BARID_ASSERT(!closing_);
  closing_ = true;
  fail_all(AnswerStatus::kCancelled);
  if (poll_.active) {
    reactor_.io().cancel(poll_);
    // The end of a cancelled operation always comes (shard/runtime/io.h).
    static_cast<void>(co_await poll_ended_.wait(MonoTime::max()));
  }
  // The duplicate is closed last: only then does an epoll set forget the shared description.
  context_.reset();
  reactor_.io().close(poll_.fd);
}

}  // namespace

CreatedUnbound UnboundResolver::create(rt::Reactor& reactor, const UnboundOptions& options) {
  CreatedContext created = create_unbound_context(options);
  if (!created.context) return CreatedUnbound{.resolver = nullptr, .error = created.error};
  // The back end must close the descriptor that it polls, and the library closes its own.
  const int poll_fd = fcntl(ub_fd(created.context.get()), F_DUPFD_CLOEXEC, 0);
  if (poll_fd < 0) {
    return CreatedUnbound{.resolver = nullptr, .error = fmt::format("dup: errno {}", errno)};
  }
  return CreatedUnbound{.resolver = std::make_unique<Implementation>(
                            reactor, std::move(created.context), poll_fd, options),
                        .error = {}};
}

}  // namespace barid::dns
