#include "http/submit/signature_v4.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/crypto/digest.h"
#include "core/text/ascii.h"
#include "core/text/base64.h"

namespace barid::http {
namespace {

constexpr size_t kNameBytesMax = 128;
constexpr size_t kHeadersMax = 100;
constexpr size_t kDateBytes = 8;     // YYYYMMDD
constexpr size_t kMomentBytes = 16;  // YYYYMMDDTHHMMSSZ
constexpr std::string_view kTermination = "aws4_request";
constexpr text::CharSet kUnreserved = text::kAlnum | text::CharSet("-._~");
constexpr text::CharSet kWord = text::kAlnum | text::CharSet("-_.");
constexpr text::CharSet kHeaderName =
    text::kDigits | text::CharSet::range('a', 'z') | text::CharSet("!#$%&'*+-.^_`|~");
constexpr text::CharSet kHex = text::kDigits | text::CharSet("abcdef");

std::string hex_digest(const std::vector<std::string_view>& pieces) {
  std::string hex;
  text::append_hex(hex, crypto::sha256(pieces));
  return hex;
}

/// The next item in front of `separator`, taken off `rest`.
std::string_view take_item(std::string_view& rest, char separator) {
  const size_t end = rest.find(separator);
  const std::string_view item = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return item;
}

bool read_credential(std::string_view text, SignatureV4* claim) {
  const std::array<std::string*, 4> parts = {&claim->access_key, &claim->date, &claim->region,
                                             &claim->service};
  for (std::string* part : parts) {
    const std::string_view item = take_item(text, '/');
    if (item.empty() || item.size() > kNameBytesMax || !kWord.has_all(item)) return false;
    *part = item;
  }
  return text == kTermination && claim->date.size() == kDateBytes &&
         text::kDigits.has_all(claim->date);
}

bool read_signed_headers(std::string_view text, SignatureV4* claim) {
  while (!text.empty()) {
    const std::string_view name = take_item(text, ';');
    if (name.empty() || !kHeaderName.has_all(name)) return false;
    const auto& names = claim->signed_headers;
    if (names.size() == kHeadersMax || (!names.empty() && names.back() >= name)) return false;
    claim->signed_headers.emplace_back(name);
  }
  return true;
}

bool is_signed(const SignatureV4& claim, std::string_view name) {
  return std::binary_search(claim.signed_headers.begin(), claim.signed_headers.end(), name);
}

unsigned digits(std::string_view text, size_t at, size_t count) noexcept {
  unsigned number = 0;
  for (const char c : text.substr(at, count)) number = number * 10 + static_cast<unsigned>(c - '0');
  return number;
}

/// Seconds since 1970 of `YYYYMMDDTHHMMSSZ`; nullopt for anything else.
std::optional<WallTime> parse_basic_time(std::string_view text) {
  if (text.size() != kMomentBytes || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  if (!text::kDigits.has_all(text.substr(0, 8)) || !text::kDigits.has_all(text.substr(9, 6))) {
    return std::nullopt;
  }
  const std::chrono::year_month_day day{std::chrono::year(static_cast<int>(digits(text, 0, 4))),
                                        std::chrono::month(digits(text, 4, 2)),
                                        std::chrono::day(digits(text, 6, 2))};
  const unsigned hour = digits(text, 9, 2);
  const unsigned minute = digits(text, 11, 2);
  const unsigned second = digits(text, 13, 2);
  if (!day.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const int64_t days = std::chrono::sys_days(day).time_since_epoch().count();
  const int64_t seconds = days * 86'400 + hour * 3600 + minute * 60 + second;
  return wall_from_micros(seconds * 1'000'000);
}

/// Values of that name, blanks folded, in order.
std::string canonical_value(const Request& request, std::string_view name) {
  std::string out;
  bool any = false;
  for (const Field& field : request.fields) {
    if (!text::equals_ignore_case(field.name, name)) continue;
    if (std::exchange(any, true)) out += ',';
    std::string_view value = field.value;
    bool first = true;
    for (std::string_view word = text::take_word(value); !word.empty();
         word = text::take_word(value)) {
      if (!std::exchange(first, false)) out += ' ';
      out += word;
    }
  }
  return out;
}

/// What was sent is encoded once more: so do all services but one.
std::string canonical_path(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (c == '/' || kUnreserved.has(c)) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<uint8_t>(c));
    }
  }
  return out;
}

std::string canonical_request(const SignatureV4& claim, const Request& request,
                              std::string_view digest) {
  std::string out = request.method_text + '\n' + canonical_path(request.target_text) + "\n\n";
  for (const std::string& name : claim.signed_headers) {
    out += name + ':' + canonical_value(request, name) + '\n';
  }
  out += '\n';
  for (size_t i = 0; i < claim.signed_headers.size(); ++i) {
    if (i > 0) out += ';';
    out += claim.signed_headers[i];
  }
  out += '\n';
  return out.append(digest);
}

}  // namespace

std::string signature_v4_digest(const Request& request) {
  if (!request.body) return hex_digest({});
  const auto& spans = request.body->spans();
  return hex_digest({spans.begin(), spans.end()});
}

std::optional<SignatureV4> parse_signature_v4(std::string_view authorization,
                                              std::string* problem) {
  SignatureV4 claim;
  std::array<bool, 3> given{};
  const auto fail = [problem](std::string_view what) {
    *problem = fmt::format("The Authorization field {}.", what);
    return std::nullopt;
  };
  if (text::take_word(authorization) != kSignatureV4Scheme) return fail("is of another scheme");
  while (!authorization.empty()) {
    std::string_view value = text::trim(take_item(authorization, ','));
    const std::string_view name = take_item(value, '=');
    if (name == "Credential") {
      if (std::exchange(given[0], true) || !read_credential(value, &claim)) {
        return fail("has no Credential=KEY/DATE/REGION/ses/aws4_request");
      }
    } else if (name == "SignedHeaders") {
      if (std::exchange(given[1], true) || !read_signed_headers(value, &claim)) {
        return fail("has no SignedHeaders in lower case, sorted");
      }
    } else if (name == "Signature") {
      if (std::exchange(given[2], true) || value.size() != 2 * crypto::kSha256Bytes ||
          !kHex.has_all(value)) {
        return fail("has no Signature of 64 hexadecimal digits");
      }
      claim.signature = value;
    } else {
      return fail("has something unknown in it");
    }
  }
  if (!given[0] || !given[1] || !given[2]) {
    return fail("needs Credential, SignedHeaders and Signature");
  }
  return claim;
}

std::string signature_v4_problem(const SignatureV4& claim, const Request& request,
                                 std::string_view digest, WallTime now) {
  if (claim.service != "ses") return "The credential is for another service than ses.";
  if (request.target_text.find('?') != std::string::npos) {
    return "A signed call has no query.";
  }
  if (request.find_field("x-amz-security-token") != nullptr) {
    return "There are no temporary credentials here: x-amz-security-token is not known.";
  }
  if (!request.field("content-encoding").empty()) {
    return "A signed body cannot have a content-encoding.";
  }
  if (!is_signed(claim, "host") || !is_signed(claim, "x-amz-date")) {
    return "The fields host and x-amz-date must be signed.";
  }
  for (const Field& field : request.fields) {
    std::string name;
    text::append_lower(name, field.name);
    const bool must = name == "content-type" || name.starts_with("x-amz-");
    if (must && !is_signed(claim, name)) return fmt::format("The field {} must be signed.", name);
  }
  const std::string_view moment = request.field("x-amz-date");
  const auto time = parse_basic_time(moment);
  if (!time || !moment.starts_with(claim.date)) {
    return "The field x-amz-date must be YYYYMMDDTHHMMSSZ, of the credential's date.";
  }
  if (*time + kSignatureV4Skew < now) return fmt::format("Signature expired: {} is past.", moment);
  if (*time > now + kSignatureV4Skew) {
    return fmt::format("Signature not yet current: {} is in the future.", moment);
  }
  const std::string* given = request.find_field("x-amz-content-sha256");
  if (given != nullptr && *given != digest) {
    return "The field x-amz-content-sha256 is not the digest of the body.";
  }
  return {};
}

std::string sign_v4(const SignatureV4& claim, const Request& request, std::string_view digest,
                    std::string_view secret) {
  const std::string scope =
      fmt::format("{}/{}/{}/{}", claim.date, claim.region, claim.service, kTermination);
  const std::string to_sign =
      fmt::format("{}\n{}\n{}\n{}", kSignatureV4Scheme, canonical_value(request, "x-amz-date"),
                  scope, hex_digest({canonical_request(claim, request, digest)}));
  std::string key = crypto::hmac_sha256("AWS4" + std::string(secret), claim.date);
  key = crypto::hmac_sha256(key, claim.region);
  key = crypto::hmac_sha256(key, claim.service);
  key = crypto::hmac_sha256(key, kTermination);
  std::string signature;
  text::append_hex(signature, crypto::hmac_sha256(key, to_sign));
  return signature;
}

}  // namespace barid::http
