#include "bench/http_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

namespace barid::bench {
namespace {

constexpr size_t kHeadBytesMax = 64 * 1024;
constexpr uint64_t kAnswerBytesMax = 64 * 1024 * 1024;
constexpr uint16_t kTooManyRequests = 429;

/// The value of a field in an answer's head; empty if there is none. `name` in lower case.
std::string_view field_of(std::string_view head, std::string_view name) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  while (!head.empty()) {
    const size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 2);
    if (line.size() <= name.size() || line[name.size()] != ':') continue;
    const bool same = std::equal(name.begin(), name.end(), line.begin(),
                                 [&](char wanted, char c) { return wanted == lower(c); });
    if (!same) continue;
    const size_t start = line.find_first_not_of(' ', name.size() + 1);
    return start == std::string_view::npos ? std::string_view() : line.substr(start);
  }
  return {};
}

}  // namespace

HttpSession::HttpSession(SourceContext& context) : LoadSession(context) {
  all_.assign(context.factory->shape().recipient_count, true);
  works_.reserve(context.batch);
}

void HttpSession::on_connected(MonoTime now) {
  begun_count_ = 0;
  in_body_ = closing_ = left_ = false;
  last_active_ = now;
  answer_.clear();
  output_.clear();
  ++context_.counts->connections;
  phase_ = context_.tls == SourceTls::kNone ? Phase::kReady : Phase::kSecuring;
  if (phase_ == Phase::kReady) pump(now);
}

void HttpSession::on_secured(MonoTime now) {
  last_active_ = now;
  phase_ = Phase::kReady;
  pump(now);
}

void HttpSession::pump(MonoTime now) {
  if (phase_ != Phase::kReady || !works_.empty()) return;
  const uint64_t limit = context_.messages_per_session;
  if (limit > 0 && begun_count_ >= limit) return quit(now);
  const uint64_t wanted =
      limit > 0 ? std::min<uint64_t>(context_.batch, limit - begun_count_) : context_.batch;
  while (works_.size() < wanted) {
    const std::optional<Work> work = context_.supply->take(now);
    if (!work) break;
    works_.push_back(*work);
  }
  if (works_.empty()) return;
  begun_count_ += works_.size();
  context_.in_flight += works_.size();
  last_active_ = now;
  send_request();
}

void HttpSession::send_request() {
  const MessageFactory& factory = *context_.factory;
  const bool array = context_.batch > 1;
  uint64_t bytes = array ? works_.size() + 1 : 0;
  heads_.clear();
  for (const Work& work : works_) {
    factory.append_json_head(work.sequence, heads_);
    bytes += factory.tail(work.sequence).json.size();
  }
  bytes += heads_.size();
  std::string& text = output_.text();
  fmt::format_to(std::back_inserter(text),
                 "POST {} HTTP/1.1\r\nhost: target.bench.example\r\ncontent-type: "
                 "application/json\r\ncontent-length: {}\r\n",
                 array ? "/emails/batch" : "/emails", bytes);
  if (!context_.authorization.empty()) {
    fmt::format_to(std::back_inserter(text), "authorization: {}\r\n", context_.authorization);
  }
  text += "\r\n";
  std::string_view heads = heads_;
  const size_t head_bytes = heads.size() / works_.size();  // all are as long
  for (size_t i = 0; i < works_.size(); ++i) {
    if (array) output_.text() += i == 0 ? '[' : ',';
    output_.text() += heads.substr(i * head_bytes, head_bytes);
    output_.borrow(factory.tail(works_[i].sequence).json);
  }
  if (array) output_.text() += ']';
}

void HttpSession::on_bytes(std::string_view bytes, MonoTime now) {
  last_active_ = now;
  if (works_.empty()) {  // an answer that nobody asked for
    phase_ = Phase::kClosed;
    return;
  }
  answer_ += bytes;
  if (!in_body_) {
    const size_t end = answer_.find("\r\n\r\n");
    if (end == std::string::npos) {
      if (answer_.size() > kHeadBytesMax) phase_ = Phase::kClosed;
      return;
    }
    on_head(std::string_view(answer_).substr(0, end));
    if (phase_ == Phase::kClosed) return;
    answer_.erase(0, end + 4);
    in_body_ = true;
  }
  if (answer_.size() >= body_bytes_) on_answer(now);
}

void HttpSession::on_head(std::string_view head) {
  constexpr std::string_view kVersion = "HTTP/1.1 ";
  const std::string_view length = field_of(head, "content-length");
  status_ = 0;
  body_bytes_ = kAnswerBytesMax + 1;
  if (head.starts_with(kVersion)) {
    const char* code = head.data() + kVersion.size();
    std::from_chars(code, head.data() + head.size(), status_);
  }
  std::from_chars(length.data(), length.data() + length.size(), body_bytes_);
  if (status_ < 200 || status_ > 599 || body_bytes_ > kAnswerBytesMax) phase_ = Phase::kClosed;
  closing_ = field_of(head, "connection") == "close";
}

void HttpSession::on_answer(MonoTime now) {
  SourceCounts& counts = *context_.counts;
  const bool accepted = status_ < 300;
  const bool temporary = status_ == kTooManyRequests || status_ >= 500;
  if (!accepted && counts.first_refusal.empty()) {
    counts.first_refusal = fmt::format("{} {}", status_, answer_.substr(0, body_bytes_));
  }
  for (const Work& work : works_) {
    if (accepted) {
      count_accepted(work, all_, now);
      continue;
    }
    ++counts.replies_refusing[status_];
    if (!temporary) {
      ++counts.permfailed;
    } else if (!try_again(work, now)) {
      ++counts.tempfailed;
    }
  }
  context_.in_flight -= works_.size();
  context_.last_progress = now;
  works_.clear();
  answer_.clear();
  in_body_ = false;
  if (closing_) {
    phase_ = Phase::kClosed;
  } else {
    pump(now);
  }
}

/// HTTP has no farewell: the owner closes the connection.
void HttpSession::quit(MonoTime) {
  if (!idle()) return;
  phase_ = Phase::kClosed;
  left_ = true;
}

void HttpSession::on_disconnect(MonoTime now) {
  if (!works_.empty()) ++context_.counts->connections_broken;
  const bool doubtful = output_.empty();
  for (const Work& work : works_) {
    if (try_again(work, now)) continue;
    ++(doubtful ? context_.counts->in_doubt : context_.counts->lost);
  }
  context_.in_flight -= works_.size();
  works_.clear();
  phase_ = Phase::kClosed;
  output_.clear();
}

}  // namespace barid::bench
