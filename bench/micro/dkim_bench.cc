// Cost of DKIM: canonical form and hash of bodies, a whole signature, and where it is made.
// Gates: canonical form and hash of a body at least 1 GB/s a core, in either form; messages signed
// with RSA-2048 at least 85 % of what `openssl speed rsa2048` signs.
#include <benchmark/benchmark.h>

#include <string>

#include "core/base/assert.h"
#include "core/crypto/digest.h"
#include "core/crypto/private_key.h"
#include "core/mail/dkim_signature.h"
#include "core/mem/content.h"
#include "shard/runtime/clock.h"
#include "shard/runtime/epoll_backend.h"
#include "shard/runtime/offload.h"
#include "shard/runtime/scope.h"

namespace {

using namespace barid;

class HashSink final : public dkim::ByteSink {
 public:
  void take(std::string_view bytes) override { digest.add(bytes); }
  crypto::Sha256 digest;
};

/// A message of lines of prose; `blanks`: with indented lines and blanks at their ends.
ContentRef message_of(size_t bytes, bool blanks) {
  ContentRef content = ContentRef::make();
  content->append(
      "Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\nFrom: Sender <a@example.com>\r\n"
      "To: Somebody <b@example.net>\r\nSubject: An ordinary subject\r\nDate: Thu, 1 Jan 2026 "
      "00:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n\r\n");
  while (content->size() < bytes) {
    content->append(blanks
                        ? "    <td class=x>  words and  words in a table that is indented \r\n"
                        : "words that stand in a line of text as it is found in many a mail\r\n");
  }
  return content;
}

std::string hash_body(const Content& content, uint64_t skip, dkim::Canonical form) {
  HashSink sink;
  dkim::BodyCanonicalizer body(form, sink);
  for (std::string_view span : content.spans()) {
    const size_t skipped = std::min<uint64_t>(skip, span.size());
    skip -= skipped;
    body.add(span.substr(skipped));
  }
  body.finish();
  return sink.digest.finish();
}

void hash_bodies(benchmark::State& state) {
  const auto form = state.range(1) != 0 ? dkim::Canonical::kRelaxed : dkim::Canonical::kSimple;
  const ContentRef content = message_of(static_cast<size_t>(state.range(0)), state.range(2) != 0);
  for (auto _ : state) benchmark::DoNotOptimize(hash_body(*content, 300, form));
  state.SetBytesProcessed(static_cast<int64_t>(content->size()) * state.iterations());
}
BENCHMARK(hash_bodies)
    ->ArgNames({"bytes", "relaxed", "blanks"})
    ->Args({5 << 10, 0, 0})
    ->Args({5 << 10, 1, 0})
    ->Args({1 << 20, 0, 0})
    ->Args({1 << 20, 1, 0})
    ->Args({1 << 20, 1, 1});

std::string sign_message(const Content& content, const crypto::PrivateKey& key) {
  std::string scratch;
  const MessageParts parts = split_message(content.spans(), &scratch);
  const auto header = split_header(parts.header);
  static const dkim::FieldChoice kChoice{
      .oversigned = {"from", "to", "cc", "subject", "date", "reply-to", "message-id",
                     "mime-version", "content-type", "content-transfer-encoding"},
      .others = {"sender", "in-reply-to", "references", "list-id", "list-unsubscribe"}};
  const auto fields = dkim::choose_fields(header, kChoice);
  const std::string field = dkim::unsigned_field(
      {.domain = "example.com", .selector = "s2026", .identity = {}, .signed_at = 1'767'225'600},
      fields, hash_body(content, parts.body_offset, dkim::Canonical::kRelaxed));
  std::string data;
  dkim::append_signed_data(data, fields, field, dkim::Canonical::kRelaxed);
  return dkim::finished_field(field, key.sign(crypto::sha256({data})));
}

void sign_messages(benchmark::State& state) {
  const auto bits = static_cast<unsigned>(state.range(0));
  const auto key = crypto::PrivateKey::generate(
      bits == 0 ? crypto::KeyType::kEd25519 : crypto::KeyType::kRsa, bits);
  const ContentRef content = message_of(5 << 10, false);
  for (auto _ : state) benchmark::DoNotOptimize(sign_message(*content, *key));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(sign_messages)->ArgName("rsa_bits")->Arg(2048)->Arg(4096)->Arg(0);

rt::Task<void> sign_elsewhere(rt::Offload& offload, const crypto::PrivateKey& key,
                              std::string digest, MonoTime deadline) {
  const Result<std::string> signature =
      co_await offload.run([key, digest] { return key.sign(digest); }, deadline);
  BARID_ASSERT(signature.ok());
}

/// 64 signatures: here, or on the offload pool's threads. Real time, since the work moves.
void sign_where(benchmark::State& state) {
  constexpr int kBatch = 64;
  const auto key = crypto::PrivateKey::generate(crypto::KeyType::kRsa, 2048);
  const std::string digest = crypto::sha256({"what is signed"});
  rt::SystemClock clock;
  const auto io = *rt::make_epoll_backend();
  rt::Reactor reactor(clock, *io, 1);
  rt::OffloadPool pool(static_cast<unsigned>(std::max<int64_t>(state.range(0), 1)), 1024);
  rt::ShardOffload offload(reactor, pool);
  rt::Scope scope(reactor);
  for (auto _ : state) {
    if (state.range(0) == 0) {
      for (int i = 0; i < kBatch; ++i) benchmark::DoNotOptimize(key->sign(digest));
      continue;
    }
    reactor.refresh_clock();
    const MonoTime deadline = reactor.now() + std::chrono::seconds(60);
    for (int i = 0; i < kBatch; ++i) scope.spawn(sign_elsewhere(offload, *key, digest, deadline));
    while (scope.tasks_count() > 0) reactor.turn(std::chrono::milliseconds(100));
  }
  state.SetItemsProcessed(kBatch * state.iterations());
}
BENCHMARK(sign_where)->ArgName("offload_threads")->Arg(0)->Arg(1)->Arg(4)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
