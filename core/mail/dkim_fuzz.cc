// Any bytes as a message: its canonical forms do not depend on how it was cut, have nothing left to
// collapse, and stay the same when made again. The first byte says where to cut.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/mail/dkim_record.h"
#include "core/mail/dkim_signature.h"

namespace {

class Collector final : public barid::dkim::ByteSink {
 public:
  void take(std::string_view bytes) override { text.append(bytes); }
  std::string text;
};

std::string canonical(std::string_view body, barid::dkim::Canonical form, size_t piece) {
  Collector sink;
  barid::dkim::BodyCanonicalizer canonicalizer(form, sink);
  while (!body.empty()) {
    canonicalizer.add(body.substr(0, piece));
    body.remove_prefix(std::min(piece, body.size()));
  }
  canonicalizer.finish();
  return sink.text;
}

void require(bool condition) {
  if (!condition) std::abort();
}

void check_body(std::string_view body, size_t piece) {
  using barid::dkim::Canonical;
  for (const Canonical form : {Canonical::kSimple, Canonical::kRelaxed}) {
    const std::string whole = canonical(body, form, body.size() + 1);
    require(whole == canonical(body, form, piece));
    require(whole.empty() || whole.ends_with("\r\n"));
    require(whole == "\r\n" || !whole.ends_with("\r\n\r\n"));
    require(whole == canonical(whole, form, piece));
    if (form == Canonical::kSimple) continue;
    require(whole.find('\t') == std::string::npos && whole.find("  ") == std::string::npos &&
            whole.find(" \r\n") == std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view message(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t cut = std::min<size_t>(data[0], message.size());
  static_cast<void>(barid::dkim::parse_key_record(message));
  const std::string_view spans[] = {message.substr(0, cut), message.substr(cut)};
  std::string scratch;
  const barid::MessageParts parts = barid::split_message(spans, &scratch);
  require(parts.body_offset <= message.size() && message.starts_with(parts.header));
  check_body(message.substr(parts.body_offset), size_t{data[0]} % 7 + 1);
  const auto header = barid::split_header(parts.header);
  size_t total = 0;
  for (const barid::HeaderField& field : header) {
    total += field.whole.size();
    static_cast<void>(barid::first_domain(field.body()));
  }
  require(total == parts.header.size());
  const barid::dkim::FieldChoice choice{.oversigned = {"from", "to"}, .others = {"subject"}};
  const auto fields = barid::dkim::choose_fields(header, choice);
  const std::string field = barid::dkim::unsigned_field({.domain = "example.org", .selector = "s"},
                                                        fields, std::string(32, 'x'));
  std::string out;
  barid::dkim::append_signed_data(out, fields, field, barid::dkim::Canonical::kRelaxed);
  require(out.ends_with("; b="));
  return 0;
}
