#include "shard/net/tls_names.h"

#include "core/text/ascii.h"

namespace barid::net {
namespace {

std::string_view without_dot(std::string_view name) noexcept {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

bool ends_with_ignoring_case(std::string_view name, std::string_view end) noexcept {
  return name.size() > end.size() &&
         text::equals_ignore_case(name.substr(name.size() - end.size()), end);
}

}  // namespace

bool names_match(std::string_view presented, std::string_view wanted,
                 Wildcards wildcards) noexcept {
  presented = without_dot(presented);
  wanted = without_dot(wanted);
  // A NUL would end the name for others: nobody who is honest has one.
  if (presented.empty() || wanted.empty() || presented.find('\0') != std::string_view::npos) {
    return false;
  }
  if (wanted.front() == '.') {
    if (presented.starts_with("*.")) presented.remove_prefix(1);
    return ends_with_ignoring_case(presented, wanted) ||
           (presented.front() == '.' && text::equals_ignore_case(presented, wanted));
  }
  if (!presented.starts_with("*.")) return text::equals_ignore_case(presented, wanted);
  const std::string_view parent = presented.substr(1);
  if (parent.find('.', 1) == std::string_view::npos) return false;  // "*.com" is too much
  if (!ends_with_ignoring_case(wanted, parent)) return false;
  const std::string_view labels = wanted.substr(0, wanted.size() - parent.size());
  return wildcards == Wildcards::kManyLabels || labels.find('.') == std::string_view::npos;
}

}  // namespace barid::net
