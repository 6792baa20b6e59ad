#include "smtp/client/login.h"

namespace barid::smtp {

ClientLogins::Answer ClientLogins::find(std::string_view host, std::string_view nexthop) const {
  lookup::LookupResult found = passwords_.find(host);
  if (found.status() == lookup::LookupResult::Status::kNotFound) found = passwords_.find(nexthop);
  if (found.is_temporary()) return {.client = nullptr, .temporary = true};
  if (!found.is_found()) return {};
  auto credentials = sasl::parse_credentials(found.value(), delimiter_);
  if (!credentials) return {.client = nullptr, .temporary = true};
  return {.client = sasl::make_client(rules_, *std::move(credentials)), .temporary = false};
}

}  // namespace barid::smtp
