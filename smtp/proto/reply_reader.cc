#include "smtp/proto/reply_reader.h"

#include <algorithm>
#include <cstring>

namespace barid::smtp {

ReplyReader::Status ReplyReader::fail(Code code) noexcept {
  error_ = Error{.code = code};
  return Status::kFailed;
}

ReplyReader::Status ReplyReader::read(std::string_view& bytes) {
  if (error_.code != Code::kOk) return Status::kFailed;
  while (!bytes.empty()) {
    const void* const found = std::memchr(bytes.data(), '\n', bytes.size());
    if (found == nullptr) {
      // One more than the longest line, for its CR.
      if (partial_.size() + bytes.size() > kReplyLineBytesMax + 1) return fail(Code::kTooLong);
      partial_.append(bytes);
      bytes = {};
      return Status::kNeedMore;
    }
    const auto length = static_cast<size_t>(static_cast<const char*>(found) - bytes.data());
    std::string_view line = bytes.substr(0, length);
    bytes.remove_prefix(length + 1);
    if (!partial_.empty()) {
      if (partial_.size() + line.size() > kReplyLineBytesMax + 1) return fail(Code::kTooLong);
      partial_.append(line);
      line = partial_;
    }
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const Status status = take_line(line);
    partial_.clear();
    if (status != Status::kNeedMore) return status;
  }
  return Status::kNeedMore;
}

ReplyReader::Status ReplyReader::take_line(std::string_view line) {
  if (filter_ != nullptr && filter_->rewrite(line, rewritten_)) {
    if (rewritten_.size() > kReplyLineBytesMax) return fail(Code::kTooLong);
    line = rewritten_;
  }
  const Result<ReplyLine> parsed = parse_reply_line(line);
  if (!parsed.ok()) return fail(parsed.error().code);
  if (!open_) {
    reply_ = {};
    text_.clear();
    bytes_count_ = 0;
    open_ = true;
  } else if (parsed->code != reply_.code) {
    if (parsed->code / 100 != reply_.code / 100) return fail(Code::kMalformed);
    reply_.mixed_codes = true;
  }
  reply_.code = parsed->code;
  bytes_count_ += line.size() + 2;
  if (++reply_.line_count > kReplyLinesMax || bytes_count_ > kReplyBytesMax) {
    return fail(Code::kTooLong);
  }
  const DsnCode dsn = parse_enhanced_code(parsed->text, parsed->code);
  if (dsn.klass != 0) reply_.dsn = dsn;
  keep_text(line);
  if (!parsed->last) return Status::kNeedMore;
  open_ = false;
  reply_.lines = text_;
  return Status::kReply;
}

void ReplyReader::keep_text(std::string_view line) {
  if (reply_.line_count > 1) {
    if (text_.size() + 1 >= kReplyTextBytesMax) return;
    text_.push_back('\n');
  }
  const size_t kept = text_.size();
  line = line.substr(0, std::min(line.size(), kReplyTextBytesMax - kept));
  text_.resize(kept + line.size());
  copy_printable(line, text_.data() + kept);
}

std::string_view ReplyReader::one_line() noexcept {
  if (reply_.line_count > 1) std::replace(text_.begin(), text_.end(), '\n', ' ');
  return text_;
}

void ReplyReader::reset() noexcept {
  partial_.clear();
  text_.clear();
  reply_ = {};
  bytes_count_ = 0;
  open_ = false;
  error_ = {};
}

}  // namespace barid::smtp
