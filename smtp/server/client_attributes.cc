#include "smtp/server/client_attributes.h"

#include <algorithm>

#include "core/base/assert.h"
#include "core/lookup/ip_address.h"
#include "core/text/ascii.h"
#include "core/text/xtext.h"
#include "smtp/proto/address.h"
#include "smtp/server/replies.h"

namespace barid::smtp {
namespace {

constexpr size_t kValueBytesMax = 255;
constexpr size_t kProtocolBytesMax = 64;
constexpr std::string_view kIpv6Prefix = "IPV6:";

struct Known {
  std::string_view name;
  ClientAttribute attribute;
  bool xclient;
  bool xforward;
};

constexpr std::array kKnown = {
    //                                                        XCLIENT XFORWARD
    Known{"NAME", ClientAttribute::kName, true, true},
    Known{"REVERSE_NAME", ClientAttribute::kReverseName, true, false},
    Known{"ADDR", ClientAttribute::kAddress, true, true},
    Known{"PORT", ClientAttribute::kPort, true, true},
    Known{"PROTO", ClientAttribute::kProtocol, true, true},
    Known{"HELO", ClientAttribute::kHelo, true, true},
    Known{"LOGIN", ClientAttribute::kLogin, true, false},
    Known{"DESTADDR", ClientAttribute::kServerAddress, true, false},
    Known{"DESTPORT", ClientAttribute::kServerPort, true, false},
    Known{"IDENT", ClientAttribute::kIdent, false, true},
    Known{"SOURCE", ClientAttribute::kSource, false, true},
};

const Known* find_known(std::string_view name, Verb command) noexcept {
  for (const Known& known : kKnown) {
    const bool applies = command == Verb::kXclient ? known.xclient : known.xforward;
    if (applies && text::equals_ignore_case(known.name, name)) return &known;
  }
  return nullptr;
}

bool is_unavailable(std::string_view value) noexcept {
  return text::equals_ignore_case(value, "[UNAVAILABLE]") ||
         text::equals_ignore_case(value, "[TEMPUNAVAIL]");
}

bool is_port(std::string_view value) noexcept {
  return !value.empty() && value.size() <= 5 && text::kDigits.has_all(value) &&
         (value.size() < 5 || value <= "65535");
}

/// RFC 5321 4.1.3: "192.0.2.1" or "IPV6:2001:db8::1".
std::optional<std::string> canonical_address(std::string_view value) {
  const bool marked = text::starts_with_ignore_case(value, kIpv6Prefix);
  if (marked) value.remove_prefix(kIpv6Prefix.size());
  const auto address = lookup::IpAddress::parse(value);
  if (!address || address->is_v6 != marked) return std::nullopt;
  return address->unmapped().text();
}

/// The value as it is kept, or nullopt if it is none.
std::optional<std::string> canonical(ClientAttribute attribute, Verb command, std::string value) {
  const bool unavailable = is_unavailable(value);
  switch (attribute) {
    case ClientAttribute::kProtocol:
      if (command == Verb::kXforward) {
        if (unavailable) return std::string();
        return value.size() <= kProtocolBytesMax ? std::optional(value) : std::nullopt;
      }
      if (text::equals_ignore_case(value, "SMTP")) return std::string("SMTP");
      if (text::equals_ignore_case(value, "ESMTP")) return std::string("ESMTP");
      return std::nullopt;
    case ClientAttribute::kSource:
      if (unavailable) return std::string();
      if (text::equals_ignore_case(value, "LOCAL")) return std::string("LOCAL");
      if (text::equals_ignore_case(value, "REMOTE")) return std::string("REMOTE");
      return std::nullopt;
    default:
      break;
  }
  if (unavailable) return std::string();
  switch (attribute) {
    case ClientAttribute::kName:
    case ClientAttribute::kReverseName: {
      const bool good = value.front() != '[' && is_valid_domain(value, {});
      return good ? std::optional(value) : std::nullopt;
    }
    case ClientAttribute::kAddress:
    case ClientAttribute::kServerAddress:
      return canonical_address(value);
    case ClientAttribute::kPort:
    case ClientAttribute::kServerPort:
      return is_port(value) ? std::optional(value) : std::nullopt;
    default:
      return value;
  }
}

std::string refusal(std::string_view what, std::string_view name, std::string_view of) {
  std::string reply(replies::kBadAttribute);
  reply.append(what).append(name).append(": ").append(of);
  return reply;
}

}  // namespace

void ClientAttributes::merge(ClientAttributes&& later) {
  for (size_t i = 0; i < values_.size(); ++i) {
    if (later.values_[i]) values_[i] = std::move(later.values_[i]);
  }
}

std::string parse_client_attributes(Verb command, std::string_view arguments,
                                    ClientAttributes* out) {
  BARID_ASSERT(command == Verb::kXclient || command == Verb::kXforward);
  ClientAttributes found;
  for (;;) {
    arguments = text::trim_left(arguments);
    if (arguments.empty()) break;
    const std::string_view word = text::take_word(arguments);
    const size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    const std::string_view raw =
        equals == std::string_view::npos ? std::string_view() : word.substr(equals + 1);
    if (raw.empty()) return std::string(replies::kAttributeExpected);
    if (raw.size() > kValueBytesMax) return std::string(replies::kAttributeTooLong);
    if (!text::is_xtext(raw, {.utf8 = true})) {
      return std::string(replies::kBadAttribute).append("attribute value syntax: ").append(raw);
    }
    const Known* known = find_known(name, command);
    if (known == nullptr) return refusal(verb_name(command), " attribute name", name);
    std::string value;
    text::append_xtext_decoded(value, raw);
    std::optional<std::string> kept = canonical(known->attribute, command, value);
    if (!kept) return refusal(known->name, " syntax", value);
    found.set(known->attribute, *std::move(kept));
  }
  out->merge(std::move(found));
  return {};
}

}  // namespace barid::smtp
