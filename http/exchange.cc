#include "http/exchange.h"

#include <fmt/format.h>

#include "core/base/assert.h"

namespace barid::http {
namespace {
constexpr size_t kBacklogBytesMax = 256 * 1024;  // then the writer waits for the client
constexpr size_t kPieceBytesMax = 128 * 1024;
constexpr size_t kHeadBytesUsual = 512;
constexpr size_t kWithHeadBytesMax = 16 * 1024;

bool is_bodiless(uint16_t status) noexcept { return status == 204 || status == 304; }
}  // namespace

std::string Exchange::head_of(const Response& response, bool streamed) {
  BARID_ASSERT(state_ == State::kOpen);
  status_ = response.status;
  std::string head;
  head.reserve(kHeadBytesUsual +
               (streamed ? 0 : std::min(response.body.size(), kWithHeadBytesMax)));
  auto out = std::back_inserter(head);
  fmt::format_to(out, "HTTP/1.1 {} {}\r\n", response.status, reason_phrase(response.status));
  if (!response.content_type.empty() && !is_bodiless(response.status)) {
    fmt::format_to(out, "content-type: {}\r\n", response.content_type);
  }
  if (!streamed && !is_bodiless(response.status)) {
    fmt::format_to(out, "content-length: {}\r\n", response.body.size());
  }
  if (streamed && options_.http_1_0) options_.keep_alive = false;
  if (streamed && !options_.http_1_0) head += "transfer-encoding: chunked\r\n";
  fmt::format_to(out, "x-request-id: {}\r\n", request_.request_id);
  bool may_be_kept = false;
  for (const Field& field : response.fields) {
    fmt::format_to(out, "{}: {}\r\n", field.name, field.value);
    may_be_kept = may_be_kept || field.name == "cache-control";
  }
  for (const Field& field : fields_) fmt::format_to(out, "{}: {}\r\n", field.name, field.value);
  if (!may_be_kept) head += "cache-control: no-store\r\n";
  head += "x-content-type-options: nosniff\r\n";
  if (!options_.keep_alive) {
    head += "connection: close\r\n";
  } else if (options_.http_1_0) {
    head += "connection: keep-alive\r\n";
  }
  head += "\r\n";
  return head;
}

rt::Task<bool> Exchange::drain() {
  if (broken_) co_return false;
  if (stream_.write_backlog() <= kBacklogBytesMax) co_return true;
  const Status status = co_await stream_.flush(reactor_.now() + options_.patience);
  broken_ = !status.ok();
  co_return !broken_;
}

rt::Task<void> Exchange::answer(Response response) {
  std::string head = head_of(response, false);
  state_ = State::kDone;
  const bool bodiless = options_.head_only || is_bodiless(response.status);
  std::string_view rest = bodiless ? std::string_view() : response.body;
  body_bytes_ = rest.size();
  // Head and body leave in one write: two would cost the client a second wake-up.
  const std::string_view with_head = rest.substr(0, kWithHeadBytesMax);
  head += with_head;
  rest.remove_prefix(with_head.size());
  stream_.write(head);
  while (!rest.empty()) {
    const std::string_view piece = rest.substr(0, kPieceBytesMax);
    stream_.write(piece);
    rest.remove_prefix(piece.size());
    const bool reading = co_await drain();
    if (!reading) co_return;
  }
}

rt::Task<void> Exchange::refuse(ApiError error) {
  Response response = options_.errors(error, request_.request_id);
  if (response.status == 401) {  // RFC 9110 15.5.2 wants a challenge, whatever the form
    response.fields.push_back({.name = "www-authenticate", .value = "Bearer"});
  }
  co_await answer(std::move(response));
}

void Exchange::write_piece(std::string_view piece) {
  if (piece.empty() || options_.head_only) return;
  body_bytes_ += piece.size();
  if (options_.http_1_0) {
    stream_.write(piece);
    return;
  }
  stream_.write(fmt::format("{:x}\r\n", piece.size()));
  stream_.write(piece);
  stream_.write("\r\n");
}

rt::Task<bool> Exchange::begin(Response head) {
  stream_.write(head_of(head, true));
  state_ = State::kStreaming;
  const bool going_on = co_await write(head.body);
  co_return going_on;
}

rt::Task<bool> Exchange::write(std::string_view piece) {
  BARID_ASSERT(state_ == State::kStreaming);
  if (broken_) co_return false;
  write_piece(piece);
  const bool reading = co_await drain();
  co_return reading;
}

rt::Task<bool> Exchange::finish() {
  if (state_ == State::kOpen) {
    co_await refuse({.status = 500,
                     .name = "internal_server_error",
                     .message = "the request was not answered"});
  }
  if (state_ == State::kStreaming) {
    if (!broken_ && !options_.head_only && !options_.http_1_0) stream_.write("0\r\n\r\n");
    state_ = State::kDone;
  }
  co_return options_.keep_alive && !broken_;
}

}  // namespace barid::http
