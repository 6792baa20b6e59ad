#include "policy/message_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/crypto/digest.h"
#include "core/crypto/private_key.h"
#include "core/text/ascii.h"
#include "core/text/base64.h"
#include "dns/name.h"

namespace barid::policy {
namespace {

/// Whether the record's key may make such a signature (RFC 6376 3.6.1).
bool serves(const dkim::KeyRecord& record, dkim::Algorithm algorithm) {
  const bool is_rsa = algorithm == dkim::Algorithm::kRsaSha256;
  if (record.key_type != (is_rsa ? "rsa" : "ed25519") || !record.for_mail) return false;
  if (record.public_key.empty()) return false;  // revoked
  const auto& hashes = record.hashes;
  return hashes.empty() || std::find(hashes.begin(), hashes.end(), "sha256") != hashes.end();
}

}  // namespace

std::string_view verdict_name(SignatureVerdict verdict) noexcept {
  switch (verdict) {
    case SignatureVerdict::kPass:
      return "pass";
    case SignatureVerdict::kFail:
      return "fail";
    case SignatureVerdict::kPolicy:
      return "policy";
    case SignatureVerdict::kPermError:
      return "permerror";
    case SignatureVerdict::kTempError:
      return "temperror";
  }
  return "permerror";
}

rt::Task<MessageCheck::Key> MessageCheck::key_of(std::string selector, std::string domain) {
  const auto ascii_selector = dns::name_to_ascii(selector);
  const auto ascii_domain = dns::name_to_ascii(domain);
  Key key{.verdict = SignatureVerdict::kPermError, .record = {}};
  if (!ascii_selector || !ascii_domain) co_return key;
  const std::string name = dkim::key_record_name(*ascii_selector, *ascii_domain);
  if (!dns::is_query_name(name)) co_return key;
  if (const auto found = keys_.find(name); found != keys_.end()) co_return found->second;
  const dns::Answer answer = co_await resolver_.query(name, dns::RecordType::kTxt, deadline_);
  if (dns::is_temporary(answer.status)) key.verdict = SignatureVerdict::kTempError;
  for (const std::string& text : answer.texts) {
    dkim::ParsedKeyRecord parsed = dkim::parse_key_record(text);
    if (!parsed.problem.empty()) continue;
    key = {.verdict = SignatureVerdict::kPass, .record = std::move(parsed.record)};
    break;
  }
  keys_[name] = key;
  co_return key;
}

/// One verification a turn: with RSA a thirtieth of a millisecond.
rt::Task<SignatureVerdict> MessageCheck::verify(Signed what, std::string data) {
  const Key key = co_await key_of(std::string(what.selector), std::string(what.domain));
  if (key.verdict != SignatureVerdict::kPass) co_return key.verdict;
  const bool is_own = what.identity_domain.empty() || what.identity_domain == what.domain;
  if (!serves(key.record, what.algorithm) || (key.record.strict_identity && !is_own)) {
    co_return SignatureVerdict::kPermError;
  }
  co_await rt::yield(reactor_);
  const bool is_rsa = what.algorithm == dkim::Algorithm::kRsaSha256;
  if (is_rsa) {
    const unsigned bits = crypto::rsa_bits(key.record.public_key);
    if (bits < kRsaBitsMin || bits > kRsaBitsMax) co_return SignatureVerdict::kPermError;
  }
  const auto type = is_rsa ? crypto::KeyType::kRsa : crypto::KeyType::kEd25519;
  const bool good =
      crypto::verify(type, key.record.public_key, crypto::sha256({data}), what.signature);
  co_return good ? SignatureVerdict::kPass : SignatureVerdict::kFail;
}

rt::Task<SignatureVerdict> MessageCheck::signature(const HeaderField& field,
                                                   const dkim::ReceivedSignature& signature) {
  if (!signature.problem.empty()) co_return SignatureVerdict::kPermError;
  if (signature.expires_at != 0 && signature.expires_at < unix_seconds(reactor_.wall_now())) {
    co_return SignatureVerdict::kPermError;
  }
  if (signature.partial_body) co_return SignatureVerdict::kPolicy;
  const std::string hash = co_await bodies_.get(signature.body);
  if (hash != signature.body_hash) co_return SignatureVerdict::kFail;
  std::string data;
  dkim::append_verified_data(data, header_, signature.names, field, signature.header);
  co_return co_await verify({.algorithm = signature.algorithm,
                             .domain = signature.domain,
                             .selector = signature.selector,
                             .identity_domain = signature.identity_domain,
                             .signature = signature.signature},
                            std::move(data));
}

rt::Task<MessageCheck::Chain> MessageCheck::chain(const arc::ArcChain& chain) {
  if (!chain.exists()) co_return Chain{};
  Chain result{.status = arc::ChainStatus::kFail, .problem = chain.problem};
  if (!result.problem.empty()) co_return result;
  SignatureVerdict verdict = co_await signature(*chain.sets.back().signature, chain.newest);
  // An ARC-Message-Signature of part of the body is one that did not verify.
  if (verdict != SignatureVerdict::kPass) {
    result.temporary = verdict == SignatureVerdict::kTempError;
    result.problem = fmt::format("ARC-Message-Signature of instance {}: {}", chain.sets.size(),
                                 verdict_name(verdict));
    co_return result;
  }
  for (size_t instance = chain.sets.size(); instance > 0; --instance) {
    const arc::Seal& seal = chain.sets[instance - 1].seal;
    std::string data;
    arc::append_sealed_data(data, chain, static_cast<unsigned>(instance));
    verdict = co_await verify({.algorithm = seal.algorithm,
                               .domain = seal.domain,
                               .selector = seal.selector,
                               .identity_domain = {},
                               .signature = seal.signature},
                              std::move(data));
    if (verdict == SignatureVerdict::kPass) continue;
    result.temporary = verdict == SignatureVerdict::kTempError;
    result.problem = fmt::format("ARC-Seal of instance {}: {}", instance, verdict_name(verdict));
    co_return result;
  }
  co_return Chain{.status = arc::ChainStatus::kPass};
}

rt::Task<std::vector<std::string>> MessageCheck::dkim_results() {
  std::vector<std::string> results;
  for (const HeaderField& field : header_) {
    if (!text::equals_ignore_case(field.name, "dkim-signature")) continue;
    if (results.size() == kSignaturesMax) break;
    const dkim::ReceivedSignature parsed =
        dkim::parse_signature(field.body(), dkim::SignatureKind::kDkim);
    const SignatureVerdict verdict = co_await signature(field, parsed);
    std::string text = fmt::format("dkim={}", verdict_name(verdict));
    const auto domain = dns::name_to_ascii(parsed.domain);
    const auto selector = dns::name_to_ascii(parsed.selector);
    if (domain && !domain->empty()) text += " header.d=" + *domain;
    if (selector && !selector->empty()) text += " header.s=" + *selector;
    std::string start;
    text::append_base64(start, std::string_view(parsed.signature).substr(0, 6));
    if (!start.empty()) text += " header.b=\"" + start + "\"";
    results.push_back(std::move(text));
  }
  if (results.empty()) results.emplace_back("dkim=none");
  co_return results;
}

}  // namespace barid::policy
