#include "dns/scripted_resolver.h"

#include <fmt/format.h>

#include "core/text/ascii.h"
#include "core/text/cursor.h"
#include "dns/name.h"
#include "shard/runtime/event.h"

namespace barid::dns {
namespace {

constexpr uint16_t kAnyType = 0;
constexpr uint16_t kCname = 5;
constexpr int kCnameStepsMax = 8;
constexpr std::chrono::seconds kDefaultTtl{300};

constexpr AnswerStatus kScriptable[] = {
    AnswerStatus::kNoData,    AnswerStatus::kNxDomain,  AnswerStatus::kServFail,
    AnswerStatus::kTimeout,   AnswerStatus::kMalformed, AnswerStatus::kBogus,
    AnswerStatus::kExhausted,
};

std::optional<AnswerStatus> parse_status(std::string_view word) noexcept {
  for (const AnswerStatus status : kScriptable) {
    if (word == answer_status_name(status)) return status;
  }
  return std::nullopt;
}

/// "250ms", "2s", "10m", "1h", "3d"; a bare number is seconds.
std::optional<Duration> parse_duration(std::string_view word) noexcept {
  text::Cursor in(word);
  const auto count = static_cast<int64_t>(in.number(1'000'000'000));
  const std::string_view unit = in.rest();
  if (in.failed()) return std::nullopt;
  if (unit == "ms") return std::chrono::milliseconds(count);
  if (unit.empty() || unit == "s") return std::chrono::seconds(count);
  if (unit == "m") return std::chrono::minutes(count);
  if (unit == "h") return std::chrono::hours(count);
  if (unit == "d") return std::chrono::hours(24 * count);
  return std::nullopt;
}

std::optional<std::string> parse_hex(std::string_view digits) {
  if (digits.empty() || digits.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < digits.size(); ++i) {
    const char c = text::to_lower(digits[i]);
    const bool letter = c >= 'a' && c <= 'f';
    if (!letter && !text::is_digit(c)) return std::nullopt;
    const int value = letter ? c - 'a' + 10 : c - '0';
    if (i % 2 == 0) {
      bytes += static_cast<char>(value << 4);
    } else {
      bytes.back() = static_cast<char>(bytes.back() | value);
    }
  }
  return bytes;
}

std::optional<uint64_t> parse_number(std::string_view word, uint64_t max) noexcept {
  text::Cursor in(word);
  const uint64_t value = in.number(max);
  if (in.failed() || !in.at_end()) return std::nullopt;
  return value;
}

/// The parse_… functions add what `rest` says to `answer`; they return what is wrong, or null.
const char* parse_addresses(std::string_view rest, RecordType type, Answer& answer) {
  const int family = type == RecordType::kA ? AF_INET : AF_INET6;
  for (std::string_view word = text::take_word(rest); !word.empty(); word = text::take_word(rest)) {
    const auto address = net::SocketAddress::from_ip(word, 0);
    if (!address || address->family() != family) return "not an address of this type";
    answer.addresses.push_back(*address);
  }
  return answer.addresses.empty() ? "an address is missing" : nullptr;
}

const char* parse_mx(std::string_view rest, Answer& answer) {
  const auto preference = parse_number(text::take_word(rest), 65535);
  std::string_view host = text::take_word(rest);
  if (!preference || host.empty() || !text::trim(rest).empty()) return "MX needs PREFERENCE HOST";
  if (host.ends_with('.')) host.remove_suffix(1);
  answer.mx.push_back({static_cast<uint16_t>(*preference), std::string(host)});
  return nullptr;
}

const char* parse_tlsa(std::string_view rest, Answer& answer) {
  const auto usage = parse_number(text::take_word(rest), 255);
  const auto selector = parse_number(text::take_word(rest), 255);
  const auto matching = parse_number(text::take_word(rest), 255);
  const auto data = parse_hex(text::trim(rest));
  if (!usage || !selector || !matching || !data) return "TLSA needs USAGE SELECTOR MATCHING HEX";
  answer.tlsa.push_back({static_cast<uint8_t>(*usage), static_cast<uint8_t>(*selector),
                         static_cast<uint8_t>(*matching), *data});
  return nullptr;
}

const char* parse_data(std::string_view rest, RecordType type, Answer& answer) {
  rest = text::trim(rest);
  if (rest.empty()) return "the data is missing";
  switch (type) {
    case RecordType::kA:
    case RecordType::kAaaa:
      return parse_addresses(rest, type, answer);
    case RecordType::kMx:
      return parse_mx(rest, answer);
    case RecordType::kTlsa:
      return parse_tlsa(rest, answer);
    case RecordType::kPtr:
      if (rest.ends_with('.')) rest.remove_suffix(1);
      answer.names.emplace_back(rest);
      return nullptr;
    case RecordType::kTxt:
      if (rest.size() >= 2 && rest.front() == '"' && rest.back() == '"') {
        rest = rest.substr(1, rest.size() - 2);
      }
      answer.texts.emplace_back(rest);
      return nullptr;
  }
  return "this type has no data";
}

std::string_view without_comment(std::string_view line) noexcept {
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') quoted = !quoted;
    if (line[i] == '#' && !quoted) return line.substr(0, i);
  }
  return line;
}

}  // namespace

class ScenarioParser {
 public:
  explicit ScenarioParser(DnsScenario& scenario) : steps_(scenario.steps_) {
    steps_.emplace_back();
  }

  /// What is wrong with the line, or null.
  const char* take_line(std::string_view line) {
    line = text::trim(without_comment(line));
    const std::string_view first = text::take_word(line);
    if (first.empty()) return nullptr;
    return first == "at" ? take_step(line) : take_entry(first, line);
  }

 private:
  const char* take_step(std::string_view rest) {
    const auto starts_at = parse_duration(text::trim(rest));
    if (!starts_at) return "\"at\" needs a time, e.g. 10m";
    if (*starts_at <= steps_.back().starts_at) return "steps must go forward in time";
    steps_.push_back({.starts_at = *starts_at, .entries = {}});
    return nullptr;
  }

  const char* take_entry(std::string_view name, std::string_view rest) {
    if (!is_query_name(name)) return "not a domain name";
    const std::string_view type_word = text::take_word(rest);
    const auto type = parse_record_type(type_word);
    const bool cname = text::equals_ignore_case(type_word, "CNAME");
    if (!type && !cname && type_word != "*") return "unknown record type";
    const uint16_t number = type ? static_cast<uint16_t>(*type) : cname ? kCname : kAnyType;
    const auto [found, fresh] =
        steps_.back().entries.try_emplace(DnsScenario::Key(normalise_name(name), number));
    DnsScenario::Entry& entry = found->second;
    Answer& answer = entry.reply.answer;
    if (fresh) answer.ttl = kDefaultTtl;
    if (const char* problem = take_options(rest, entry.reply)) return problem;

    std::string_view peek = rest;
    if (const auto status = parse_status(text::take_word(peek)); status && peek.empty() && !cname) {
      if (!fresh) return "an outcome and other entries for one name and type";
      answer.status = *status;
      if (*status == AnswerStatus::kBogus) answer.validation = Validation::kBogus;
      return nullptr;
    }
    if (!fresh && answer.status != AnswerStatus::kOk) {
      return "an outcome and other entries for one name and type";
    }
    answer.status = AnswerStatus::kOk;
    if (cname) {
      entry.cname = normalise_name(text::trim(rest));
      return is_query_name(entry.cname) ? nullptr : "CNAME needs a domain name";
    }
    return type ? parse_data(rest, *type, answer) : "\"*\" needs an outcome";
  }

  static const char* take_options(std::string_view& rest, DnsScenario::Reply& reply) {
    for (;;) {
      std::string_view after = rest;
      const std::string_view word = text::take_word(after);
      if (word == "secure") {
        reply.answer.validation = Validation::kSecure;
      } else if (word.starts_with("ttl=")) {
        const auto ttl = parse_duration(word.substr(4));
        if (!ttl) return "\"ttl=\" needs a time";
        reply.answer.ttl = std::chrono::floor<std::chrono::seconds>(*ttl);
      } else if (word.starts_with("delay=")) {
        const auto delay = parse_duration(word.substr(6));
        if (!delay) return "\"delay=\" needs a time";
        reply.delay = *delay;
      } else {
        return nullptr;
      }
      rest = after;
    }
  }

  std::vector<DnsScenario::Step>& steps_;
};

ParsedScenario parse_dns_scenario(std::string_view text) {
  ParsedScenario parsed{.scenario = DnsScenario(), .error = {}};
  ScenarioParser parser(*parsed.scenario);
  for (size_t line_number = 1; !text.empty(); ++line_number) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (const char* problem = parser.take_line(line)) {
      return ParsedScenario{.scenario = std::nullopt,
                            .error = fmt::format("line {}: {}", line_number, problem)};
    }
  }
  return parsed;
}

const DnsScenario::Entry* DnsScenario::find_entry(const std::string& name, RecordType type,
                                                  Duration elapsed) const {
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    if (step->starts_at > elapsed) continue;
    for (const uint16_t number : {static_cast<uint16_t>(type), kCname, kAnyType}) {
      const auto found = step->entries.find(Key(name, number));
      if (found != step->entries.end()) return &found->second;
    }
  }
  return nullptr;
}

bool DnsScenario::exists(const std::string& name, Duration elapsed) const {
  for (const Step& step : steps_) {
    const auto first = step.entries.lower_bound(Key(name, 0));
    const bool here = first != step.entries.end() && first->first.first == name;
    if (step.starts_at <= elapsed && here) return true;
  }
  return false;
}

DnsScenario::Reply DnsScenario::find(std::string_view name, RecordType type,
                                     Duration elapsed) const {
  std::string current = normalise_name(name);
  Duration delay{};
  for (int i = 0; i < kCnameStepsMax; ++i) {
    const Entry* entry = find_entry(current, type, elapsed);
    if (entry != nullptr && !entry->cname.empty()) {
      delay += entry->reply.delay;
      current = entry->cname;
      continue;
    }
    Reply reply;
    if (entry != nullptr) {
      reply = entry->reply;
    } else {
      const bool known = exists(current, elapsed);
      reply.answer = answer_of(known ? AnswerStatus::kNoData : AnswerStatus::kNxDomain);
      reply.answer.ttl = kDefaultTtl;
    }
    reply.delay += delay;
    if (i > 0) reply.answer.canonical_name = current;
    return reply;
  }
  return Reply{.answer = answer_of(AnswerStatus::kServFail), .delay = delay};
}

rt::Task<Answer> ScriptedResolver::query(std::string name, RecordType type, MonoTime deadline) {
  ++queries_count_;
  const MonoTime asked_at = reactor_.now();
  DnsScenario::Reply reply = scenario_.find(name, type, asked_at - started_at_);
  const bool never = reply.answer.status == AnswerStatus::kTimeout;
  if (never || asked_at + reply.delay > deadline) {
    co_await rt::Sleep(reactor_, deadline);
    co_return answer_of(AnswerStatus::kTimeout);
  }
  if (reply.delay > Duration::zero()) co_await rt::Sleep(reactor_, asked_at + reply.delay);
  co_return std::move(reply.answer);
}

}  // namespace barid::dns
