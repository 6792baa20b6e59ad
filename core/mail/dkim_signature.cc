#include "core/mail/dkim_signature.h"

#include <algorithm>

#include "core/mail/tag_writer.h"
#include "core/text/ascii.h"
#include "core/text/base64.h"

namespace barid::dkim {

std::string_view algorithm_name(Algorithm algorithm) noexcept {
  return algorithm == Algorithm::kRsaSha256 ? "rsa-sha256" : "ed25519-sha256";
}

std::vector<SignedField> choose_fields(std::span<const HeaderField> header,
                                       const FieldChoice& choice) {
  std::vector<SignedField> chosen;
  const auto add_present = [&](std::string_view name) {
    size_t count = 0;
    for (auto field = header.rbegin(); field != header.rend(); ++field) {
      if (!text::equals_ignore_case(field->name, name)) continue;
      if (count == kFieldsOfOneNameMax) return false;
      ++count;
      chosen.push_back({.name = name, .field = &*field});
    }
    return true;
  };
  for (const std::string& name : choice.oversigned) {
    if (add_present(name)) chosen.push_back({.name = name});
  }
  for (const std::string& name : choice.others) {
    const bool known = std::find(choice.oversigned.begin(), choice.oversigned.end(), name) !=
                       choice.oversigned.end();
    if (!known) static_cast<void>(add_present(name));
  }
  return chosen;
}

std::string unsigned_field(const SignatureTags& tags, std::span<const SignedField> fields,
                           std::string_view body_hash) {
  const bool is_arc = tags.arc_instance != 0;
  TagWriter writer(is_arc ? "ARC-Message-Signature:" : "DKIM-Signature:");
  if (is_arc) {
    writer.add("i", int64_t{tags.arc_instance});  // RFC 8617 4.1.2: takes the place of v= and i=
  } else {
    writer.add("v", "1");
  }
  writer.add("a", algorithm_name(tags.algorithm));
  std::string forms(canonical_name(tags.header));
  forms += '/';
  forms += canonical_name(tags.body);
  writer.add("c", forms);
  writer.add("d", tags.domain);
  writer.add("s", tags.selector);
  if (!is_arc && !tags.identity.empty()) writer.add("i", tags.identity);
  writer.add("t", tags.signed_at);
  if (tags.expires_at != 0) writer.add("x", tags.expires_at);
  writer.fold();
  writer.put("h=");
  for (size_t i = 0; i < fields.size(); ++i) {
    std::string piece(fields[i].name);
    piece += i + 1 < fields.size() ? ':' : ';';
    writer.add_piece(piece);
  }
  std::string hash;
  text::append_base64(hash, body_hash);
  writer.fold();
  writer.put("bh=");
  writer.put(hash);
  writer.put(";");
  writer.fold();
  writer.put("b=");
  return writer.take();
}

void append_signed_data(std::string& out, std::span<const SignedField> fields,
                        std::string_view unsigned_field, Canonical form) {
  for (const SignedField& signed_field : fields) {
    if (signed_field.field != nullptr) append_canonical_field(out, signed_field.field->whole, form);
  }
  append_canonical_field(out, unsigned_field, form);
  out.resize(out.size() - 2);  // RFC 6376 3.7: the field itself goes without its CRLF
}

std::string finished_field(std::string_view unsigned_field, std::string_view signature) {
  constexpr size_t kColumns = TagWriter::kColumnMax - TagWriter::kFoldColumn;
  std::string encoded;
  text::append_base64(encoded, signature);
  std::string field(unsigned_field);
  size_t room = kColumns - 2;  // behind "b="
  std::string_view rest = encoded;
  for (;;) {
    const std::string_view piece = rest.substr(0, room);
    field += piece;
    rest.remove_prefix(piece.size());
    if (rest.empty()) break;
    field += TagWriter::kFold;
    room = kColumns;
  }
  return field.append("\r\n");
}

}  // namespace barid::dkim
