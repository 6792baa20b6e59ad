#include "policy/arc_sealer.h"

#include <fmt/format.h>

#include <memory>

#include "core/crypto/digest.h"
#include "core/text/ascii.h"
#include "dns/name.h"
#include "policy/message_check.h"

namespace barid::policy {
namespace {

/// A message in its parts; what they borrow lives here.
struct Taken {
  explicit Taken(ContentRef message) : content(std::move(message)) {
    parts = split_message(content->spans(), &scratch);
    header = split_header(parts.header);
  }
  ContentRef content;
  std::string scratch;
  MessageParts parts;
  std::vector<HeaderField> header;
};

/// "arc=pass smtp.remote-ip=192.0.2.1" (RFC 8617 4.1.1, 10.1).
std::string arc_result(arc::ChainStatus status, const Envelope& envelope) {
  std::string text = fmt::format("arc={}", arc::status_name(status));
  const std::string& address = envelope.client_address;
  const bool quoted = address.find(':') != std::string::npos;
  if (address.empty() || address.find_first_not_of("0123456789abcdefABCDEF.:") != address.npos) {
    return text;
  }
  return text + (quoted ? " smtp.remote-ip=\"" + address + "\"" : " smtp.remote-ip=" + address);
}

}  // namespace

/// What was seen of a message as it came in.
struct ArcSealer::Seen {
  std::unique_ptr<Taken> message;  // what the chain borrows
  arc::ArcChain chain;
  MessageCheck::Chain verdict;
  std::vector<std::string> results;
};

std::string arrival_domain(const Envelope& envelope) {
  if (envelope.recipients.empty()) return {};
  const std::string& address = envelope.recipients.front().address;
  const size_t at = address.rfind('@');
  if (at == std::string::npos) return {};
  const auto ascii = dns::name_to_ascii(std::string_view(address).substr(at + 1));
  return ascii ? dns::normalise_name(*ascii) : std::string();
}

rt::Task<ArcSealer::Seen> ArcSealer::look_at(const Envelope& envelope, ContentRef content) {
  Seen seen;
  seen.message = std::make_unique<Taken>(std::move(content));
  seen.chain = arc::read_chain(seen.message->header);
  if (seen.chain.next_instance() == 0) co_return seen;
  auto bodies = std::make_unique<BodyHashes>(reactor_, seen.message->content,
                                             seen.message->parts.body_offset);
  auto check = std::make_unique<MessageCheck>(reactor_, resolver_, seen.message->header, *bodies,
                                              reactor_.now() + kDnsPatience);
  seen.verdict = co_await check->chain(seen.chain);
  if (seen.verdict.temporary) co_return seen;
  seen.results = co_await check->dkim_results();
  seen.results.push_back(arc_result(seen.verdict.status, envelope));
  co_return seen;
}

rt::Task<Signing> ArcSealer::seal(const Envelope& envelope, Forms forms) {
  const std::shared_ptr<const ArcSettings> settings = settings_;  // a reload may come in between
  Signing signing;
  signing.domain = arrival_domain(envelope);
  if (signing.domain.empty()) co_return Signing{};
  DkimRules::Answer answer = settings->rules.find(signing.domain, envelope.tenant);
  signing.problem = std::move(answer.problem);
  if (answer.rules.empty() && signing.problem.empty()) co_return Signing{};
  if (signing.problem.empty()) {
    const Seen seen = co_await look_at(envelope, forms.received);
    if (seen.chain.next_instance() == 0) co_return Signing{};
    if (seen.verdict.temporary) {  // what is not changed by us need not be sealed by us
      counters_.add(Counter::kArcFailures);
      co_return Signing{.fields = {}, .problem = seen.verdict.problem, .domain = signing.domain};
    }
    signing.fields =
        co_await make_set(*settings, forms, answer.rules.front(), seen, &signing.problem);
  }
  if (signing.problem.empty()) {
    counters_.add(Counter::kArcSeals);
    signing.state = Signing::State::kSigned;
    co_return signing;
  }
  counters_.add(Counter::kArcFailures);
  signing.fields.clear();
  signing.state = settings->send_unsealed ? Signing::State::kUnsigned : Signing::State::kDeferred;
  co_return signing;
}

/// The three fields; `*problem` if there are none.
rt::Task<std::string> ArcSealer::make_set(const ArcSettings& settings, const Forms& forms,
                                          const DkimRule& rule, const Seen& seen,
                                          std::string* problem) {
  const DkimKey key = co_await signer_.keys().get(rule.key_path);
  if (!key.key) {
    *problem = key.problem;
    co_return std::string();
  }
  auto sent = std::make_unique<Taken>(forms.sent);
  std::vector<HeaderField> header = split_header(forms.own_fields);
  header.insert(header.end(), sent->header.begin(), sent->header.end());
  auto bodies = std::make_unique<BodyHashes>(reactor_, sent->content, sent->parts.body_offset);
  const std::string body_hash = co_await bodies->get(rule.body);

  const unsigned instance = seen.chain.next_instance();
  const int64_t now = unix_seconds(reactor_.wall_now());
  const auto algorithm = key.key->type() == crypto::KeyType::kRsa ? dkim::Algorithm::kRsaSha256
                                                                  : dkim::Algorithm::kEd25519Sha256;
  const std::string results = arc::results_field(instance, settings.host_name, seen.results);
  const auto fields = dkim::choose_fields(header, settings.fields);
  const std::string unsigned_message = dkim::unsigned_field({.algorithm = algorithm,
                                                             .header = rule.header,
                                                             .body = rule.body,
                                                             .domain = rule.domain,
                                                             .selector = rule.selector,
                                                             .identity = {},
                                                             .signed_at = now,
                                                             .arc_instance = instance},
                                                            fields, body_hash);
  std::string data;
  dkim::append_signed_data(data, fields, unsigned_message, rule.header);
  std::string signature = co_await signer_.sign_digest(*key.key, crypto::sha256({data}));
  const std::string message_signature = dkim::finished_field(unsigned_message, signature);

  const std::string seal = arc::unsigned_seal({.instance = instance,
                                               .algorithm = algorithm,
                                               .status = seen.verdict.status,
                                               .domain = rule.domain,
                                               .selector = rule.selector,
                                               .signed_at = now});
  data.clear();
  arc::append_new_sealed_data(data, seen.chain, seen.verdict.status, results, message_signature,
                              seal);
  const std::string seal_signature = co_await signer_.sign_digest(*key.key, crypto::sha256({data}));
  if (signature.empty() || seal_signature.empty()) {
    *problem = rule.key_path + ": the key does not sign";
    co_return std::string();
  }
  co_return dkim::finished_field(seal, seal_signature) + message_signature + results;
}

}  // namespace barid::policy
