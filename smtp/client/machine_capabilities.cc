#include "smtp/client/machine_capabilities.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace barid::smtp {
namespace {

struct Keyword {
  std::string_view name;
  Feature feature;
};

constexpr std::array kKeywords = {
    Keyword{"PIPELINING", Feature::kPipelining},
    Keyword{"SIZE", Feature::kSize},
    Keyword{"8BITMIME", Feature::k8BitMime},
    Keyword{"SMTPUTF8", Feature::kSmtpUtf8},
    Keyword{"DSN", Feature::kDsn},
    Keyword{"CHUNKING", Feature::kChunking},
    Keyword{"ENHANCEDSTATUSCODES", Feature::kEnhancedStatusCodes},
    Keyword{"BINARYMIME", Feature::kBinaryMime},
    Keyword{"STARTTLS", Feature::kStartTls},
    Keyword{"AUTH", Feature::kAuth},
    Keyword{"MT-PRIORITY", Feature::kMtPriority},
    Keyword{"XFORWARD", Feature::kXforward},
};

struct Forwardable {
  std::string_view name;
  ForwardAttribute attribute;
};

constexpr std::array kForwardable = {
    Forwardable{"NAME", kForwardName},     Forwardable{"ADDR", kForwardAddress},
    Forwardable{"PORT", kForwardPort},     Forwardable{"PROTO", kForwardProtocol},
    Forwardable{"HELO", kForwardHelo},     Forwardable{"IDENT", kForwardIdent},
    Forwardable{"SOURCE", kForwardSource},
};

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return upper(x) == upper(y); });
}

/// Takes the next word off `text`; words are separated by any of `separators`.
std::string_view take_word(std::string_view& text, std::string_view separators) noexcept {
  const size_t begin = std::min(text.find_first_not_of(separators), text.size());
  const size_t end = std::min(text.find_first_of(separators, begin), text.size());
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

uint8_t forward_attributes(std::string_view line) noexcept {
  uint8_t found = 0;
  for (;;) {
    const std::string_view word = take_word(line, " \t");
    if (word.empty()) return found;
    for (const Forwardable& known : kForwardable) {
      if (equals_ignoring_case(known.name, word)) found |= known.attribute;
    }
  }
}

}  // namespace

std::optional<Feature> feature_from_keyword(std::string_view keyword) noexcept {
  for (const Keyword& known : kKeywords) {
    if (equals_ignoring_case(known.name, keyword)) return known.feature;
  }
  return std::nullopt;
}

Capabilities parse_capabilities(std::string_view lines, FeatureSet discard) {
  Capabilities found;
  for (bool first = true; !lines.empty(); first = false) {
    const size_t end = std::min(lines.find('\n'), lines.size());
    std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    line.remove_prefix(std::min<size_t>(line.size(), 4));  // "250-"
    const std::string_view word = take_word(line, first ? " \t" : " \t=");
    if (first) {
      found.server_name = word;
      continue;
    }
    const std::optional<Feature> feature = feature_from_keyword(word);
    if (!feature || discard.has(*feature)) continue;
    found.features.insert(*feature);
    if (*feature == Feature::kSize) {
      // A limit that is no number, or too large for one, is no limit.
      const std::string_view limit = take_word(line, " \t=");
      uint64_t value = 0;
      const auto parsed = std::from_chars(limit.data(), limit.data() + limit.size(), value);
      const bool whole = parsed.ec == std::errc() && parsed.ptr == limit.data() + limit.size();
      found.size_limit = whole ? value : 0;
    } else if (*feature == Feature::kXforward) {
      found.forward_attributes = forward_attributes(line);
    } else if (*feature == Feature::kAuth) {
      const size_t begin = std::min(line.find_first_not_of(" \t="), line.size());
      found.auth_mechanisms = line.substr(begin);
    }
  }
  if (found.has(Feature::kSmtpUtf8)) found.features.insert(Feature::k8BitMime);
  return found;
}

}  // namespace barid::smtp
