// Submissions that came in another API's words: from translation to the same queue and answer.
#include <algorithm>

#include "http/submit/email_api.h"
#include "http/submit/email_id.h"
#include "http/submit/foreign.h"

namespace barid::http {

/// Of all or nothing, or null.
ApiError* EmailApi::first_problem(ForeignRequest& request) {
  if (request.partial) return nullptr;
  for (ForeignEmail& one : request.emails) {
    if (one.problem) return &*one.problem;
  }
  return nullptr;
}

std::optional<ApiError> EmailApi::read_foreign(ForeignRequest& request, const Dialect& dialect,
                                               size_t index, const Principal& principal,
                                               Email* email) {
  email->index = index;
  std::optional<ApiError> problem = read(take_email(request, index), principal, email);
  if (problem) rename_field(*problem, dialect, index);
  ForeignEmail& one = request.emails[index];
  if (!one.tags.empty()) email->request.tags = std::move(one.tags);
  return problem;
}

rt::Task<void> EmailApi::submit_foreign(Exchange& exchange, const Principal& principal,
                                        const Idempotency& idempotency) {
  const Dialect& dialect = *idempotency.dialect;
  JsonValue body;
  ForeignRequest request;
  std::optional<ApiError> error = parse_body(exchange.request(), &body);
  if (!error) error = dialect.translate(body, settings_.batch_max, &request);
  std::vector<Email> emails;
  for (size_t i = 0; i < request.emails.size() && !error; ++i) {
    if (i > 0) co_await rt::yield(env_.reactor);  // each may have large files
    std::optional<ApiError>& problem = request.emails[i].problem;
    Email email;
    if (!problem) problem = read_foreign(request, dialect, i, principal, &email);
    if (!problem) emails.push_back(std::move(email));
    if (const ApiError* first = first_problem(request); first != nullptr) error = *first;
  }
  AddressSet suppressed;
  if (!error) {
    const bool known = co_await find_suppressed(emails, principal, &suppressed);
    if (!known) error = busy("The suppression list cannot be read now.");
  }
  uint64_t composed_bytes = 0;
  for (size_t i = 0; i < emails.size() && !error; ++i) {
    if (i > 0) co_await rt::yield(env_.reactor);
    ForeignEmail& one = request.emails[emails[i].index];
    one.problem = prepare(principal, exchange.peer(), suppressed, &composed_bytes, &emails[i]);
    if (one.problem) rename_field(*one.problem, dialect, emails[i].index);
    if (!one.problem) one.id = emails[i].id;
    if (const ApiError* first = first_problem(request); first != nullptr) error = *first;
  }
  if (error) {
    co_await exchange.refuse(*std::move(error));
    co_return;
  }
  std::erase_if(emails, [](const Email& email) { return email.record.empty(); });
  std::string answer = dialect.answer(request, env_.reactor.wall_now());
  if (request.only_checks) {
    co_await exchange.answer(dialect.response(std::move(answer)));
    co_return;
  }
  co_await store_and_answer(exchange, std::move(emails), std::move(answer), principal, idempotency);
}

}  // namespace barid::http
