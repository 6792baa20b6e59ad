#include "shard/queue/message_filter.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/config/values.h"
#include "core/text/ascii.h"
#include "shard/queue/queue_key.h"

namespace barid::queue {
namespace {

constexpr size_t kValueBytesMax = 1024;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = text::to_lower(c);
  return out;
}

bool contains_ignore_case(std::string_view text, std::string_view lower_part) noexcept {
  const auto found = std::search(text.begin(), text.end(), lower_part.begin(), lower_part.end(),
                                 [](char a, char b) { return text::to_lower(a) == b; });
  return found != text.end();
}

std::string_view domain_of(std::string_view address) noexcept {
  const size_t at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view() : address.substr(at + 1);
}

/// `wanted` is an address, or "@" and a domain.
bool address_matches(std::string_view address, std::string_view wanted) noexcept {
  if (!wanted.starts_with('@')) return text::equals_ignore_case(address, wanted);
  return text::equals_ignore_case(domain_of(address), wanted.substr(1));
}

bool is_address(std::string_view value) noexcept {
  const size_t at = value.rfind('@');
  return at != std::string_view::npos && at + 1 < value.size();
}

/// Whether mail could have it as a domain or an address literal, UTF-8 included.
bool is_domain(std::string_view value) noexcept {
  constexpr text::CharSet kAllowed = text::kAlnum | text::CharSet("-_.:[]");
  return std::all_of(value.begin(), value.end(), [&](char c) {
    return kAllowed.has(c) || static_cast<unsigned char>(c) >= 0x80;
  });
}

constexpr uint8_t bit(QueueName queue) noexcept {
  return static_cast<uint8_t>(1u << static_cast<unsigned>(queue));
}

std::optional<QueueName> find_state(std::string_view name) noexcept {
  for (const QueueName queue : {QueueName::kMaildrop, QueueName::kActive, QueueName::kIncoming,
                                QueueName::kDeferred, QueueName::kHold}) {
    if (name == queue_name(queue)) return queue;
  }
  return std::nullopt;
}

std::string bad(std::string_view name, std::string_view value, std::string_view right) {
  return fmt::format("{} \"{}\": {}", name, value, right);
}

}  // namespace

QueueName queue_of(const Message& message, bool in_memory) noexcept {
  if (message.hold) return QueueName::kHold;
  if (in_memory) return QueueName::kActive;
  // Deferred without an attempt, for its site is dead: that has a reason too.
  const bool has_reason =
      std::any_of(message.status.begin(), message.status.end(),
                  [](const RecipientStatus& one) { return !one.reason.empty(); });
  return message.attempts == 0 && !has_reason ? QueueName::kIncoming : QueueName::kDeferred;
}

std::string MessageFilter::add(std::string_view name, std::string_view value) {
  if (value.size() > kValueBytesMax) {
    return fmt::format("{}: a value has at most {} bytes", name, kValueBytesMax);
  }
  any_ = true;
  if (name == "sender") {
    if (value == "<>" || value == "MAILER-DAEMON") {
      sender_ = "";
    } else if (is_address(value)) {
      sender_ = lower(value);
    } else {
      return bad(name, value, "an address, @ and a domain, or <> for the null sender");
    }
    return {};
  }
  if (name == "tenant") {
    tenant_ = value;
    return {};
  }
  if (value.empty()) return fmt::format("{}: the value is empty", name);
  if (name == "recipient") {
    if (!is_address(value)) return bad(name, value, "an address, or @ and a domain");
    recipient_ = lower(value);
  } else if (name == "domain") {
    if (!is_domain(value)) return bad(name, value, "a domain, without @");
    domain_ = lower(value);
  } else if (name == "site") {
    site_ = lower(value);
  } else if (name == "stream") {
    if (value != "bulk" && value != "transactional") {
      return bad(name, value, "transactional or bulk");
    }
    stream_ = value == "bulk" ? Stream::kBulk : Stream::kTransactional;
  } else if (name == "state") {
    const auto state = find_state(value);
    if (!state) return bad(name, value, "maildrop, active, incoming, deferred or hold");
    states_ = static_cast<uint8_t>((states_given_ ? states_ : 0) | bit(*state));
    states_given_ = true;
  } else if (name == "older-than") {
    const auto age = config::parse_time(value, 's');
    if (!age) return bad(name, value, "a number and s, m, h, d or w, such as 30m");
    older_than_ = *age;
  } else if (name == "reason") {
    reason_ = lower(value);
  } else {
    return fmt::format("there is no filter \"{}\"", name);
  }
  return {};
}

bool MessageFilter::restrict_states(std::initializer_list<QueueName> names) noexcept {
  uint8_t allowed = 0;
  for (const QueueName name : names) allowed |= bit(name);
  states_ &= allowed;
  return states_ != 0;
}

bool MessageFilter::matches(const Message& message, QueueName state, WallTime now) const {
  if ((states_ & bit(state)) == 0) return false;
  if (stream_ && message.envelope.stream != *stream_) return false;
  if (tenant_ && message.envelope.tenant != *tenant_) return false;
  if (older_than_ && now - message.arrival < *older_than_) return false;
  if (sender_) {
    const bool same = sender_->empty() ? message.envelope.sender.empty()
                                       : address_matches(message.envelope.sender, *sender_);
    if (!same) return false;
  }
  return recipients_match(message);
}

bool MessageFilter::site_matches(const Message& message, std::string_view domain) const {
  const std::string name = lower(domain);
  if (name == site_ || site_members_.contains(name)) return true;
  for (const std::string& key : message.filed_under) {
    const auto queue = parse_queue_key(key);
    if (!queue) continue;
    const std::string nexthop(queue->destination.substr(queue->destination.find(':') + 1));
    if (nexthop == site_ || site_members_.contains(nexthop)) return true;
  }
  return false;
}

bool MessageFilter::recipients_match(const Message& message) const {
  if (recipient_.empty() && domain_.empty() && site_.empty() && reason_.empty()) return true;
  for (size_t i = 0; i < message.status.size(); ++i) {
    const RecipientStatus& status = message.status[i];
    const bool open =
        status.state == RecipientState::kPending || status.state == RecipientState::kFailed;
    if (!open) continue;
    const std::string& address = message.envelope.recipients[i].address;
    const std::string_view domain = domain_of(address);
    if (!recipient_.empty() && !address_matches(address, recipient_)) continue;
    if (!domain_.empty() && !text::equals_ignore_case(domain, domain_)) continue;
    if (!reason_.empty() && !contains_ignore_case(status.reason, reason_)) continue;
    if (!site_.empty() && !site_matches(message, domain)) continue;
    return true;
  }
  return false;
}

}  // namespace barid::queue
