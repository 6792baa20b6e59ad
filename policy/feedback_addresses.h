// Addresses to which others report: return paths of ours with their VERP extensions, and where
// feedback loops write.
// Layer: policy, pure.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/ascii.h"

namespace barid::policy {

struct FeedbackAddresses {
  std::vector<std::string> return_paths;  ///< return_path_addresses
  std::vector<std::string> complaints;    ///< fbl_address

  [[nodiscard]] bool contains(std::string_view address) const noexcept {
    const auto is = [address](const std::string& one) {
      return text::equals_ignore_case(one, address);
    };
    const auto extends = [address](const std::string& base) {
      const size_t at = base.rfind('@');
      const size_t address_at = address.rfind('@');
      if (at == std::string::npos || address_at == std::string_view::npos || address_at <= at) {
        return false;
      }
      return address[at] == '+' &&
             text::equals_ignore_case(address.substr(0, at),
                                      std::string_view(base).substr(0, at)) &&
             text::equals_ignore_case(address.substr(address_at),
                                      std::string_view(base).substr(at));
    };
    return std::any_of(complaints.begin(), complaints.end(), is) ||
           std::any_of(return_paths.begin(), return_paths.end(), is) ||
           std::any_of(return_paths.begin(), return_paths.end(), extends);
  }
};

}  // namespace barid::policy
