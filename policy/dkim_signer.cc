#include "policy/dkim_signer.h"

#include <memory>
#include <utility>

#include "core/crypto/digest.h"
#include "core/lookup/split.h"
#include "core/text/ascii.h"
#include "dns/name.h"

namespace barid::policy {
namespace {

constexpr size_t kHashBytesPerTurn = size_t{256} << 10;
constexpr unsigned kBitsOnShardMax = 2048;  // RSA: a fifth of a millisecond
constexpr Duration kSignPatience = std::chrono::seconds(30);

class HashSink final : public dkim::ByteSink {
 public:
  void take(std::string_view bytes) override { digest_.add(bytes); }
  std::string finish() { return digest_.finish(); }

 private:
  crypto::Sha256 digest_;
};

struct BodyHash {
  explicit BodyHash(dkim::Canonical form) : body(form, sink) {}
  HashSink sink;
  dkim::BodyCanonicalizer body;
};

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
  ContentRef content;
  std::string scratch;
  MessageParts parts;
  std::vector<HeaderField> header;
  std::vector<dkim::SignedField> fields;
  std::array<std::optional<std::string>, 2> body_hashes;  // by Canonical
};

rt::Task<Signing> DkimSigner::sign(const Envelope& envelope, ContentRef content) {
  auto work = std::make_unique<Work>();
  work->content = std::move(content);
  work->parts = split_message(work->content->spans(), &work->scratch);
  work->header = split_header(work->parts.header);
  Signing signing;
  for (const HeaderField& field : work->header) {
    if (!text::equals_ignore_case(field.name, "from")) continue;
    signing.domain = first_domain(field.body());
    break;
  }
  const auto ascii = dns::name_to_ascii(signing.domain);
  if (!ascii || ascii->empty()) co_return Signing{};  // nobody's domain
  signing.domain = *ascii;
  DkimRules::Answer answer = settings_.rules.find(signing.domain, envelope.tenant);
  signing.problem = std::move(answer.problem);
  if (answer.rules.empty() && signing.problem.empty()) co_return Signing{};
  work->fields = dkim::choose_fields(work->header, settings_.fields);
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
  signing.state = settings_.send_unsigned ? Signing::State::kUnsigned : Signing::State::kDeferred;
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
  co_await hash_body(work, rule.body);
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
  const std::string field =
      dkim::unsigned_field(tags, work.fields, *work.body_hashes[static_cast<size_t>(rule.body)]);
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

rt::Task<void> DkimSigner::hash_body(Work& work, dkim::Canonical form) {
  std::optional<std::string>& hash = work.body_hashes[static_cast<size_t>(form)];
  if (hash) co_return;
  auto state = std::make_unique<BodyHash>(form);
  uint64_t skip = work.parts.body_offset;
  size_t in_this_turn = 0;
  for (size_t i = 0; i < work.content->spans().size(); ++i) {
    std::string_view span = work.content->spans()[i];
    const size_t skipped = std::min<uint64_t>(skip, span.size());
    skip -= skipped;
    span.remove_prefix(skipped);
    state->body.add(span);
    in_this_turn += span.size();
    if (in_this_turn < kHashBytesPerTurn) continue;
    in_this_turn = 0;
    co_await rt::yield(reactor_);
  }
  state->body.finish();
  hash = state->sink.finish();
}

/// Of several that want to sign in one turn, one does; the others come in turn.
rt::Task<std::string> DkimSigner::sign_digest(const crypto::PrivateKey& key, std::string digest) {
  if (key.type() == crypto::KeyType::kRsa && key.bits() > kBitsOnShardMax) {
    Result<std::string> signature = co_await offload_.run(
        [key, digest] { return key.sign(digest); }, reactor_.now() + kSignPatience);
    co_return signature.ok() ? *std::move(signature) : std::string();
  }
  while (turn_of_last_ == reactor_.turns_count()) co_await rt::yield(reactor_);
  turn_of_last_ = reactor_.turns_count();
  co_return key.sign(digest);
}

}  // namespace barid::policy
