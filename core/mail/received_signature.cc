#include "core/mail/received_signature.h"

#include <algorithm>

#include "core/mail/tag_list.h"
#include "core/text/ascii.h"
#include "core/text/base64.h"

namespace barid::dkim {
namespace {

constexpr size_t kNamesMax = 512;  // of h=
constexpr size_t kHashBytes = 32;

bool parse_form(std::string_view text, Canonical* form) {
  if (text::equals_ignore_case(text, "simple")) {
    *form = Canonical::kSimple;
  } else if (text::equals_ignore_case(text, "relaxed")) {
    *form = Canonical::kRelaxed;
  } else {
    return false;
  }
  return true;
}

std::string set_forms(std::string_view text, ReceivedSignature* signature) {
  const size_t slash = std::min(text.find('/'), text.size());
  const bool good = parse_form(text.substr(0, slash), &signature->header) &&
                    (slash == text.size() || parse_form(text.substr(slash + 1), &signature->body));
  return good ? std::string() : "c= names an unknown form";
}

std::string set_names(std::string_view text, ReceivedSignature* signature) {
  while (true) {
    const size_t colon = std::min(text.find(':'), text.size());
    const std::string_view name = trim_folds(text.substr(0, colon));
    if (signature->names.size() == kNamesMax) return "h= is too long";
    if (!name.empty()) text::append_lower(signature->names.emplace_back(), name);
    if (colon == text.size()) break;
    text.remove_prefix(colon + 1);
  }
  return {};
}

/// Base64 with folds.
std::string set_bytes(std::string_view name, std::string_view text, std::string* to) {
  std::string packed;
  std::copy_if(text.begin(), text.end(), std::back_inserter(packed),
               [](char c) { return c != ' ' && c != '\t' && c != '\r' && c != '\n'; });
  auto bytes = text::decode_base64(packed);
  if (!bytes || bytes->empty()) return std::string(name) + "= is not base64";
  *to = *std::move(bytes);
  return {};
}

std::string set_domain(std::string_view name, std::string_view text, std::string* to) {
  *to = parse_tag_name(text);
  return to->empty() ? std::string(name) + "= is no name" : std::string();
}

/// Empty, or what is wrong with the tag.
std::string set_tag(const Tag& tag, SignatureKind kind, ReceivedSignature* signature) {
  const std::string_view value = tag.value;
  if (tag.name == "a") {
    return parse_algorithm(value, &signature->algorithm) ? "" : "a= is not accepted";
  }
  if (tag.name == "c") return set_forms(value, signature);
  if (tag.name == "d") return set_domain("d", value, &signature->domain);
  if (tag.name == "s") return set_domain("s", value, &signature->selector);
  if (tag.name == "h") return set_names(value, signature);
  if (tag.name == "bh") return set_bytes("bh", value, &signature->body_hash);
  if (tag.name == "b") return set_bytes("b", value, &signature->signature);
  if (tag.name == "l") {
    signature->partial_body = true;
  } else if (tag.name == "x") {
    signature->expires_at = parse_tag_number(value);
    if (signature->expires_at < 0) return "x= is no time";
  } else if (tag.name == "i" && kind == SignatureKind::kArcMessage) {
    const int64_t instance = parse_tag_number(value);
    if (instance < 1 || instance > 1000) return "i= is no instance";
    signature->instance = static_cast<unsigned>(instance);
  } else if (tag.name == "i") {
    return set_domain("i", value.substr(value.rfind('@') + 1), &signature->identity_domain);
  } else if (tag.name == "v" && kind == SignatureKind::kDkim && value != "1") {
    return "v= is not accepted";
  } else if (tag.name == "q" && !text::equals_ignore_case(value, "dns/txt")) {
    return "q= is not dns/txt";
  }
  return {};
}

bool is_at_or_below(std::string_view name, std::string_view domain) {
  if (name == domain) return true;
  return name.size() > domain.size() && name.ends_with(domain) &&
         name[name.size() - domain.size() - 1] == '.';
}

/// What must be there, and fit together (RFC 6376 6.1.1).
std::string check_whole(const ParsedTags& tags, SignatureKind kind, ReceivedSignature* signature) {
  for (const std::string_view name : {"a", "b", "bh", "d", "h", "s"}) {
    if (tags.find(name) == nullptr) return std::string(name) + "= is missing";
  }
  const bool is_dkim = kind == SignatureKind::kDkim;
  if (tags.find(is_dkim ? "v" : "i") == nullptr) return is_dkim ? "v= is missing" : "i= is missing";
  if (signature->body_hash.size() != kHashBytes) return "bh= is no SHA-256";
  const auto& names = signature->names;
  const auto has = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  // RFC 8617 4.1.2 forbids the second; the first is RFC 6376 5.4's.
  if (is_dkim && !has("from")) return "h= has no From";
  if (!is_dkim && has("arc-seal")) return "h= has ARC-Seal";
  if (signature->identity_domain.empty()) signature->identity_domain = signature->domain;
  if (!is_at_or_below(signature->identity_domain, signature->domain)) return "i= is not below d=";
  return {};
}

}  // namespace

bool parse_algorithm(std::string_view text, Algorithm* algorithm) {
  for (const Algorithm known : {Algorithm::kRsaSha256, Algorithm::kEd25519Sha256}) {
    if (!text::equals_ignore_case(text, algorithm_name(known))) continue;
    *algorithm = known;
    return true;
  }
  return false;
}

std::string parse_tag_name(std::string_view text) {
  std::string name;
  text::append_lower(name, text);
  const bool good = std::all_of(name.begin(), name.end(), [](char c) {
    return text::kAlnum.has(c) || c == '.' || c == '-' || c == '_' || (c & 0x80) != 0;
  });
  if (!good || name.size() > 253 || name.starts_with('.') || name.ends_with('.')) return {};
  return name;
}

int64_t parse_tag_number(std::string_view text) {
  if (text.empty() || text.size() > 12) return -1;
  int64_t value = 0;
  for (const char c : text) {
    if (!text::is_digit(c)) return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

ReceivedSignature parse_signature(std::string_view body, SignatureKind kind) {
  ReceivedSignature signature;
  const ParsedTags tags = parse_tags(body);
  for (const Tag& tag : tags.tags) {
    signature.problem = set_tag(tag, kind, &signature);
    if (!signature.problem.empty()) return signature;
  }
  signature.problem = tags.problem;
  if (signature.problem.empty()) signature.problem = check_whole(tags, kind, &signature);
  return signature;
}

std::string without_signature(std::string_view field) {
  std::string out;
  size_t at = std::min(field.find(':'), field.size() - 1) + 1;
  out.append(field.substr(0, at));
  while (at < field.size()) {
    const size_t end = std::min(field.find(';', at), field.size());
    const std::string_view item = field.substr(at, end - at);
    const size_t equals = item.find('=');
    const bool is_signature =
        equals != std::string_view::npos && trim_folds(item.substr(0, equals)) == "b";
    out.append(is_signature ? item.substr(0, equals + 1) : item);
    if (end == field.size()) break;
    out += ';';
    at = end + 1;
  }
  return out;
}

void append_verified_data(std::string& out, std::span<const HeaderField> header,
                          std::span<const std::string> names, const HeaderField& field,
                          Canonical form) {
  std::vector<bool> used(header.size());
  for (const std::string_view name : names) {
    for (size_t i = header.size(); i-- > 0;) {
      if (used[i] || &header[i] == &field || !text::equals_ignore_case(header[i].name, name)) {
        continue;
      }
      used[i] = true;
      append_canonical_field(out, header[i].whole, form);
      break;
    }
  }
  append_canonical_field(out, without_signature(field.whole), form);
  out.resize(out.size() - 2);  // RFC 6376 3.7: the field itself goes without its CRLF
}

}  // namespace barid::dkim
