#include "core/mail/dkim_signature.h"

#include <algorithm>

#include "core/text/ascii.h"
#include "core/text/base64.h"

namespace barid::dkim {
namespace {

constexpr size_t kColumnMax = 76;
constexpr std::string_view kFold = "\r\n\t";
constexpr size_t kFoldColumn = 8;  // where a tabulator ends

/// Writes tags into lines that stay short.
class TagWriter {
 public:
  explicit TagWriter(std::string_view head) : out_(head), column_(head.size()) {}

  /// ` name=value;`, on the next line if it does not fit.
  void add(std::string_view name, std::string_view value) {
    const size_t bytes = name.size() + value.size() + 3;
    if (column_ + bytes > kColumnMax) {
      fold();
    } else {
      put(" ");
    }
    put(name);
    put("=");
    put(value);
    put(";");
  }
  /// A piece that stands without a blank before it.
  void add_piece(std::string_view piece) {
    if (column_ + piece.size() > kColumnMax) fold();
    put(piece);
  }
  void fold() {
    out_ += kFold;
    column_ = kFoldColumn;
  }
  void put(std::string_view text) {
    out_ += text;
    column_ += text.size();
  }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  std::string out_;
  size_t column_;
};

std::string decimal(int64_t value) {
  std::string text;
  text::append_number(text, static_cast<uint64_t>(std::max<int64_t>(value, 0)));
  return text;
}

}  // namespace

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
  TagWriter writer("DKIM-Signature:");
  writer.add("v", "1");
  writer.add("a", algorithm_name(tags.algorithm));
  std::string forms(canonical_name(tags.header));
  forms += '/';
  forms += canonical_name(tags.body);
  writer.add("c", forms);
  writer.add("d", tags.domain);
  writer.add("s", tags.selector);
  if (!tags.identity.empty()) writer.add("i", tags.identity);
  writer.add("t", decimal(tags.signed_at));
  if (tags.expires_at != 0) writer.add("x", decimal(tags.expires_at));
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
  std::string encoded;
  text::append_base64(encoded, signature);
  std::string field(unsigned_field);
  size_t room = kColumnMax - kFoldColumn - 2;  // behind "b="
  std::string_view rest = encoded;
  for (;;) {
    const std::string_view piece = rest.substr(0, room);
    field += piece;
    rest.remove_prefix(piece.size());
    if (rest.empty()) break;
    field += kFold;
    room = kColumnMax - kFoldColumn;
  }
  return field.append("\r\n");
}

}  // namespace barid::dkim
