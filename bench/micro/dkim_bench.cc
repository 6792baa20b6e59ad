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

/// Lines of the sorts of text that mail is made of.
enum Text : int64_t { kProse, kTable, kCode, kQuotedPrintable, kBase64, kHtml, kTextCount };

std::string_view text_name(int64_t text) {
  constexpr std::string_view kNames[kTextCount] = {
      "prose", "indented, blanks at ends", "code", "quoted-printable", "base64", "HTML"};
  return kNames[text];
}

std::string_view lines_of(int64_t text) {
  constexpr std::string_view kLines[kTextCount] = {
      "words that stand in a line of text as it is found in many a mail\r\n",
      "    <td class=x>  words and  words in a table that is indented \r\n",
      "int main(int argc, char** argv) {\r\n\tfor (int i = 1; i < argc; ++i) {\r\n"
      "\t\tif (is_option(argv[i])) {\r\n\t\t\tcontinue;\t\t// later\r\n\t\t}\r\n\t}\r\n"
      "    return 0;\r\n}\r\n\r\n",
      "Gr=C3=BC=C3=9Fe aus M=C3=BCnchen, und nun folgt ein Satz, der l=C3=A4nger=\r\n"
      " ist als eine Zeile; er endet mit einem Leerzeichen.=20\r\n",
      "TG9yZW0gaXBzdW0gZG9sb3Igc2l0IGFtZXQsIGNvbnNlY3RldHVyIGFkaXBpc2NpbmcgZWxpdCwg\r\n",
      "<table width=\"600\">\r\n  <tr>\r\n    <td style=\"padding: 8px\">\r\n      <a "
      "href=\"https://example.com/a?b=c\">Read more of it</a>\r\n    </td>\r\n  </tr>\r\n"
      "</table>\r\n"};
  return kLines[text];
}

ContentRef message_of(size_t bytes, int64_t text) {
  ContentRef content = ContentRef::make();
  content->append(
      "Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\nFrom: Sender <a@example.com>\r\n"
      "To: Somebody <b@example.net>\r\nSubject: An ordinary subject\r\nDate: Thu, 1 Jan 2026 "
      "00:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n\r\n");
  while (content->size() < bytes) content->append(lines_of(text));
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
  const ContentRef content = message_of(static_cast<size_t>(state.range(0)), state.range(2));
  state.SetLabel(std::string(text_name(state.range(2))));
  for (auto _ : state) benchmark::DoNotOptimize(hash_body(*content, 300, form));
  state.SetBytesProcessed(static_cast<int64_t>(content->size()) * state.iterations());
}
BENCHMARK(hash_bodies)
    ->ArgNames({"bytes", "relaxed", "text"})
    ->ArgsProduct({{5 << 10, 1 << 20}, {0, 1}, benchmark::CreateDenseRange(0, kTextCount - 1, 1)});

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
  const ContentRef content = message_of(5 << 10, kProse);
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
