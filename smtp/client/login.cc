#include "smtp/client/login.h"

namespace barid::smtp {

using Status = lookup::LookupResult::Status;

/// The address, then its @domain.
lookup::LookupResult ClientLogins::find_sender(std::string_view sender) const {
  lookup::LookupResult found = passwords_.find(sender);
  const size_t at = sender.rfind('@');
  if (found.status() != Status::kNotFound || at == std::string_view::npos) return found;
  return passwords_.find(sender.substr(at));
}

bool ClientLogins::has_own(std::string_view sender) const {
  return by_sender_ && !sender.empty() && find_sender(sender).status() != Status::kNotFound;
}

ClientLogins::Answer ClientLogins::find(std::string_view host, std::string_view nexthop,
                                        std::string_view sender) const {
  lookup::LookupResult found = sender.empty() ? passwords_.find(host) : find_sender(sender);
  if (found.status() == Status::kNotFound && !sender.empty()) found = passwords_.find(host);
  if (found.status() == Status::kNotFound) found = passwords_.find(nexthop);
  if (found.is_temporary()) return {.client = nullptr, .temporary = true};
  if (!found.is_found()) return {};
  auto credentials = sasl::parse_credentials(found.value(), delimiter_);
  if (!credentials) return {.client = nullptr, .temporary = true};
  return {.client = sasl::make_client(rules_, *std::move(credentials)), .temporary = false};
}

}  // namespace barid::smtp
