#include "policy/dkim_signer.h"

#include <memory>
#include <utility>

#include "core/crypto/digest.h"
#include "core/lookup/split.h"
#include "core/text/ascii.h"
#include "dns/name.h"

namespace barid::policy {
namespace {

constexpr Duration kPoolPatience = std::chrono::seconds(5);

constexpr std::pair<std::string_view, MailOrigin> kSources[] = {
    {"mynetworks", MailOrigin::kOwnNetwork},
    {"authenticated", MailOrigin::kAuthenticated},
    {"http", MailOrigin::kHttp},
    {"local", MailOrigin::kLocal},
    {"notices", MailOrigin::kNotice},
    {"notices", MailOrigin::kTlsReport},
    {"foreign", MailOrigin::kForeign},
};

}  // namespace

std::vector<std::string> parse_field_names(std::string_view list, std::string* bad) {
  std::vector<std::string> names;
  for (const std::string_view word : lookup::split_list(list)) {
    const bool good = std::all_of(word.begin(), word.end(), [](char c) {
      return c > ' ' && c < 127 && c != ':' && c != ';';
    });
    if (!good && bad->empty()) *bad = word;
    names.push_back(lookup::lower(word));
  }
  return names;
}

uint32_t parse_dkim_sources(std::string_view list, std::string* bad) {
  uint32_t origins = 0;
  for (const std::string_view word : lookup::split_list(list)) {
    bool known = false;
    for (const auto& [name, origin] : kSources) {
      if (!text::equals_ignore_case(word, name)) continue;
      origins |= 1u << static_cast<unsigned>(origin);
      known = true;
    }
    if (!known && bad->empty()) *bad = word;
  }
  return origins;
}

/// One message being signed.
struct DkimSigner::Work {
  Work(rt::Reactor& reactor, const ContentRef& content)
      : parts(split_message(content->spans(), &scratch)),
        header(split_header(parts.header)),
        bodies(reactor, content, parts.body_offset) {}

  std::string scratch;
  MessageParts parts;
  std::vector<HeaderField> header;
  std::vector<dkim::SignedField> fields;
  BodyHashes bodies;
};

rt::Task<Signing> DkimSigner::sign(const Envelope& envelope, ContentRef content) {
  const std::shared_ptr<const DkimSettings> settings = settings_;  // a reload may come in between
  auto work = std::make_unique<Work>(reactor_, content);
  Signing signing;
  for (const HeaderField& field : work->header) {
    if (!text::equals_ignore_case(field.name, "from")) continue;
    signing.domain = first_domain(field.body());
    break;
  }
  const auto ascii = dns::name_to_ascii(signing.domain);
  if (!ascii || ascii->empty()) co_return Signing{};  // nobody's domain
  signing.domain = *ascii;
  DkimRules::Answer answer = settings->rules.find(signing.domain, envelope.tenant);
  signing.problem = std::move(answer.problem);
  if (answer.rules.empty() && signing.problem.empty()) co_return Signing{};
  work->fields = dkim::choose_fields(work->header, settings->fields);
  for (const DkimRule& rule : answer.rules) {
    if (!signing.problem.empty()) break;
    signing.fields += co_await sign_rule(*work, rule, &signing.problem);
  }
  if (signing.problem.empty()) {
    signing.state = Signing::State::kSigned;
    co_return signing;
  }
  counters_.add(Counter::kDkimFailures);
  signing.fields.clear();
  signing.state = settings->send_unsigned ? Signing::State::kUnsigned : Signing::State::kDeferred;
  co_return signing;
}

/// The field of one rule; `*problem` if there is none.
rt::Task<std::string> DkimSigner::sign_rule(Work& work, const DkimRule& rule,
                                            std::string* problem) {
  const DkimKey key = co_await keys_.get(rule.key_path);
  if (!key.key) {
    *problem = key.problem;
    co_return std::string();
  }
  const std::string body_hash = co_await work.bodies.get(rule.body);
  const int64_t now = unix_seconds(reactor_.wall_now());
  const dkim::SignatureTags tags{
      .algorithm = key.key->type() == crypto::KeyType::kRsa ? dkim::Algorithm::kRsaSha256
                                                            : dkim::Algorithm::kEd25519Sha256,
      .header = rule.header,
      .body = rule.body,
      .domain = rule.domain,
      .selector = rule.selector,
      .identity = rule.identity,
      .signed_at = now,
      .expires_at = rule.lifetime.count() > 0 ? now + rule.lifetime.count() : 0};
  const std::string field = dkim::unsigned_field(tags, work.fields, body_hash);
  std::string data;
  dkim::append_signed_data(data, work.fields, field, rule.header);
  std::string signature = co_await sign_digest(*key.key, crypto::sha256({data}));
  if (signature.empty()) {
    *problem = rule.key_path + ": the key does not sign";
    co_return std::string();
  }
  counters_.add(Counter::kDkimSignatures);
  co_return dkim::finished_field(field, signature);
}

rt::Task<std::string> DkimSigner::sign_digest(crypto::PrivateKey key, std::string digest) {
  if (key.type() == crypto::KeyType::kRsa) {
    Result<std::string> signature = co_await offload_.run(
        [key, digest] { return key.sign(digest); }, reactor_.now() + kPoolPatience);
    if (signature.ok()) co_return *std::move(signature);
    // The pool is full, too slow, or has stopped: that says nothing about the key.
  }
  // Of several that want to sign in one turn, one does; the others come in turn.
  while (turn_of_last_ == reactor_.turns_count()) co_await rt::yield(reactor_);
  turn_of_last_ = reactor_.turns_count();
  co_return key.sign(digest);
}

}  // namespace barid::policy
