#include "http/submit/tracking.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/crypto/digest.h"
#include "core/text/ascii.h"
#include "core/text/base64.h"
#include "core/text/html.h"
#include "http/submit/html_links.h"

namespace barid::http {
namespace {

constexpr size_t kSignatureBytes = 16;  // of HMAC-SHA-256 (RFC 2104 5)

/// RFC 4648 5, without padding.
std::string url_form(std::string_view bytes) {
  std::string text;
  text::append_base64(text, bytes);
  while (text.ends_with('=')) text.pop_back();
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

std::optional<std::string> bytes_of(std::string_view token) {
  constexpr text::CharSet kTokenChars = text::kAlnum | text::CharSet("-_");
  if (token.empty() || token.size() > kTrackingTokenBytesMax || !kTokenChars.has_all(token)) {
    return std::nullopt;
  }
  std::string text(token);
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  return text::decode_base64(text);
}

std::string signature_of(const std::string& key, std::string_view facts) {
  return crypto::hmac_sha256(key, facts).substr(0, kSignatureBytes);
}

}  // namespace

std::string TrackingLinks::url_of(const TrackedLink& link) const {
  std::string facts(1, static_cast<char>(link.act));
  facts += link.email_id;
  facts += '\0';
  facts += link.recipient;
  facts += '\0';
  facts += link.url;
  return fmt::format("{}/t/{}/{}", base_url_, static_cast<char>(link.act),
                     url_form(signature_of(key_, facts) + facts));
}

std::optional<TrackedLink> TrackingLinks::read(TrackedAct act, std::string_view token) const {
  if (!enabled()) return std::nullopt;
  const auto bytes = bytes_of(token);
  if (!bytes || bytes->size() <= kSignatureBytes) return std::nullopt;
  std::string_view facts = std::string_view(*bytes).substr(kSignatureBytes);
  const std::string_view signature = std::string_view(*bytes).substr(0, kSignatureBytes);
  if (!crypto::equal_secrets(signature_of(key_, facts), signature)) return std::nullopt;
  if (facts.front() != static_cast<char>(act)) return std::nullopt;
  facts.remove_prefix(1);
  const size_t first = facts.find('\0');
  const size_t second = first == std::string_view::npos ? first : facts.find('\0', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  return TrackedLink{.act = act,
                     .email_id = std::string(facts.substr(0, first)),
                     .recipient = std::string(facts.substr(first + 1, second - first - 1)),
                     .url = std::string(facts.substr(second + 1))};
}

std::string TrackingLinks::prepare(std::string_view html, const Copy& copy, TrackWish wish) const {
  TrackedLink link{.email_id = std::string(copy.email_id),
                   .recipient = std::string(copy.recipient)};
  std::string out(html);
  if (wish.clicks) {
    link.act = TrackedAct::kClick;
    out = replace_links(html, [&](const std::string& url) {
      if (!copy.untouched.empty() && url == copy.untouched) return text::html_text(url);
      link.url = url;
      return url_of(link);
    });
  }
  if (wish.opens) {
    link.act = TrackedAct::kOpen;
    link.url.clear();
    insert_at_end_of_body(
        out, fmt::format("<img src=\"{}\" width=\"1\" height=\"1\" alt=\"\">", url_of(link)));
  }
  return out;
}

std::string tracking_base_problem(std::string_view url) {
  const size_t scheme = url.starts_with("https://") ? 8 : url.starts_with("http://") ? 7 : 0;
  constexpr text::CharSet kUrlChars = text::kAlnum | text::CharSet("-._~:/[]%");
  if (scheme == 0 || url.size() == scheme || url[scheme] == '/') {
    return "it must begin with https:// or http:// and a host";
  }
  if (!kUrlChars.has_all(url)) return "it must be a plain URL without a query";
  return url.size() > 200 ? "it is too long" : "";
}

std::string location_of(std::string_view url) {
  std::string out;
  for (const char c : url) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte >= 0x7f || c == '"' || c == '<' || c == '>') {
      out += fmt::format("%{:02X}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace barid::http
