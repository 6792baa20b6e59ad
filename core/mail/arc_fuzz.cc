// Any bytes as a header with a chain: what is read as whole has whole sets; a set that is added to
// it is read as one more, and the bytes of every seal can be made. Signatures: an emptied b= stays.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/mail/arc_chain.h"
#include "core/mail/tag_list.h"

namespace {

using namespace barid;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_signature(const HeaderField& field, std::span<const HeaderField> header) {
  for (const auto kind : {dkim::SignatureKind::kDkim, dkim::SignatureKind::kArcMessage}) {
    const dkim::ReceivedSignature signature = dkim::parse_signature(field.body(), kind);
    if (!signature.problem.empty()) continue;
    require(signature.body_hash.size() == 32 && !signature.signature.empty());
    require(!signature.domain.empty());
    std::string data;
    dkim::append_verified_data(data, header, signature.names, field, signature.header);
    require(!data.empty());
  }
  const std::string emptied = dkim::without_signature(field.whole);
  require(emptied.size() <= field.whole.size() && dkim::without_signature(emptied) == emptied);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto header = split_header(text);
  for (const HeaderField& field : header) check_signature(field, header);
  const arc::ArcChain chain = arc::read_chain(header);
  require(chain.sets.size() <= arc::kInstancesMax);
  std::string sealed;
  if (chain.problem.empty()) {
    for (unsigned i = 1; i <= chain.sets.size(); ++i) {
      arc::append_sealed_data(sealed, chain, i);
      require(!sealed.empty());
    }
  }
  const unsigned next = chain.next_instance();
  if (next == 0) return 0;
  const auto status = !chain.exists()         ? arc::ChainStatus::kNone
                      : chain.problem.empty() ? arc::ChainStatus::kPass
                                              : arc::ChainStatus::kFail;
  const std::string seal = arc::unsigned_seal(
      {.instance = next, .status = status, .domain = "example.org", .selector = "s"});
  const dkim::FieldChoice choice{.oversigned = {"from"}, .others = {"to"}};
  const auto fields = dkim::choose_fields(header, choice);
  const std::string message =
      dkim::unsigned_field({.domain = "example.org", .selector = "s", .arc_instance = next}, fields,
                           std::string(32, 'x'));
  const std::string results =
      arc::results_field(next, "mx.example", std::vector<std::string>{"arc=none"});
  const std::string added =
      dkim::finished_field(seal, "sig") + dkim::finished_field(message, "sig") + results;
  const std::string longer = added + std::string(text);
  const auto longer_header = split_header(longer);
  const arc::ArcChain grown = arc::read_chain(longer_header);
  // A line that begins with a blank would belong to the last field that was added.
  if (!text.empty() && (text.front() == ' ' || text.front() == '\t')) return 0;
  require(grown.highest == next);
  require(grown.ended == (status == arc::ChainStatus::kFail));
  if (status != arc::ChainStatus::kFail) {
    require(grown.problem.empty() && grown.sets.size() == next);
  } else {
    require(!grown.problem.empty());
  }
  return 0;
}
