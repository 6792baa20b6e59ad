#include "core/mail/verp.h"

#include <algorithm>

#include "core/base/assert.h"

namespace barid {
namespace {

struct Parts {
  std::string_view local;
  std::string_view domain;  ///< empty = none
};

/// In external form an "@" of the local part is quoted, and a domain has none: the last one splits.
Parts split(std::string_view address) noexcept {
  const size_t at = address.rfind('@');
  if (at == std::string_view::npos) return {.local = address, .domain = {}};
  return {.local = address.substr(0, at), .domain = address.substr(at + 1)};
}

void append_unquoted(std::string& out, std::string_view local) {
  const bool quoted = local.size() >= 2 && local.front() == '"' && local.back() == '"';
  if (!quoted) {
    out += local;
    return;
  }
  local = local.substr(1, local.size() - 2);
  for (size_t i = 0; i < local.size(); ++i) {
    if (local[i] == '\\' && i + 1 < local.size()) ++i;
    out += local[i];
  }
}

/// RFC 5321 4.1.2 Dot-string, with the UTF-8 of RFC 6531.
bool is_dot_string(std::string_view local) noexcept {
  constexpr std::string_view kSpecials = "()<>[]:;@\\,\" ";
  if (local.empty() || local.front() == '.' || local.back() == '.') return false;
  if (local.find("..") != std::string_view::npos) return false;
  return std::all_of(local.begin(), local.end(), [&](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != 0x7f && kSpecials.find(c) == std::string_view::npos;
  });
}

void append_local(std::string& out, std::string_view local) {
  if (is_dot_string(local)) {
    out += local;
    return;
  }
  out += '"';
  for (const char c : local) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

}  // namespace

bool uses_verp(const Envelope& envelope) noexcept {
  return envelope.verp.size() == 2 && !envelope.sender.empty();
}

std::string verp_sender(std::string_view sender, std::string_view recipient,
                        std::string_view delimiters) {
  BARID_ASSERT(delimiters.size() == 2);
  const Parts from = split(sender);
  const Parts to = split(recipient);
  std::string local;
  append_unquoted(local, from.local);
  local += delimiters[0];
  append_unquoted(local, to.local);
  if (!to.domain.empty()) {
    local += delimiters[1];
    local += to.domain;
  }
  std::string result;
  append_local(result, local);
  if (!from.domain.empty()) {
    result += '@';
    result += from.domain;
  }
  return result;
}

}  // namespace barid
