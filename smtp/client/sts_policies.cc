#include "smtp/client/sts_policies.h"

#include <fmt/format.h>

#include "core/text/ascii.h"

namespace barid::smtp {
namespace {

constexpr Duration kCheckInterval = std::chrono::minutes(5);
constexpr Duration kFetchPatience = std::chrono::seconds(40);
constexpr size_t kAddressesMax = 8;

WallTime expiry(const StoredStsPolicy& stored, const dns::StsPolicy& policy) {
  return wall_from_micros((stored.fetched_seconds + policy.max_age.count()) * 1'000'000);
}

/// Nothing else may become part of a host name or a file name.
bool is_plain_domain(std::string_view domain) noexcept {
  constexpr text::CharSet kChars = text::kAlnum | text::CharSet("-._");
  return !domain.empty() && domain.size() <= 253 && domain.front() != '.' &&
         kChars.has_all(domain) && domain.find("..") == std::string_view::npos;
}

}  // namespace

rt::Task<const dns::StsPolicy*> StsPolicies::find(std::string domain, MonoTime deadline) {
  std::string key;
  text::append_lower(key, domain);
  if (key.ends_with('.')) key.pop_back();
  if (!is_plain_domain(key)) co_return nullptr;
  const auto known = entries_.find(key);
  if (known == entries_.end() || known->second.check_after <= reactor_.now()) {
    co_await refresh(key, deadline);
  }
  const auto found = entries_.find(key);
  if (found == entries_.end() || !found->second.policy ||
      found->second.expires <= reactor_.wall_now()) {
    co_return nullptr;
  }
  co_return &*found->second.policy;
}

/// A policy that was fetched holds until it expires: whoever can suppress the record or the host
/// must not be able to switch it off (RFC 8461 10.2).
rt::Task<void> StsPolicies::refresh(std::string domain, MonoTime deadline) {
  make_room();
  entries_[domain].check_after = reactor_.now() + kCheckInterval;  // one at a time asks
  const dns::Answer answer =
      co_await resolver_.query("_mta-sts." + domain, dns::RecordType::kTxt, deadline);
  if (!entries_[domain].loaded) co_await load(domain, deadline);
  std::optional<std::string> id;
  if (answer.status == dns::AnswerStatus::kOk) id = dns::parse_sts_record(answer.texts);
  if (!id) co_return;
  const Entry& entry = entries_[domain];
  const bool current =
      entry.policy && entry.id == *id && entry.expires > reactor_.wall_now() + kCheckInterval;
  if (!current) co_await fetch(domain, *std::move(id), deadline);
}

rt::Task<void> StsPolicies::load(std::string domain, MonoTime deadline) {
  const StsSource* source = &source_;
  const auto loaded = co_await offload_.run(
      [source, domain]() -> std::optional<StoredStsPolicy> { return source->load(domain); },
      deadline);
  if (!loaded.ok()) co_return;
  Entry& entry = entries_[domain];
  entry.loaded = true;
  if (!loaded->has_value()) co_return;
  dns::ParsedStsPolicy parsed = dns::parse_sts_policy((*loaded)->text);
  if (!parsed.error.empty()) co_return;
  entry.id = (*loaded)->id;
  entry.expires = expiry(**loaded, parsed.policy);
  entry.policy = std::move(parsed.policy);
}

rt::Task<std::vector<std::string>> StsPolicies::addresses_of(std::string host, MonoTime deadline) {
  std::vector<std::string> texts;
  for (const dns::RecordType type : {dns::RecordType::kA, dns::RecordType::kAaaa}) {
    const dns::Answer answer = co_await resolver_.query(host, type, deadline);
    for (const net::SocketAddress& address : answer.addresses) {
      if (texts.size() < kAddressesMax) texts.push_back(address.ip_text());
    }
  }
  co_return texts;
}

rt::Task<void> StsPolicies::fetch(std::string domain, std::string id, MonoTime deadline) {
  const std::vector<std::string> addresses = co_await addresses_of("mta-sts." + domain, deadline);
  if (addresses.empty()) {
    co_return fail(domain, TlsResult::kStsPolicyFetchError,
                   fmt::format("mta-sts.{} has no address", domain));
  }
  const StsSource* source = &source_;
  const int64_t now = unix_seconds(reactor_.wall_now());
  // What was fetched and is valid is kept by the pool's thread too: the answer may come too late
  // for this delivery, not for the next.
  const auto fetched = co_await offload_.run(
      [source, domain, addresses, id, now]() -> std::optional<FetchedStsPolicy> {
        FetchedStsPolicy got = source->fetch(domain, addresses);
        if (got.error.empty()) {
          got.error = dns::parse_sts_policy(got.text).error;
          got.result = TlsResult::kStsPolicyInvalid;
        }
        if (got.error.empty()) {
          source->store(domain, {.id = id, .fetched_seconds = now, .text = got.text});
        }
        return got;
      },
      std::max(deadline, reactor_.now() + kFetchPatience));
  if (!fetched.ok() || !fetched->has_value()) {
    co_return fail(domain, TlsResult::kStsPolicyFetchError, "the policy was not fetched in time");
  }
  const FetchedStsPolicy& got = **fetched;
  if (!got.error.empty()) {
    co_return fail(domain, got.result, got.error);
  }
  dns::ParsedStsPolicy parsed = dns::parse_sts_policy(got.text);
  Entry& entry = entries_[domain];
  entry.expires = expiry({.id = id, .fetched_seconds = now, .text = {}}, parsed.policy);
  entry.policy = std::move(parsed.policy);
  entry.id = std::move(id);
}

/// What has expired goes first; then what the alphabet says.
void StsPolicies::make_room() {
  if (entries_.size() < kDomainsMax) return;
  const WallTime now = reactor_.wall_now();
  std::erase_if(entries_, [now](const auto& one) { return one.second.expires <= now; });
  if (entries_.size() >= kDomainsMax) entries_.erase(entries_.begin());
}

/// There is no policy, or the old one stays: told to whoever reads the log, and to the domain.
void StsPolicies::fail(const std::string& domain, TlsResult result, const std::string& why) {
  const std::string text = fmt::format("MTA-STS: {}: {}", domain, why);
  log_.write(
      {}, LogNote{.program = LogProgram::kSmtp, .severity = LogSeverity::kWarning, .text = text});
  reports_.add_failure(domain, {.type = TlsPolicyType::kSts, .domain = domain},
                       {.result = result, .mx_host = {}, .reason = why}, reactor_.wall_now());
}

}  // namespace barid::smtp
