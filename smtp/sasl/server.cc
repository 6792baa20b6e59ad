#include "smtp/sasl/server.h"

#include <array>

#include "core/text/ascii.h"

namespace barid::sasl {
namespace {

struct NamedOption {
  std::string_view name;
  SecurityOption option;
};
constexpr std::array kOptions = {
    NamedOption{"noplaintext", kNoPlaintext},        NamedOption{"noactive", kNoActive},
    NamedOption{"nodictionary", kNoDictionary},      NamedOption{"noanonymous", kNoAnonymous},
    NamedOption{"forward_secrecy", kForwardSecrecy}, NamedOption{"mutual_auth", kMutualAuth},
};

bool is_separator(char c) noexcept {
  return c == ',' || c == '\n' || c == '\r' || text::is_blank(c);
}

}  // namespace

SecurityOptions parse_security_options(std::string_view list, std::string* bad) {
  SecurityOptions options = 0;
  while (!list.empty()) {
    if (is_separator(list.front())) {
      list.remove_prefix(1);
      continue;
    }
    size_t length = 0;
    while (length < list.size() && !is_separator(list[length])) ++length;
    const std::string_view word = list.substr(0, length);
    bool known = false;
    for (const NamedOption& named : kOptions) {
      if (!text::equals_ignore_case(named.name, word)) continue;
      options |= named.option;
      known = true;
    }
    if (!known && bad->empty()) *bad = word;
    list.remove_prefix(length);
  }
  return options;
}

MechanismTraits mechanism_traits(std::string_view mechanism) noexcept {
  if (mechanism.starts_with("SCRAM-")) return {.violates = 0, .has = kMutualAuth};
  if (mechanism == "CRAM-MD5") return {.violates = kNoDictionary, .has = 0};
  if (mechanism == "ANONYMOUS") return {.violates = kNoAnonymous, .has = 0};
  return {.violates = kNoPlaintext | kNoActive | kNoDictionary, .has = 0};
}

}  // namespace barid::sasl
