#include "core/mail/dkim_record.h"

#include <algorithm>

#include "core/mail/tag_list.h"
#include "core/text/ascii.h"
#include "core/text/base64.h"

namespace barid::dkim {
namespace {

std::vector<std::string> split_colons(std::string_view text) {
  std::vector<std::string> words;
  while (true) {
    const size_t colon = std::min(text.find(':'), text.size());
    words.emplace_back();
    text::append_lower(words.back(), trim_folds(text.substr(0, colon)));
    if (colon == text.size()) return words;
    text.remove_prefix(colon + 1);
  }
}

bool has_word(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// Empty, or what is wrong.
std::string set_tag(std::string_view name, std::string_view value, bool is_first,
                    KeyRecord* record) {
  if (name == "v") {
    if (value != "DKIM1") return "its version is not DKIM1";
    if (!is_first) return "v= is not its first tag";
  } else if (name == "k") {
    record->key_type.clear();
    text::append_lower(record->key_type, value);
  } else if (name == "h") {
    record->hashes = split_colons(value);
  } else if (name == "s") {
    const auto services = split_colons(value);
    record->for_mail = has_word(services, "*") || has_word(services, "email");
  } else if (name == "t") {
    const auto flags = split_colons(value);
    record->testing = has_word(flags, "y");
    record->strict_identity = has_word(flags, "s");
  } else if (name == "p") {
    const auto key = text::decode_base64(value);
    if (!key) return "p= is not base64";
    record->public_key = *key;
  }
  return {};
}

}  // namespace

ParsedKeyRecord parse_key_record(std::string_view text) {
  ParsedKeyRecord parsed;
  const ParsedTags tags = parse_tags(text);
  for (const Tag& tag : tags.tags) {
    parsed.problem = set_tag(tag.name, tag.value, &tag == tags.tags.data(), &parsed.record);
    if (!parsed.problem.empty()) return parsed;
  }
  parsed.problem = tags.problem;
  if (parsed.problem.empty() && tags.find("p") == nullptr) parsed.problem = "it has no p=";
  return parsed;
}

std::string format_key_record(std::string_view key_type, std::string_view public_key) {
  std::string text = "v=DKIM1; k=";
  text.append(key_type).append("; p=");
  text::append_base64(text, public_key);
  return text;
}

std::string key_record_name(std::string_view selector, std::string_view domain) {
  return std::string(selector).append("._domainkey.").append(domain);
}

std::string zone_line(std::string_view name, std::string_view text) {
  constexpr size_t kStringBytesMax = 255;
  std::string line(name);
  line += ". IN TXT (";
  do {
    const std::string_view piece = text.substr(0, kStringBytesMax);
    text.remove_prefix(piece.size());
    line += " \"";
    for (const char c : piece) {
      if (c == '"' || c == '\\') line += '\\';
      line += c;
    }
    line += '"';
  } while (!text.empty());
  return line + " )";
}

}  // namespace barid::dkim
