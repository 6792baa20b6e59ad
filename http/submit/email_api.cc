#include "http/submit/email_api.h"

#include "core/crypto/digest.h"
#include "core/text/ascii.h"
#include "http/submit/email_id.h"
#include "http/submit/event_record.h"
#include "http/submit/idempotency.h"
#include "http/submit/query.h"

namespace barid::http {
namespace {

constexpr size_t kIdempotencyKeyBytesMax = 256;
constexpr Duration kReadPatience = std::chrono::seconds(30);
/// A turn of another shard that began before may still give an id of that time.
constexpr Duration kTurnMax = std::chrono::milliseconds(500);

}  // namespace

const queue::Store* StoreDirectory::find(uint16_t partition) const noexcept {
  for (const auto& [number, store] : stores) {
    if (number == partition) return store;
  }
  return nullptr;
}

std::vector<const queue::Store*> StoreDirectory::all() const {
  std::vector<const queue::Store*> list;
  for (const auto& [number, store] : stores) list.push_back(store);
  return list;
}

void EmailApi::add_routes(Router& router) {
  router.add(Method::kPost, "/emails", handler<&EmailApi::create>(*this));
  router.add(Method::kPost, "/emails/batch", handler<&EmailApi::create_batch>(*this));
  router.add(Method::kGet, "/emails", handler<&EmailApi::list>(*this));
  router.add(Method::kGet, "/emails/{id}", handler<&EmailApi::show>(*this));
  router.add(Method::kPatch, "/emails/{id}", handler<&EmailApi::update>(*this));
  router.add(Method::kPost, "/emails/{id}/cancel", handler<&EmailApi::cancel>(*this));
  router.add(Method::kGet, "/events", handler<&EmailApi::events>(*this));
}

MonoTime EmailApi::patience() const noexcept { return env_.reactor.now() + kReadPatience; }

/// Answers itself when the key was seen before, or cannot be used. True: go on, and end with
/// end_idempotent().
rt::Task<bool> EmailApi::begin_idempotent(Exchange& exchange, const Principal& principal,
                                          Idempotency* idempotency) {
  const std::string* given = exchange.request().find_field("idempotency-key");
  if (given == nullptr) co_return true;
  if (given->empty() || given->size() > kIdempotencyKeyBytesMax) {
    co_await exchange.refuse({.status = 400,
                              .name = "invalid_idempotency_key",
                              .message = "The key must be between 1-256 chars."});
    co_return false;
  }
  idempotency->key = idempotency_key(principal.tenant, *given);
  std::vector<std::string_view> pieces = {exchange.request().target_text,
                                          exchange.request().field("x-batch-validation"),
                                          std::string_view("\0", 1)};
  const auto& spans = exchange.request().body->spans();
  pieces.insert(pieces.end(), spans.begin(), spans.end());
  idempotency->digest = crypto::sha256(pieces);
  if (!env_.ledger.begin(idempotency->key)) {
    co_await exchange.refuse({.status = 409,
                              .name = "concurrent_idempotent_requests",
                              .message = "Same idempotency key used while original request is "
                                         "still in progress."});
    co_return false;
  }
  idempotency->begun = true;
  auto call = [stores = env_.stores.all(), key = idempotency->key] {
    return find_idempotent(stores, key);
  };
  const Result<std::string> found = co_await env_.offload.run(std::move(call), patience());
  std::optional<IdempotentEntry> entry;
  if (found.ok()) entry = parse_idempotent(*found);
  const bool valid = entry && entry->expires > env_.reactor.wall_now();
  if (found.ok() && !valid) co_return true;
  end_idempotent(*idempotency);
  idempotency->begun = false;
  if (!found.ok()) {
    co_await exchange.refuse(busy("The idempotency key cannot be looked up now.", 5));
  } else if (crypto::equal_secrets(entry->digest, idempotency->digest)) {
    exchange.add_field("idempotent-replayed", "true");
    co_await exchange.answer(idempotency->response(std::move(entry->answer)));
  } else {
    co_await exchange.refuse({.status = 409,
                              .name = "invalid_idempotent_request",
                              .message = "Same idempotency key used with a different request "
                                         "payload."});
  }
  co_return false;
}

void EmailApi::end_idempotent(const Idempotency& idempotency) {
  if (idempotency.begun) env_.fates.release(env_.queue.home(), env_.ledger, idempotency.key);
}

rt::Task<void> EmailApi::create(Exchange& exchange) {
  return accept(exchange, &EmailApi::submit_one, nullptr);
}

rt::Task<void> EmailApi::create_batch(Exchange& exchange) {
  return accept(exchange, &EmailApi::submit_batch, nullptr);
}

rt::Task<void> EmailApi::create_foreign(Exchange& exchange, const Dialect& dialect) {
  return accept(exchange, &EmailApi::submit_foreign, &dialect);
}

rt::Task<void> EmailApi::accept(Exchange& exchange, Submit submit, const Dialect* dialect) {
  Principal principal;
  const bool admitted = co_await env_.admission.admit(exchange, kScopeSend, &principal);
  if (!admitted) co_return;
  Idempotency idempotency{.dialect = dialect};
  const bool fresh = co_await begin_idempotent(exchange, principal, &idempotency);
  if (!fresh) co_return;
  const MonoTime begin = env_.reactor.now();
  co_await (this->*submit)(exchange, principal, idempotency);
  observe(env_.timings, Timing::kHttpAccept, env_.reactor.now() - begin);
  end_idempotent(idempotency);
}

// --- reading

rt::Task<void> EmailApi::show(Exchange& exchange) {
  Principal principal;
  const bool admitted = co_await env_.admission.admit(exchange, kScopeRead, &principal);
  if (!admitted) co_return;
  const auto id = parse_email_id(exchange.request().path_parameter("id"));
  const queue::Store* store = id ? env_.stores.find(id->partition) : nullptr;
  const ApiError absent{.status = 404, .name = "not_found", .message = "Email not found"};
  if (store == nullptr) {
    co_await exchange.refuse(absent);
    co_return;
  }
  EmailName name{.tenant = principal.tenant,
                 .id = std::string(exchange.request().path_parameter("id")),
                 .first = *id};
  auto call = [store, name = std::move(name)] { return read_email_view(*store, name); };
  Result<std::string> view = co_await env_.offload.run(std::move(call), patience());
  if (view.ok() && view->empty()) {
    co_await exchange.refuse(absent);
  } else {
    co_await answer_view(exchange, std::move(view));
  }
}

rt::Task<void> EmailApi::list(Exchange& exchange) {
  Principal principal;
  const bool admitted = co_await env_.admission.admit(exchange, kScopeRead, &principal);
  if (!admitted) co_return;
  PageQuery page;
  if (auto error = read_page_query(exchange.request().target, 100, "an email", &page)) {
    co_await exchange.refuse(*std::move(error));
    co_return;
  }
  const ListQuery query{
      .tenant = principal.tenant, .limit = page.limit, .after = page.after, .before = page.before};
  auto call = [stores = env_.stores.all(), query] { return read_email_list(stores, query); };
  co_await answer_view(exchange, co_await env_.offload.run(std::move(call), patience()));
}

rt::Task<void> EmailApi::events(Exchange& exchange) {
  Principal principal;
  const bool admitted = co_await env_.admission.admit(exchange, kScopeRead, &principal);
  if (!admitted) co_return;
  PageQuery page{.limit = 100};
  if (auto error = read_page_query(exchange.request().target, 1000, "an event", &page)) {
    co_await exchange.refuse(*std::move(error));
    co_return;
  }
  // An event that is listed while an earlier one is on its way to another partition's disk would
  // hide that one from a reader who asks for what comes after.
  const WallTime quiet =
      std::chrono::time_point_cast<WallTime::duration>(env_.reactor.wall_now() - kTurnMax);
  const uint64_t settled = env_.horizon.settle(static_cast<uint64_t>(unix_micros(quiet)));
  const QueueId before{.micros = settled, .partition = 0};
  const EventQuery query{.tenant = principal.tenant,
                         .limit = page.limit,
                         .after = page.after,
                         .before = key_of(before)};
  auto call = [stores = env_.stores.all(), query] { return read_events(stores, query); };
  co_await answer_view(exchange, co_await env_.offload.run(std::move(call), patience()));
}

/// What an offload thread made of a question.
rt::Task<void> EmailApi::answer_view(Exchange& exchange, Result<std::string> view) {
  if (view.ok()) {
    co_await exchange.answer({.body = *std::move(view)});
  } else {
    co_await exchange.refuse(busy("The queue cannot be read now."));
  }
}

}  // namespace barid::http
