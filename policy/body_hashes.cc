#include "policy/body_hashes.h"

#include <algorithm>
#include <memory>

#include "core/crypto/digest.h"

namespace barid::policy {
namespace {

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

}  // namespace

rt::Task<std::string> BodyHashes::get(dkim::Canonical form) {
  std::optional<std::string>& hash = hashes_[static_cast<size_t>(form)];
  if (hash) co_return *hash;
  auto state = std::make_unique<BodyHash>(form);
  uint64_t skip = body_offset_;
  size_t in_this_turn = 0;
  for (size_t i = 0; i < content_->spans().size(); ++i) {
    std::string_view span = content_->spans()[i];
    const size_t skipped = std::min<uint64_t>(skip, span.size());
    skip -= skipped;
    span.remove_prefix(skipped);
    state->body.add(span);
    in_this_turn += span.size();
    if (in_this_turn < kBytesPerTurn) continue;
    in_this_turn = 0;
    co_await rt::yield(reactor_);
  }
  state->body.finish();
  hash = state->sink.finish();
  co_return *hash;
}

}  // namespace barid::policy
