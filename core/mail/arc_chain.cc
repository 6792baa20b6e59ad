#include "core/mail/arc_chain.h"

#include <algorithm>

#include "core/mail/tag_list.h"
#include "core/mail/tag_writer.h"
#include "core/text/ascii.h"
#include "core/text/base64.h"

namespace barid::arc {
namespace {

using dkim::Canonical;

constexpr int64_t kInstanceMax = 1000;  // beyond it a number is none

bool parse_status(std::string_view text, ChainStatus* status) {
  for (const ChainStatus known : {ChainStatus::kNone, ChainStatus::kPass, ChainStatus::kFail}) {
    if (!text::equals_ignore_case(text, status_name(known))) continue;
    *status = known;
    return true;
  }
  return false;
}

/// i= of any of the three fields; 0: it has none. In the results it is the first item.
unsigned instance_of(std::string_view body) {
  while (!body.empty()) {
    const size_t end = std::min(body.find(';'), body.size());
    const std::string_view item = body.substr(0, end);
    const size_t equals = item.find('=');
    if (equals != std::string_view::npos && dkim::trim_folds(item.substr(0, equals)) == "i") {
      const int64_t number = dkim::parse_tag_number(dkim::trim_folds(item.substr(equals + 1)));
      return number >= 1 && number <= kInstanceMax ? static_cast<unsigned>(number) : 0;
    }
    body.remove_prefix(std::min(end + 1, body.size()));
  }
  return 0;
}

/// Empty, or what is wrong (RFC 8617 4.1.3).
std::string parse_seal(std::string_view body, Seal* seal) {
  const dkim::ParsedTags tags = dkim::parse_tags(body);
  if (!tags.problem.empty()) return std::string(tags.problem);
  for (const std::string_view name : {"i", "a", "b", "cv", "d", "s"}) {
    if (tags.find(name) == nullptr) return std::string(name) + "= is missing";
  }
  if (tags.find("h") != nullptr) return "it has h=";
  if (!dkim::parse_algorithm(*tags.find("a"), &seal->algorithm)) return "a= is not accepted";
  if (!parse_status(*tags.find("cv"), &seal->status)) return "cv= is unknown";
  seal->domain = dkim::parse_tag_name(*tags.find("d"));
  seal->selector = dkim::parse_tag_name(*tags.find("s"));
  if (seal->domain.empty() || seal->selector.empty()) return "d= or s= is no name";
  std::string packed;
  for (const char c : *tags.find("b")) {
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') packed += c;
  }
  const auto bytes = text::decode_base64(packed);
  if (!bytes || bytes->empty()) return "b= is not base64";
  seal->signature = *bytes;
  return {};
}

std::string numbered(std::string_view what, size_t instance, std::string_view problem) {
  std::string text(what);
  text += " of instance ";
  text::append_number(text, instance);
  return text.append(": ").append(problem);
}

/// Puts a field where it belongs. False: its place is taken, or it has none.
bool place(const HeaderField& field, ArcChain* chain) {
  const HeaderField* ArcSet::*member = nullptr;
  if (text::equals_ignore_case(field.name, "arc-authentication-results")) {
    member = &ArcSet::results;
  } else if (text::equals_ignore_case(field.name, "arc-message-signature")) {
    member = &ArcSet::signature;
  } else if (text::equals_ignore_case(field.name, "arc-seal")) {
    member = &ArcSet::seal_field;
  } else {
    return true;
  }
  const unsigned instance = instance_of(field.body());
  chain->highest = std::max(chain->highest, instance);
  if (instance == 0 || instance > kInstancesMax) return false;
  if (chain->sets.size() < instance) chain->sets.resize(instance);
  const HeaderField*& spot = chain->sets[instance - 1].*member;
  if (spot != nullptr) return false;
  spot = &field;
  return true;
}

/// Whether the last seal says that the chain has failed, whatever else is wrong with it.
bool has_ended(const ArcChain& chain) {
  if (chain.sets.empty() || chain.sets.size() != chain.highest) return false;
  const HeaderField* const field = chain.sets.back().seal_field;
  Seal seal;
  return field != nullptr && parse_seal(field->body(), &seal).empty() &&
         seal.status == ChainStatus::kFail;
}

/// Empty, or what is wrong with the sets, which are whole (RFC 8617 5.2 3).
std::string check_sets(ArcChain* chain) {
  for (size_t i = 0; i < chain->sets.size(); ++i) {
    ArcSet& set = chain->sets[i];
    if (set.results == nullptr || set.signature == nullptr || set.seal_field == nullptr) {
      return numbered("the set", i + 1, "a field is missing");
    }
    const std::string problem = parse_seal(set.seal_field->body(), &set.seal);
    if (!problem.empty()) return numbered("ARC-Seal", i + 1, problem);
  }
  const size_t count = chain->sets.size();
  if (count == 0) return {};
  if (chain->ended) return numbered("ARC-Seal", count, "cv=fail");
  for (size_t i = 0; i < count; ++i) {
    const ChainStatus wanted = i == 0 ? ChainStatus::kNone : ChainStatus::kPass;
    if (chain->sets[i].seal.status != wanted) {
      return numbered("ARC-Seal", i + 1, "cv= does not fit its place");
    }
  }
  chain->newest =
      dkim::parse_signature(chain->sets.back().signature->body(), dkim::SignatureKind::kArcMessage);
  if (!chain->newest.problem.empty()) {
    return numbered("ARC-Message-Signature", count, chain->newest.problem);
  }
  return {};
}

void append_set(std::string& out, std::string_view results, std::string_view signature,
                std::string_view seal) {
  for (const std::string_view field : {results, signature, seal}) {
    append_canonical_field(out, field, Canonical::kRelaxed);
  }
}

}  // namespace

std::string_view status_name(ChainStatus status) noexcept {
  switch (status) {
    case ChainStatus::kNone:
      return "none";
    case ChainStatus::kPass:
      return "pass";
    case ChainStatus::kFail:
      return "fail";
  }
  return "fail";
}

unsigned ArcChain::next_instance() const noexcept {
  return ended || highest >= kInstancesMax ? 0 : highest + 1;
}

ArcChain read_chain(std::span<const HeaderField> header) {
  ArcChain chain;
  for (const HeaderField& field : header) {
    if (!place(field, &chain) && chain.problem.empty()) {
      chain.problem = std::string(field.name) + ": i= is missing, too high or there twice";
    }
  }
  chain.ended = has_ended(chain);
  if (chain.problem.empty()) chain.problem = check_sets(&chain);
  return chain;
}

void append_sealed_data(std::string& out, const ArcChain& chain, unsigned instance) {
  for (unsigned i = 0; i < instance; ++i) {
    const ArcSet& set = chain.sets[i];
    if (i + 1 < instance) {
      append_set(out, set.results->whole, set.signature->whole, set.seal_field->whole);
    } else {
      append_set(out, set.results->whole, set.signature->whole,
                 dkim::without_signature(set.seal_field->whole));
    }
  }
  out.resize(out.size() - 2);
}

std::string results_field(unsigned instance, std::string_view host,
                          std::span<const std::string> results) {
  std::string field = "ARC-Authentication-Results: i=";
  text::append_number(field, instance);
  field.append("; ").append(host);
  for (const std::string& result : results) {
    field.append(";").append(dkim::TagWriter::kFold).append(result);
  }
  return field.append("\r\n");
}

std::string unsigned_seal(const SealTags& tags) {
  dkim::TagWriter writer("ARC-Seal:");
  writer.add("i", int64_t{tags.instance});
  writer.add("a", dkim::algorithm_name(tags.algorithm));
  writer.add("t", tags.signed_at);
  writer.add("cv", status_name(tags.status));
  writer.add("d", tags.domain);
  writer.add("s", tags.selector);
  writer.fold();
  writer.put("b=");
  return writer.take();
}

void append_new_sealed_data(std::string& out, const ArcChain& chain, ChainStatus status,
                            std::string_view results, std::string_view signature,
                            std::string_view unsigned_seal) {
  if (status == ChainStatus::kPass) {  // one that failed is not covered (RFC 8617 5.1.2)
    for (const ArcSet& set : chain.sets) {
      append_set(out, set.results->whole, set.signature->whole, set.seal_field->whole);
    }
  }
  append_set(out, results, signature, unsigned_seal);
  out.resize(out.size() - 2);
}

}  // namespace barid::arc
