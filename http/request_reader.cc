#include "http/request_reader.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <charconv>
#include <optional>

#include "core/base/assert.h"
#include "core/text/ascii.h"

namespace barid::http {
namespace {

namespace beast = boost::beast;

constexpr text::CharSet kToken = text::kAlnum | text::CharSet("!#$%&'*+-.^_`|~");

/// Beast asserts that the last chunk, "0 CR LF CR LF", is never given to it by less than its five
/// bytes. What may be the start of it has to wait for more.
bool may_be_cut_end(std::string_view piece) noexcept {
  return piece.size() < 5 && piece.starts_with('0');
}

std::string_view view(beast::string_view text) noexcept { return {text.data(), text.size()}; }

/// True if `list` (comma-separated, any case) has the member `wanted`.
bool has_member(std::string_view list, std::string_view wanted) noexcept {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    if (text::equals_ignore_case(text::trim(list.substr(0, comma)), wanted)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
  return false;
}

}  // namespace

class RequestReader::Parser final : public beast::http::basic_parser<true> {
 public:
  Parser(Request& request, Framing& framing, BodySink& sink)
      : request_(request), framing_(framing), sink_(sink) {
    header_limit(kHeadBytesMax);
    body_limit(boost::none);  // the sink knows the limit
  }
  [[nodiscard]] bool sink_refused() const noexcept { return sink_refused_; }

 private:
  using ErrorCode = beast::error_code;

  void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target,
                       int version, ErrorCode&) override {
    request_.method_text = view(method);
    request_.method = http::parse_method(request_.method_text);
    request_.target_text = view(target);
    framing_.http_1_0 = version == 10;
  }
  void on_response_impl(int, beast::string_view, int, ErrorCode&) override {}
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     ErrorCode& error) override {
    if (head_complete_) return;  // a trailer: framing allows it, nobody needs it
    if (request_.fields.size() == kFieldsMax) {
      error = beast::http::error::header_limit;
      return;
    }
    request_.fields.push_back({.name = std::string(view(name)), .value = std::string(view(value))});
  }
  void on_header_impl(ErrorCode&) override { head_complete_ = true; }
  void on_body_init_impl(const boost::optional<uint64_t>&, ErrorCode&) override {}
  std::size_t on_body_impl(beast::string_view body, ErrorCode& error) override {
    return pass(body, error);
  }
  void on_chunk_header_impl(uint64_t, beast::string_view, ErrorCode&) override {}
  std::size_t on_chunk_body_impl(uint64_t, beast::string_view body, ErrorCode& error) override {
    return pass(body, error);
  }
  void on_finish_impl(ErrorCode&) override {}

  std::size_t pass(beast::string_view body, ErrorCode& error) {
    if (!sink_.on_body(view(body))) {
      sink_refused_ = true;
      error = beast::http::error::body_limit;
    }
    return body.size();
  }

  Request& request_;
  Framing& framing_;
  BodySink& sink_;
  bool head_complete_ = false;
  bool sink_refused_ = false;
};

RequestReader::RequestReader(BodySink& sink) : sink_(sink) { reset(); }
RequestReader::~RequestReader() = default;

void RequestReader::reset() {
  request_ = Request{};
  framing_ = Framing{};
  parser_ = std::make_unique<Parser>(request_, framing_, sink_);
  phase_ = Phase::kHead;
  held_.clear();
  scanned_bytes_ = 0;
}

RequestReader::Event RequestReader::refuse(uint16_t status, std::string_view message) {
  refusal_ = Refusal{.status = status, .message = message};
  phase_ = Phase::kRefused;
  return Event::kRefused;
}

RequestReader::Event RequestReader::next(std::string_view input, size_t* consumed) {
  *consumed = 0;
  switch (phase_) {
    case Phase::kHead:
      return read_head(input, consumed);
    case Phase::kBody:
      return read_body(input, consumed);
    case Phase::kDone:
      return Event::kDone;
    case Phase::kRefused:
      return Event::kRefused;
  }
  return Event::kRefused;
}

/// Gathers the head; lines are judged as they become complete, so that a bad one is refused before
/// the client has sent all of it.
RequestReader::Event RequestReader::read_head(std::string_view input, size_t* consumed) {
  while (*consumed < input.size()) {
    const size_t line_end = input.find('\n', *consumed);
    const size_t end = line_end == std::string_view::npos ? input.size() : line_end + 1;
    held_.append(input.substr(*consumed, end - *consumed));
    *consumed = end;
    if (held_.size() - scanned_bytes_ > kLineBytesMax) {
      return scanned_bytes_ == 0 ? refuse(414, "the request line is too long")
                                 : refuse(431, "a header line is too long");
    }
    if (held_.size() > kHeadBytesMax) return refuse(431, "the header is too large");
    if (line_end == std::string_view::npos) break;
    const std::string_view line = std::string_view(held_).substr(scanned_bytes_);
    if (scanned_bytes_ == 0 && line == "\r\n") {  // RFC 9112 2.2: an empty line before it
      held_.clear();
      continue;
    }
    if (!check_line(line, scanned_bytes_ == 0)) return Event::kRefused;
    scanned_bytes_ = held_.size();
    if (line != "\r\n") continue;
    if (!parse_head(held_)) return Event::kRefused;
    held_.clear();
    phase_ = parser_->is_done() ? Phase::kDone : Phase::kBody;
    return Event::kHead;
  }
  return Event::kNeedInput;
}

/// One line with its line feed.
bool RequestReader::check_line(std::string_view line, bool first) {
  if (line.size() < 2 || line[line.size() - 2] != '\r') {
    refuse(400, "a line ends without CR LF");
    return false;
  }
  line.remove_suffix(2);
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7f) {
      refuse(400, "a control character in the header");
      return false;
    }
  }
  if (first || line.empty()) return true;
  if (text::is_blank(line.front())) {
    refuse(400, "a folded header line");
    return false;
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0 || !kToken.has_all(line.substr(0, colon))) {
    refuse(400, "a malformed header field name");
    return false;
  }
  return true;
}

bool RequestReader::parse_head(std::string_view head) {
  beast::error_code error;
  const size_t used = parser_->put(boost::asio::const_buffer(head.data(), head.size()), error);
  if (error == beast::http::error::bad_version) {
    refuse(505, "HTTP/1.1 and 1.0 are spoken here");
    return false;
  }
  if (error == beast::http::error::header_limit) {
    refuse(431, "too many header fields");
    return false;
  }
  if (error == beast::http::error::bad_method) {
    refuse(400, "a malformed method");
    return false;
  }
  if (error == beast::http::error::bad_content_length ||
      error == beast::http::error::multiple_content_length) {
    refuse(400, "Content-Length is malformed or repeated");
    return false;
  }
  if (error || !parser_->is_header_done() || used != head.size()) {
    refuse(400, "a malformed request");
    return false;
  }
  Result<Target> target = parse_target(request_.target_text);
  if (!target.ok() && request_.target_text != "*") {
    refuse(400, "a malformed request target");
    return false;
  }
  if (target.ok()) request_.target = *std::move(target);
  return read_framing();
}

/// Length and connection, from exactly one source each.
bool RequestReader::read_framing() {
  uint32_t hosts = 0;
  bool closes = framing_.http_1_0;
  for (const Field& field : request_.fields) {
    if (text::equals_ignore_case(field.name, "Host")) ++hosts;
    if (text::equals_ignore_case(field.name, "Connection")) {
      if (has_member(field.value, "close")) closes = true;
      if (framing_.http_1_0 && has_member(field.value, "keep-alive")) closes = false;
    }
    if (text::equals_ignore_case(field.name, "Expect")) {
      if (!text::equals_ignore_case(field.value, "100-continue")) {
        refuse(417, "only 100-continue can be expected");
        return false;
      }
      framing_.expects_continue = !framing_.http_1_0;
    }
  }
  framing_.keep_alive = !closes;
  if (hosts > 1 || (hosts == 0 && !framing_.http_1_0)) {
    refuse(400, "exactly one Host field is needed");
    return false;
  }
  return read_length();
}

bool RequestReader::read_length() {
  uint32_t lengths = 0;
  uint32_t codings = 0;
  for (const Field& field : request_.fields) {
    if (text::equals_ignore_case(field.name, "Content-Length")) {
      ++lengths;
      const char* end = field.value.data() + field.value.size();
      const auto parsed = std::from_chars(field.value.data(), end, framing_.length);
      if (parsed.ec != std::errc() || parsed.ptr != end || field.value.size() > 18) {
        refuse(400, "Content-Length is malformed or repeated");
        return false;
      }
    } else if (text::equals_ignore_case(field.name, "Transfer-Encoding")) {
      ++codings;
      if (!text::equals_ignore_case(field.value, "chunked")) {
        refuse(501, "chunked is the only transfer coding");
        return false;
      }
    }
  }
  if (lengths + codings > 1 || (codings > 0 && framing_.http_1_0)) {
    refuse(400, "the length of the body is given twice or in a way HTTP/1.0 lacks");
    return false;
  }
  framing_.has_length = lengths == 1;
  framing_.chunked = codings == 1;
  return true;
}

/// Gives Beast one contiguous piece until it has used it or wants more.
RequestReader::Event RequestReader::parse_piece(std::string_view piece, size_t* used) {
  *used = 0;
  while (!parser_->is_done()) {
    beast::error_code error;
    const size_t took =
        parser_->put(boost::asio::const_buffer(piece.data() + *used, piece.size() - *used), error);
    *used += took;
    if (parser_->sink_refused()) return refuse(413, "the body is too large");
    if (error == beast::http::error::need_more) return Event::kNeedInput;
    if (error) return refuse(400, "malformed chunks");
    if (*used == piece.size()) return parser_->is_done() ? Event::kDone : Event::kNeedInput;
  }
  return Event::kDone;
}

RequestReader::Event RequestReader::read_body(std::string_view input, size_t* consumed) {
  while (*consumed < input.size()) {
    size_t used = 0;
    const std::string_view rest = input.substr(*consumed);
    if (held_.empty() && framing_.chunked && may_be_cut_end(rest)) {
      held_.assign(rest);
      *consumed = input.size();
    } else if (held_.empty()) {
      const Event event = parse_piece(rest, &used);
      *consumed += used;
      if (event == Event::kRefused) return event;
      if (event == Event::kDone) return finish_body();
      if (used > 0) continue;
      // All that is there is the start of a framing line: Beast reads those whole.
      held_.assign(input.substr(*consumed));
      *consumed = input.size();
    } else {
      // Up to the line's end only, so that body bytes are not copied.
      const size_t line_end = input.find('\n', *consumed);
      const size_t end = line_end == std::string_view::npos ? input.size() : line_end + 1;
      held_.append(input.substr(*consumed, end - *consumed));
      *consumed = end;
      if (framing_.chunked && may_be_cut_end(held_)) continue;
      const Event event = parse_piece(held_, &used);
      held_.erase(0, used);
      if (event == Event::kRefused) return event;
      if (event == Event::kDone) return finish_body();
    }
    if (held_.size() > kLineBytesMax) return refuse(400, "the chunk framing is too long");
  }
  return Event::kNeedInput;
}

RequestReader::Event RequestReader::finish_body() {
  if (!held_.empty()) return refuse(400, "malformed chunks");
  phase_ = Phase::kDone;
  return Event::kDone;
}

}  // namespace barid::http
