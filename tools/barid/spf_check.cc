#include "tools/barid/spf_check.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "core/text/ascii.h"
#include "dns/name.h"

namespace barid::tools {
namespace {

constexpr int kLookupsMax = 10;  // RFC 7208 4.6.4

struct Mechanism {
  SpfResult result = SpfResult::kPass;
  std::string_view name;
  std::string_view value;     // behind ':'
  std::string_view prefixes;  // behind '/'
};

Mechanism parse_mechanism(std::string_view term) {
  Mechanism mechanism;
  constexpr std::string_view kQualifiers = "+-~?";
  constexpr SpfResult kResults[] = {SpfResult::kPass, SpfResult::kFail, SpfResult::kSoftFail,
                                    SpfResult::kNeutral};
  const size_t qualifier = kQualifiers.find(term.front());
  if (qualifier != std::string_view::npos) {
    mechanism.result = kResults[qualifier];
    term.remove_prefix(1);
  }
  const size_t end = std::min(term.find_first_of(":/"), term.size());
  mechanism.name = term.substr(0, end);
  term.remove_prefix(end);
  const bool network = text::starts_with_ignore_case(mechanism.name, "ip");
  if (term.starts_with(':')) term.remove_prefix(1);
  const size_t slash = std::min(term.find('/'), term.size());
  mechanism.value = network ? term : term.substr(0, slash);
  if (!network) mechanism.prefixes = term.substr(slash);
  return mechanism;
}

std::optional<uint32_t> parse_prefix(std::string_view text, uint32_t bits) {
  if (text.empty()) return bits;
  uint32_t prefix = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, prefix);
  if (parsed.ec != std::errc() || parsed.ptr != end || prefix > bits) return std::nullopt;
  return prefix;
}

class SpfRun {
 public:
  SpfRun(const lookup::IpAddress& address, AskDns ask) : address_(address), ask_(ask) {}

  SpfVerdict run(const std::string& domain) {
    const dns::Answer answer = ask_(domain, dns::RecordType::kTxt);
    if (dns::is_temporary(answer.status)) return temporary("DNS does not tell");
    std::vector<std::string> records;
    for (const std::string& text : answer.texts) {
      if (text::starts_with_ignore_case(text, "v=spf1") && (text.size() == 6 || text[6] == ' ')) {
        records.push_back(text);
      }
    }
    if (records.empty()) return {};
    if (records.size() > 1) return permanent("there is more than one record");
    SpfVerdict verdict = evaluate(domain, std::string_view(records.front()).substr(6));
    if (verdict.record.empty()) verdict.record = records.front();
    return verdict;
  }

 private:
  static SpfVerdict temporary(std::string why) {
    return {.result = SpfResult::kTemporary, .record = {}, .problem = std::move(why)};
  }
  static SpfVerdict permanent(std::string why) {
    return {.result = SpfResult::kPermanent, .record = {}, .problem = std::move(why)};
  }

  SpfVerdict evaluate(const std::string& domain, std::string_view terms) {
    std::string_view redirect;
    for (std::string_view term; !(term = text::take_word(terms)).empty();) {
      const size_t equals = term.find('=');
      if (equals != std::string_view::npos && equals < term.find(':')) {
        if (text::equals_ignore_case(term.substr(0, equals), "redirect")) {
          redirect = term.substr(equals + 1);
        }
        continue;
      }
      const Mechanism mechanism = parse_mechanism(term);
      const bool hit = matches(mechanism, domain);
      if (!problem_.empty()) return permanent(problem_);
      if (hit) return {.result = mechanism.result, .record = {}, .problem = {}};
    }
    if (redirect.empty()) return {.result = SpfResult::kNeutral, .record = {}, .problem = {}};
    if (!count_lookup()) return permanent(problem_);
    SpfVerdict verdict = run(std::string(redirect));
    if (verdict.result == SpfResult::kNone) return permanent("redirect= leads to no record");
    return verdict;
  }

  bool count_lookup() {
    if (++lookups_count_ <= kLookupsMax) return true;
    problem_ = "it needs more than 10 lookups";
    return false;
  }

  bool matches(const Mechanism& mechanism, const std::string& domain) {
    const auto is = [&](std::string_view name) {
      return text::equals_ignore_case(mechanism.name, name);
    };
    const std::string target(mechanism.value.empty() ? std::string_view(domain) : mechanism.value);
    if (is("all")) return true;
    if (is("ip4") || is("ip6")) return matches_network(mechanism.value);
    if (!is("a") && !is("mx") && !is("include") && !is("exists") && !is("ptr")) {
      problem_ = "unknown mechanism \"" + std::string(mechanism.name) + "\"";
      return false;
    }
    if (!count_lookup() || target.find('%') != std::string::npos) return false;
    if (is("a")) return matches_host(target, mechanism.prefixes);
    if (is("include")) {
      const SpfVerdict verdict = run(target);
      if (verdict.result == SpfResult::kNone) problem_ = "include:" + target + " has no record";
      if (verdict.result == SpfResult::kPermanent) {
        problem_ = "include:" + target + ": " + verdict.problem;
      }
      return verdict.result == SpfResult::kPass;
    }
    if (is("mx")) {
      for (const dns::MxRecord& mx : ask_(target, dns::RecordType::kMx).mx) {
        if (matches_host(mx.host, mechanism.prefixes)) return true;
      }
    }
    if (is("exists")) return ask_(target, dns::RecordType::kA).status == dns::AnswerStatus::kOk;
    return false;
  }

  bool matches_network(std::string_view text) {
    const size_t slash = std::min(text.find('/'), text.size());
    const auto network = lookup::IpAddress::parse(text.substr(0, slash));
    const auto prefix =
        network ? parse_prefix(text.substr(std::min(slash + 1, text.size())), network->bits())
                : std::nullopt;
    if (!prefix) {
      problem_ = "\"" + std::string(text) + "\" is no network";
      return false;
    }
    return network->is_v6 == address_.is_v6 &&
           network->network(*prefix) == address_.network(*prefix);
  }

  bool matches_host(const std::string& host, std::string_view prefixes) {
    const size_t second = std::min(prefixes.find("//"), prefixes.size());
    std::string_view mine = address_.is_v6 ? prefixes.substr(second) : prefixes.substr(0, second);
    while (mine.starts_with('/')) mine.remove_prefix(1);
    const auto prefix = parse_prefix(mine, address_.bits());
    if (!prefix) {
      problem_ = "bad prefix length";
      return false;
    }
    const dns::Answer answer =
        ask_(host, address_.is_v6 ? dns::RecordType::kAaaa : dns::RecordType::kA);
    return std::any_of(answer.addresses.begin(), answer.addresses.end(), [&](const auto& found) {
      const auto ip = lookup::IpAddress::parse(found.ip_text());
      return ip && ip->is_v6 == address_.is_v6 && ip->network(*prefix) == address_.network(*prefix);
    });
  }

  const lookup::IpAddress address_;
  AskDns ask_;
  int lookups_count_ = 0;
  std::string problem_;
};

}  // namespace

std::string_view spf_result_name(SpfResult result) noexcept {
  constexpr std::string_view kNames[] = {"none",    "pass",      "fail",     "softfail",
                                         "neutral", "temperror", "permerror"};
  return kNames[static_cast<size_t>(result)];
}

SpfVerdict check_spf(const std::string& domain, const lookup::IpAddress& address, AskDns ask) {
  return SpfRun(address, ask).run(domain);
}

}  // namespace barid::tools
