#include "http/connection.h"

#include <fmt/format.h>

#include "core/text/ascii.h"
#include "shard/net/proxy_header.h"

namespace barid::http {
namespace {

constexpr uint64_t kBodyBytesPerSecondMin = 4 * 1024;     // below this a body is not waited for
constexpr Duration kDropPause = std::chrono::seconds(2);  // of a body that nobody wants
constexpr std::string_view kLastChunk = "0\r\n\r\n";
constexpr text::CharSet kRequestIdChars = text::kAlnum | text::CharSet("-_.");
constexpr size_t kRequestIdBytesMax = 128;
constexpr uint64_t kUnaskedBodyBytesMax = 16 * 1024;  // a larger body is for who may send one

ApiError too_large(uint64_t limit) {
  return {.status = 413,
          .name = "payload_too_large",
          .message = fmt::format("the body is larger than {} bytes", limit)};
}

}  // namespace

Connection::Connection(const ServiceEnv& env, const ServiceSettings& settings, const Router& router,
                       BodyBudget& budget, net::Stream stream, uint32_t log_pid)
    : StopCallback(env.stop),
      env_(env),
      settings_(settings),
      router_(router),
      budget_(budget),
      stream_(std::move(stream)),
      log_pid_(log_pid),
      reader_(*this),
      store_(*this) {}

Connection::~Connection() { release_body(); }

/// The server stops: an idle connection ends now, others when their request is answered.
void Connection::on_stop() {
  stopping_ = true;
  if (!in_request_) stream_.interrupt();
}

void Connection::release_body() {
  body_.reset();
  budget_.bytes_used -= body_bytes_;
  body_bytes_ = received_bytes_ = 0;
  inflater_.reset();
}

// --- the body

bool Connection::on_body(std::string_view bytes) {
  received_bytes_ += bytes.size();
  if (!inflater_) return keep_body(bytes);
  const Status status = inflater_->add(bytes);
  if (status.ok()) return true;
  if (status.error().code == Code::kMalformed) body_problem_ = BodyProblem::kMalformed;
  return false;
}

bool Connection::keep_body(std::string_view bytes) {
  if (body_bytes_ + bytes.size() > settings_.body_bytes_max) {
    body_problem_ = BodyProblem::kTooLarge;
    env_.counters.reach(Limit::kMessageBytes);
    return false;
  }
  if (budget_.bytes_used + bytes.size() > settings_.bodies_bytes_max) {
    body_problem_ = BodyProblem::kNoMemory;
    env_.counters.reach(Limit::kMemoryBytes);
    return false;
  }
  body_bytes_ += bytes.size();
  budget_.bytes_used += bytes.size();
  body_->append(bytes);
  return true;
}

/// A client that sends always, but hardly anything, is as bad as one that sends nothing.
MonoTime Connection::body_deadline() const noexcept {
  const MonoTime pause = env_.reactor.now() + settings_.timeout;
  const MonoTime total = started_ + settings_.timeout +
                         std::chrono::milliseconds(received_bytes_ * 1000 / kBodyBytesPerSecondMin);
  return std::min(pause, total);
}

rt::Task<bool> Connection::receive_body() {
  for (;;) {
    size_t consumed = 0;
    const RequestReader::Event event = reader_.next(stream_.input(), &consumed);
    stream_.consume(consumed);
    if (event == RequestReader::Event::kDone) break;
    if (event == RequestReader::Event::kRefused) co_return co_await refuse_body();
    const Status status = co_await stream_.read(body_deadline());
    if (status.ok() || !stream_.input().empty()) continue;
    if (status.error().code == Code::kTimeout) {
      co_return co_await refuse(
          {.status = 408, .name = "request_timeout", .message = "the body came too slowly"});
    }
    co_return false;
  }
  if (inflater_ && !inflater_->complete() && received_bytes_ > 0) {
    body_problem_ = BodyProblem::kMalformed;
    co_return co_await refuse_body();
  }
  co_return true;
}

rt::Task<bool> Connection::refuse_body() {
  unread_ = true;
  ApiError error{.status = reader_.refusal().status,
                 .name = "validation_error",
                 .message = std::string(reader_.refusal().message)};
  if (body_problem_ == BodyProblem::kTooLarge) error = too_large(settings_.body_bytes_max);
  if (body_problem_ == BodyProblem::kMalformed) {
    error = {.status = 400, .name = "validation_error", .message = "the body is no valid gzip"};
  }
  if (body_problem_ == BodyProblem::kNoMemory) {
    error = {.status = 503,
             .name = "service_unavailable",
             .message = "too many large requests at once",
             .retry_after_seconds = 5};
  }
  co_return co_await refuse(std::move(error));
}

/// A connection that is closed while its peer is sending is reset, and the peer may never see why:
/// what is left of the body is read and thrown away, for a while.
rt::Task<void> Connection::drop_rest() {
  const Framing& framing = reader_.framing();
  uint64_t left = UINT64_MAX;
  if (framing.has_length) left = framing.length - std::min(framing.length, received_bytes_);
  release_body();
  in_request_ = false;
  const MonoTime end = env_.reactor.now() + settings_.timeout;
  while (!stopping_ && env_.reactor.now() < end) {  // also of who never stops sending
    const std::string_view input = stream_.input();
    left -= std::min<uint64_t>(left, input.size());
    const bool complete = left == 0 || (framing.chunked && input.ends_with(kLastChunk));
    stream_.consume(input.size());
    if (complete) co_return;
    const Status status = co_await stream_.read(std::min(end, env_.reactor.now() + kDropPause));
    if (!status.ok() && stream_.input().empty()) co_return;
  }
}

// --- the request

/// Ids are for people who compare logs; what a client sends is kept if it is plain.
void Connection::start_request() {
  Request& request = reader_.request();
  const std::string_view given = request.field("x-request-id");
  const bool plain =
      !given.empty() && given.size() <= kRequestIdBytesMax && kRequestIdChars.has_all(given);
  request.request_id = plain ? std::string(given)
                             : fmt::format("{:014x}{:016x}", unix_micros(env_.reactor.wall_now()),
                                           env_.reactor.rng().next());
  body_ = ContentRef::make();
  body_problem_ = BodyProblem::kNone;
}

/// Why a large body is not taken in, or null.
const ApiError* Connection::large_body_problem() {
  const Framing& framing = reader_.framing();
  if (!framing.chunked && framing.length <= kUnaskedBodyBytesMax) return nullptr;
  Request& request = reader_.request();
  const Router::Match match = router_.match(request);
  if (match.handler == nullptr) {
    const bool known = !match.allow.empty();
    problem_ = {.status = static_cast<uint16_t>(known ? 405 : 404),
                .name = known ? "method_not_allowed" : "not_found",
                .message = known ? "the resource has other methods" : "there is no such resource"};
    return &problem_;
  }
  const bool takes_body = request.method != Method::kGet && request.method != Method::kHead &&
                          request.method != Method::kDelete;
  if (!takes_body) {
    problem_ = too_large(kUnaskedBodyBytesMax);
    return &problem_;
  }
  if (match.handler->head_guard == nullptr) return nullptr;
  auto refusal = match.handler->head_guard->head_problem(request);
  if (!refusal) return nullptr;
  problem_ = *std::move(refusal);
  return &problem_;
}

/// What the head alone decides against the request, or null.
const ApiError* Connection::head_problem() {
  const Framing& framing = reader_.framing();
  if (framing.has_length && framing.length > settings_.body_bytes_max) {
    problem_ = too_large(settings_.body_bytes_max);
    return &problem_;
  }
  if (const ApiError* problem = large_body_problem(); problem != nullptr) return problem;
  const std::string_view coding = reader_.request().field("content-encoding");
  if (text::equals_ignore_case(coding, "gzip") || text::equals_ignore_case(coding, "x-gzip")) {
    inflater_ = std::make_unique<Inflater>(store_);
  } else if (!coding.empty() && !text::equals_ignore_case(coding, "identity")) {
    problem_ = {.status = 415,
                .name = "unsupported_media_type",
                .message = "content-encoding may be gzip or identity"};
    return &problem_;
  }
  return nullptr;
}

/// Refuses before any handler; the connection ends, since what follows may be an unread body.
rt::Task<bool> Connection::refuse(ApiError error) {
  Request& request = reader_.request();
  if (request.request_id.empty()) start_request();
  const Router::Match match = router_.match(request);
  Exchange exchange(env_.reactor, stream_, request,
                    {.keep_alive = false,
                     .patience = settings_.timeout,
                     .errors = match.handler != nullptr ? match.handler->errors : error_response});
  if (error.status == 405) exchange.add_field("allow", match.allow);
  co_await exchange.refuse(std::move(error));
  log_request(exchange.status(), exchange.body_bytes());
  co_return false;
}

rt::Task<bool> Connection::dispatch() {
  Request& request = reader_.request();
  request.body = body_;
  const Framing& framing = reader_.framing();
  const Router::Match match = router_.match(request);
  Exchange exchange(env_.reactor, stream_, request,
                    {.keep_alive = framing.keep_alive && !stopping_,
                     .http_1_0 = framing.http_1_0,
                     .head_only = request.method == Method::kHead,
                     .patience = settings_.timeout,
                     .errors = match.handler != nullptr ? match.handler->errors : error_response});
  if (match.handler != nullptr) {
    RouteGuard* guard = match.handler->guard;
    bool admitted = true;
    if (guard != nullptr) admitted = co_await guard->admit(exchange);
    if (admitted) co_await match.handler->call(match.handler->object, exchange);
  } else if (match.allow.empty()) {
    co_await exchange.refuse(
        {.status = 404, .name = "not_found", .message = "there is no such resource"});
  } else if (request.method == Method::kOptions) {
    Response response{.status = 204};
    response.fields.push_back({.name = "allow", .value = match.allow});
    co_await exchange.answer(std::move(response));
  } else {
    const ApiError error{.status = 405,
                         .name = "method_not_allowed",
                         .message = fmt::format("{} is not among the methods of this resource: {}",
                                                request.method_text, match.allow)};
    Response response = error_response(error, request.request_id);
    response.fields.push_back({.name = "allow", .value = match.allow});
    co_await exchange.answer(std::move(response));
  }
  const bool goes_on = co_await exchange.finish();
  log_request(exchange.status(), exchange.body_bytes());
  co_return goes_on;
}

/// Reads and answers one request. False ends the connection.
rt::Task<bool> Connection::serve_one() {
  for (;;) {
    size_t consumed = 0;
    const RequestReader::Event event = reader_.next(stream_.input(), &consumed);
    stream_.consume(consumed);
    if (event == RequestReader::Event::kHead) break;
    if (event == RequestReader::Event::kRefused) {
      co_return co_await refuse({.status = reader_.refusal().status,
                                 .name = "validation_error",
                                 .message = std::string(reader_.refusal().message)});
    }
    const bool came = co_await read_more();
    if (!came) co_return false;
  }
  started_ = env_.reactor.now();
  in_request_ = true;
  start_request();
  if (const ApiError* problem = head_problem(); problem != nullptr) {
    unread_ = !reader_.framing().expects_continue;
    co_return co_await refuse(*problem);
  }
  if (reader_.framing().expects_continue) stream_.write("HTTP/1.1 100 Continue\r\n\r\n");
  const bool received = co_await receive_body();
  if (!received) co_return false;
  const bool goes_on = co_await dispatch();
  release_body();
  reader_.reset();
  in_request_ = false;
  co_return goes_on && !stopping_;
}

/// For the head: a pause between requests may be long, a head that has begun must come quickly.
rt::Task<bool> Connection::read_more() {
  if (stopping_ && reader_.idle()) co_return false;
  if (reader_.idle()) started_ = env_.reactor.now();
  const Duration limit = reader_.idle() ? settings_.idle_timeout : settings_.timeout;
  if (!reader_.idle() && !in_request_) {
    in_request_ = true;
    started_ = env_.reactor.now();
  }
  const Status status = co_await stream_.read(started_ + limit);
  if (status.ok() || !stream_.input().empty()) co_return true;
  if (status.error().code == Code::kTimeout && !reader_.idle()) {
    static_cast<void>(co_await refuse(
        {.status = 408, .name = "request_timeout", .message = "the header came too slowly"}));
  }
  co_return false;
}

rt::Task<void> Connection::run() {
  env_.counters.add(Counter::kHttpConnections);
  env_.counters.add(Counter::kHttpConnectionsOpen);
  bool goes_on = true;
  if (settings_.proxy_timeout > Duration::zero()) {
    goes_on =
        co_await net::take_proxy_header(stream_, env_.reactor.now() + settings_.proxy_timeout);
  }
  if (goes_on && settings_.tls != nullptr) goes_on = co_await start_tls();
  while (goes_on) goes_on = co_await serve_one();
  // What is still to be sent goes out, then the peer sees the end.
  stream_.end_writing();
  static_cast<void>(co_await stream_.flush(env_.reactor.now() + settings_.timeout));
  if (unread_) co_await drop_rest();
  env_.counters.subtract(Counter::kHttpConnectionsOpen);
}

/// False: no TLS, so no HTTP. There is nobody to tell, in clear or otherwise.
rt::Task<bool> Connection::start_tls() {
  const ServiceTls& tls = *settings_.tls;
  if (env_.handshakes_count >= tls.handshakes_max) {
    env_.counters.reach(Limit::kTlsHandshakes);
    co_return false;
  }
  if (!stream_.start_tls_server(*tls.context, env_.tickets)) co_return false;
  ++env_.handshakes_count;
  const Status status = co_await stream_.handshake(env_.reactor.now() + tls.timeout);
  --env_.handshakes_count;
  env_.counters.add(status.ok() ? Counter::kTlsSessionsIn : Counter::kTlsHandshakesFailed);
  co_return status.ok();
}

void Connection::log_request(uint16_t status, uint64_t answer_bytes) {
  env_.counters.add(Counter::kHttpRequests);
  if (status >= 500) {
    env_.counters.add(Counter::kHttpErrorsServer);
  } else if (status >= 400) {
    env_.counters.add(Counter::kHttpErrorsClient);
  }
  const Request& request = reader_.request();
  // The query may hold what is nobody's business: the path is enough.
  const std::string_view path =
      std::string_view(request.target_text).substr(0, request.target_text.find('?'));
  const std::string address = stream_.peer().is_ip() ? stream_.peer().ip_text() : "local";
  env_.log.write({.pid = log_pid_, .syslog_name = settings_.syslog_name},
                 HttpdRequest{.client = {.name = "unknown", .address = address},
                              .request_id = request.request_id,
                              .method = request.method_text,
                              .path = path,
                              .status = status,
                              .request_bytes = received_bytes_,
                              .answer_bytes = answer_bytes,
                              .duration = env_.reactor.now() - started_});
}

}  // namespace barid::http
