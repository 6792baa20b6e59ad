// The submission API: POST /emails, POST /emails/batch, GET /emails, GET /emails/{id}, GET /events;
// and the same for other APIs' words (http/shims).
// An answer of 200 comes after the sync that holds the messages, their record and, with an
// Idempotency-Key, the answer itself. All messages of a request share one group commit.
// Layer: http. Shard-owned.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/obs/log.h"
#include "http/exchange.h"
#include "http/router.h"
#include "http/submit/admission.h"
#include "http/submit/email_record.h"
#include "http/submit/fate_recorder.h"
#include "http/submit/foreign.h"
#include "http/submit/json_items.h"
#include "http/submit/ledger.h"
#include "http/submit/suppression.h"
#include "shard/queue/id_horizon.h"
#include "shard/runtime/offload.h"
#include "shard/schedule/queue_manager.h"

namespace barid::http {

/// All partitions of the process; stores outlive every shard's requests.
struct StoreDirectory {
  std::vector<std::pair<uint16_t, const queue::Store*>> stores;

  [[nodiscard]] const queue::Store* find(uint16_t partition) const noexcept;
  [[nodiscard]] std::vector<const queue::Store*> all() const;
};

/// What the API asks of the shard around it.
class SubmitHost {
 public:
  virtual ~SubmitHost() = default;
  /// Why new mail is turned away now; empty = it is taken.
  [[nodiscard]] virtual std::string_view refusal() const = 0;
  /// Carries it out on the shard that has its partition. kOk, kNotFound, kUnavailable.
  virtual rt::Task<Code> amend(schedule::QueueManager::Amendment& amendment) = 0;
  /// Makes the changes on the shard that has the order's partition. kOk: they are on disk;
  /// kUnavailable.
  virtual rt::Task<Code> carry_out(FateRecorder::Order& order) = 0;
};

struct EmailApiEnv {
  rt::Reactor& reactor;
  rt::Offload& offload;
  schedule::QueueManager& queue;
  Log& log;
  FateRecorder& fates;
  Admission& admission;
  RequestLedger& ledger;
  Timings& timings;
  SuppressionFilter& suppressions;
  const StoreDirectory& stores;
  queue::IdHorizon& horizon;  ///< of the ids of events
  SubmitHost& host;
  const std::string& tracking_key;
};

struct EmailApiSettings {
  std::string hostname;            ///< in Received
  std::string mail_name;           ///< the same
  uint64_t message_bytes_max = 0;  ///< message_size_limit; 0 = none
  uint32_t batch_max = 1000;       ///< http_batch_limit
  std::vector<std::string> pools;  ///< that `pool` may name, sorted
  std::string tracking_base_url;   ///< empty = `track` is refused
};

/// What is wrong with one email of a batch.
struct BatchProblem {
  size_t index = 0;  ///< its place, from 0
  ApiError error;
};

class EmailApi {
 public:
  EmailApi(const EmailApiEnv& env, EmailApiSettings settings)
      : env_(env),
        settings_(std::move(settings)),
        links_(settings_.tracking_base_url, env.tracking_key) {}

  void add_routes(Router& router);
  /// A submission in another API's words, as POST /emails but for its form.
  rt::Task<void> create_foreign(Exchange& exchange, const Dialect& dialect);
  /// Requests under way keep the principal that they have.
  void reload(EmailApiSettings settings) {
    settings_ = std::move(settings);
    links_ = TrackingLinks(settings_.tracking_base_url, env_.tracking_key);
  }

 private:
  /// One message ready for the queue.
  struct Prepared {
    QueueId id;
    Envelope envelope;
    ContentRef content;
    std::string message_id;
  };
  /// One submission: its messages, and what is recorded of it.
  struct Email {
    std::string id;
    QueueId first;  ///< in `id`; of the first message, if there is any
    EmailRequest request;
    std::vector<Prepared> messages;
    std::vector<RecordedRecipient> suppressed;  ///< get no message
    std::string record;
    size_t index = 0;  ///< in its batch
  };
  /// What came of a request of many: emails ready for the queue, and those that are refused.
  struct Batch {
    std::vector<Email> emails;
    std::vector<BatchProblem> problems;
  };
  /// What a request with an Idempotency-Key goes by.
  struct Idempotency {
    std::string key;     ///< digest of tenant and key; empty = none was given
    std::string digest;  ///< of the request
    bool begun = false;
    const Dialect* dialect = nullptr;  ///< in which it came, and is answered; null: our own

    [[nodiscard]] Response response(std::string answer) const {
      return dialect != nullptr ? dialect->response(std::move(answer))
                                : Response{.body = std::move(answer)};
    }
  };

  using Submit = rt::Task<void> (EmailApi::*)(Exchange&, const Principal&, const Idempotency&);

  rt::Task<void> create(Exchange& exchange);
  rt::Task<void> create_batch(Exchange& exchange);
  /// What both do: who may send, once, timed.
  rt::Task<void> accept(Exchange& exchange, Submit submit, const Dialect* dialect);
  rt::Task<void> show(Exchange& exchange);
  rt::Task<void> list(Exchange& exchange);
  rt::Task<void> events(Exchange& exchange);
  rt::Task<void> update(Exchange& exchange);
  rt::Task<void> cancel(Exchange& exchange);

  // email_amend.cc
  rt::Task<void> amend(Exchange& exchange, const Principal& principal, WallTime due);

  // email_api.cc
  rt::Task<bool> begin_idempotent(Exchange& exchange, const Principal& principal,
                                  Idempotency* idempotency);
  void end_idempotent(const Idempotency& idempotency);
  rt::Task<void> answer_view(Exchange& exchange, Result<std::string> view);
  [[nodiscard]] MonoTime patience() const noexcept;

  using AddressSet = absl::flat_hash_set<std::string>;

  // email_foreign.cc
  rt::Task<void> submit_foreign(Exchange& exchange, const Principal& principal,
                                const Idempotency& idempotency);
  [[nodiscard]] std::optional<ApiError> read_foreign(ForeignRequest& request,
                                                     const Dialect& dialect, size_t index,
                                                     const Principal& principal, Email* email);
  [[nodiscard]] static ApiError* first_problem(ForeignRequest& request);

  // email_submit.cc
  rt::Task<void> submit_one(Exchange& exchange, const Principal& principal,
                            const Idempotency& idempotency);
  rt::Task<void> submit_batch(Exchange& exchange, const Principal& principal,
                              const Idempotency& idempotency);
  rt::Task<std::optional<ApiError>> read_batch(JsonItems& items, const net::SocketAddress& peer,
                                               const Principal& principal, bool permissive,
                                               Batch* batch);
  rt::Task<bool> prepare_late(AddressSet maybe, const net::SocketAddress& peer,
                              const Principal& principal, uint64_t composed_bytes, Batch* batch);
  [[nodiscard]] static std::string batch_answer(const std::vector<Email>& emails,
                                                const std::vector<BatchProblem>* problems);
  rt::Task<void> store_and_answer(Exchange& exchange, std::vector<Email> emails, std::string answer,
                                  const Principal& principal, const Idempotency& idempotency);
  [[nodiscard]] std::optional<ApiError> read(JsonValue value, const Principal& principal,
                                             Email* email);
  /// Adds to `maybe` those recipients that the list could name; false: it names none of them.
  bool may_be_suppressed(const Email& email, const Principal& principal, AddressSet* maybe) const;
  /// Those of `maybe` that get no mail; false: it could not be found out.
  rt::Task<bool> keep_suppressed(AddressSet maybe, const Principal& principal,
                                 AddressSet* suppressed);
  /// The same for all recipients of the emails.
  rt::Task<bool> find_suppressed(const std::vector<Email>& emails, const Principal& principal,
                                 AddressSet* suppressed);
  /// `composed_bytes`: of all messages of the request so far; it has a bound.
  [[nodiscard]] std::optional<ApiError> prepare(const Principal& principal,
                                                const net::SocketAddress& peer,
                                                const AddressSet& suppressed,
                                                uint64_t* composed_bytes, Email* email);
  [[nodiscard]] Envelope envelope_of(const Email& email, const Principal& principal,
                                     const net::SocketAddress& peer) const;
  [[nodiscard]] std::optional<ApiError> add_message(const Composition& composition,
                                                    const std::vector<Mailbox>& recipients,
                                                    const Envelope& envelope,
                                                    uint64_t* composed_bytes, Email* email);
  uint64_t stage(Email& email, const Principal& principal);
  void stage_suppressed(const Email& email, const Principal& principal);
  void append_received(Content& content, QueueId id, const std::vector<Mailbox>& recipients) const;

  void track(const Email& email, std::string_view recipient, Composition* composition) const;

  EmailApiEnv env_;
  EmailApiSettings settings_;
  TrackingLinks links_;
};

}  // namespace barid::http
