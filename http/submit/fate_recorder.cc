#include "http/submit/fate_recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "core/text/json.h"
#include "http/message.h"
#include "http/submit/email_id.h"
#include "http/submit/event_record.h"
#include "http/submit/suppression.h"

namespace barid::http {
namespace {

constexpr Duration kReleasePause = std::chrono::milliseconds(50);

struct Words {
  std::string_view state, event;
};
Words words_of(schedule::FateObserver::Fate fate) noexcept {
  using Fate = schedule::FateObserver::Fate;
  switch (fate) {
    case Fate::kDelivered:
      return {"delivered", "email.delivered"};
    case Fate::kDeferred:
      return {"deferred", "email.delivery_delayed"};
    case Fate::kFailed:
      return {"bounced", "email.bounced"};
    case Fate::kExpired:
      return {"failed", "email.failed"};
    case Fate::kSuppressed:
      return {"suppressed", "email.suppressed"};
  }
  return {"deferred", "email.delivery_delayed"};
}

}  // namespace

std::string fate_key(QueueId id, uint32_t recipient) {
  const auto key = id.key();
  std::string out(key.data(), key.size());
  out += static_cast<char>(recipient >> 8 & 0xff);
  out += static_cast<char>(recipient & 0xff);
  return out;
}

void FateRecorder::on_fate(const queue::Message& message, uint32_t recipient, Fate fate,
                           const Outcome* outcome) {
  if (fate == Fate::kDelivered || fate == Fate::kDeferred) time_attempt(message, fate, *outcome);
  const bool failed = fate == Fate::kFailed || fate == Fate::kExpired;
  std::vector<Change> changes;
  const BounceClass klass =
      failed ? judge(message, recipient, fate, outcome, &changes) : BounceClass::kOther;
  if (!changes.empty()) {
    std::vector<Change>& untold = untold_[message.id];
    std::move(changes.begin(), changes.end(), std::back_inserter(untold));
  }
  if (message.envelope.email_id.empty()) return;
  const Words words = words_of(fate);
  const queue::RecipientStatus& status = message.status[recipient];
  const std::string_view reply =
      outcome != nullptr ? std::string_view(outcome->text) : status.reason;
  std::string facts = fmt::format(
      "\"at\":{},\"attempts\":{},\"dsn\":\"{}\",\"relay\":", unix_micros(reactor_.wall_now()),
      message.attempts + (outcome != nullptr ? 1 : 0),
      (outcome != nullptr ? outcome->dsn : status.dsn).text());
  text::append_json_string(facts, outcome != nullptr ? outcome->relay : "none");
  facts += ",\"reply\":";
  text::append_json_string(facts, reply);

  std::string event = fmt::format(
      "{{\"v\":1,\"type\":\"{}\",\"email_id\":\"{}\",\"queue_id\":\"{}\","
      "\"recipient\":",
      words.event, message.envelope.email_id, message.id.text());
  text::append_json_string(event, message.envelope.recipients[recipient].address);
  event += ",\"tenant\":";
  text::append_json_string(event, message.envelope.tenant);
  event += ',' + facts;
  if (fate == Fate::kFailed) {
    append_bounce(event, klass, reply,
                  outcome != nullptr ? outcome->diagnostic : status.diagnostic);
  } else if (fate == Fate::kSuppressed) {
    append_suppressed(event, reply);
  } else if (fate == Fate::kExpired) {
    event += ",\"failed\":{\"reason\":";
    text::append_json_string(event, reply);
    event += '}';
  }
  event += '}';
  if (failed) facts += fmt::format(",\"class\":\"{}\"", bounce_class_info(klass).name);
  std::vector<Change>& untold = untold_[message.id];
  untold.push_back({.family = queue::Family::kFates,
                    .key = fate_key(message.id, recipient),
                    .value = fmt::format("{{\"v\":1,\"state\":\"{}\",{}}}", words.state, facts)});
  untold.push_back({.family = queue::Family::kEvents, .key = {}, .value = std::move(event)});
}

void FateRecorder::on_change(const queue::Message& message) {
  const auto found = untold_.find(message.id);
  if (found == untold_.end()) return;
  std::vector<Change> changes = std::move(found->second);
  untold_.erase(found);
  Book& book = book_of(*message.partition);
  for (Change& change : changes) add(book, std::move(change));
}

void FateRecorder::on_requeued(const queue::Message& next) {
  if (next.envelope.email_id.empty()) return;
  Book& book = book_of(*next.partition);
  for (uint32_t i = 0; i < next.former->places.size(); ++i) {
    add(book, {.family = queue::Family::kFates,
               .key = fate_key(next.former->id, next.former->places[i]),
               .value = fmt::format("{{\"v\":1,\"state\":\"requeued\",\"at\":{},"
                                    "\"queue_id\":\"{}\",\"index\":{}}}",
                                    unix_micros(reactor_.wall_now()), next.id.text(), i)});
  }
}

void FateRecorder::time_attempt(const queue::Message& message, Fate fate, const Outcome& outcome) {
  const bool bulk = message.envelope.stream == Stream::kBulk;
  const Delays& delays = outcome.delays;
  const Duration age = delays.before_queue + delays.in_queue;
  if (fate == Fate::kDeferred) {
    observe(env_.timings, bulk ? Timing::kDeferredAgeBulk : Timing::kDeferredAgeTransactional, age);
    return;
  }
  observe(env_.timings, bulk ? Timing::kQueueAgeBulk : Timing::kQueueAgeTransactional, age);
  Timing timing = bulk ? Timing::kDeliveryOtherBulk : Timing::kDeliveryOtherTransactional;
  if (outcome.agent == "smtp") {
    timing = bulk ? Timing::kDeliverySmtpBulk : Timing::kDeliverySmtpTransactional;
  } else if (outcome.agent == "lmtp") {
    timing = bulk ? Timing::kDeliveryLmtpBulk : Timing::kDeliveryLmtpTransactional;
  }
  observe(env_.timings, timing, delays.connection + delays.transmission);
}

BounceClass FateRecorder::judge(const queue::Message& message, uint32_t recipient, Fate fate,
                                const Outcome* outcome, std::vector<Change>* changes) {
  const queue::RecipientStatus& status = message.status[recipient];
  BounceClass klass = BounceClass::kExpired;
  if (fate == Fate::kFailed) {
    klass = outcome != nullptr ? classify(outcome->dsn, outcome->text)
                               : classify(status.dsn, status.reason);
  }
  note_bounce(message.id, message.envelope.recipients[recipient].address, klass);
  const BounceClassInfo& info = bounce_class_info(klass);
  const bool has_list = !message.envelope.tenant.empty() || !message.envelope.email_id.empty();
  if (info.hard && has_list && !message.envelope.sender.empty()) {
    *changes = suppression_of(*message.partition,
                              {.tenant = message.envelope.tenant,
                               .address = message.envelope.recipients[recipient].address,
                               .origin = "bounce",
                               .email_id = message.envelope.email_id});
  }
  return klass;
}

void FateRecorder::note_bounce(QueueId id, std::string_view address, BounceClass klass) {
  const BounceClassInfo& info = bounce_class_info(klass);
  env_.counters.count_bounce(klass);
  env_.log.write({}, LogNote{.program = LogProgram::kBounce,
                             .queue_id = id,
                             .text = fmt::format("bounce class {} ({}) for <{}>", info.name,
                                                 info.type, address)});
}

void FateRecorder::suppress(queue::Partition& partition, const Unwanted& unwanted) {
  for (Change& change : suppression_of(partition, unwanted)) {
    add(book_of(partition), std::move(change));
  }
}

std::vector<FateRecorder::Change> FateRecorder::suppression_of(queue::Partition& partition,
                                                               const Unwanted& unwanted) {
  const auto email = suppressed_form(unwanted.address);
  if (!email || env_.suppressions.knows(unwanted.tenant, *email)) return {};
  const QueueId id = partition.allocate_id();
  const Suppression entry{.id = id,
                          .name = make_email_id(id, reactor_.rng().next()),
                          .tenant = unwanted.tenant,
                          .email = *email,
                          .origin = unwanted.origin,
                          .source_id = unwanted.email_id,
                          .created = reactor_.wall_now()};
  env_.suppressions.add(unwanted.tenant, *email);
  return suppression_changes(entry);
}

void FateRecorder::add_event(queue::Partition& partition, std::string event) {
  add(book_of(partition), {.family = queue::Family::kEvents, .value = std::move(event)});
}

void FateRecorder::put(queue::Partition& partition, queue::Family family, std::string key,
                       std::string value) {
  add(book_of(partition), {.family = family, .key = std::move(key), .value = std::move(value)});
}

void FateRecorder::erase(queue::Partition& partition, queue::Family family, std::string key) {
  add(book_of(partition), {.family = family, .key = std::move(key), .erase = true});
}

FateRecorder::Book& FateRecorder::book_of(queue::Partition& partition) {
  for (Book& book : books_) {
    if (book.partition == &partition) return book;
  }
  books_.push_back(Book{.partition = &partition});
  return books_.back();
}

void FateRecorder::add(Book& book, Entry entry) {
  if (book.waiting.size() >= kWaitingMax) {
    book.waiting.pop_front();
    ++lost_count_;
  }
  book.waiting.push_back(std::move(entry));
  flush(book);
}

/// An event that is written again after a failure gets a new id: later ones may be on disk already,
/// and who read those would never look for an earlier one.
uint64_t FateRecorder::write(queue::Partition& partition, Entry& entry, queue::IfLost if_lost) {
  if (entry.erase) return partition.erase_entry(entry.family, entry.key);
  if (entry.family == queue::Family::kEvents) {
    if (!entry.key.empty()) partition.erase_entry(entry.family, entry.key);
    const auto id = partition.allocate_id().key();
    entry.key.assign(id.data(), id.size());
  }
  return partition.put_entry(entry.family, entry.key, entry.value, if_lost);
}

void FateRecorder::start(queue::Partition& partition, Order& order) {
  scope_.spawn(carry_out(&partition, &order));
}

rt::Task<void> FateRecorder::carry_out(queue::Partition* partition, Order* order) {
  order->code = Code::kUnavailable;
  if (partition->writable()) {
    uint64_t group = 0;
    for (Change& change : order->changes) {
      group =
          write(*partition, change, change.is_new ? queue::IfLost::kErased : queue::IfLost::kLeft);
    }
    const Status status = co_await partition->committed(group);
    if (status.ok()) order->code = Code::kOk;
  }
  order->done = true;
}

void FateRecorder::flush(Book& book) {
  while (!book.waiting.empty() && book.partition->writable()) {
    Entry entry = std::move(book.waiting.front());
    book.waiting.pop_front();
    const uint64_t group = write(*book.partition, entry);
    if (book.flying.empty() || book.flying.back()->group != group) {
      book.flying.push_back(std::make_unique<Batch>(Batch{.group = group}));
      book.flying.back()->entries.push_back(std::move(entry));
      scope_.spawn(watch(&book, group));
    } else {
      book.flying.back()->entries.push_back(std::move(entry));
    }
  }
}

rt::Task<void> FateRecorder::watch(Book* book, uint64_t group) {
  const Status status = co_await book->partition->committed(group);
  if (!status.ok()) co_return;  // on_store_recovered() takes it from there
  const auto mine = std::find_if(book->flying.begin(), book->flying.end(),
                                 [group](const auto& one) { return one->group == group; });
  book->flying.erase(mine);
  tell_events();
}

/// In the order in which they came, whatever groups they were in.
void FateRecorder::on_store_recovered() {
  for (Book& book : books_) {
    if (!book.partition->writable()) continue;
    std::deque<Entry> lost;
    std::erase_if(book.flying, [&](const std::unique_ptr<Batch>& batch) {
      if (book.partition->committed(batch->group).await_resume().ok()) return false;
      std::move(batch->entries.begin(), batch->entries.end(), std::back_inserter(lost));
      return true;
    });
    book.waiting.insert(book.waiting.begin(), std::make_move_iterator(lost.begin()),
                        std::make_move_iterator(lost.end()));
    flush(book);
  }
}

void FateRecorder::release(const queue::Partition& partition, RequestLedger& ledger,
                           std::string key) {
  if (partition.undoing()) {
    scope_.spawn(release_late(&partition, &ledger, std::move(key)));
  } else {
    ledger.end(key);
  }
}

rt::Task<void> FateRecorder::release_late(const queue::Partition* partition, RequestLedger* ledger,
                                          std::string key) {
  while (!stopping_ && partition->undoing()) {
    co_await rt::Sleep(reactor_, reactor_.now() + kReleasePause);
  }
  ledger->end(key);
}

rt::Task<bool> FateRecorder::close(MonoTime deadline) {
  stopping_ = true;
  co_return co_await scope_.join(deadline) == Code::kOk;
}

}  // namespace barid::http
