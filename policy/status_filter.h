// smtp_delivery_status_filter and its kind: a table that replaces "x.y.z text" of a delivery's
// result. Source: Postfix's default_delivery_status_filter. Layer: policy, pure.
#pragma once

#include <string>
#include <string_view>

#include "core/lookup/table_list.h"
#include "core/mail/envelope.h"

namespace barid::policy {

class StatusFilter {
 public:
  StatusFilter() = default;
  StatusFilter(std::string_view parameter_name, std::string_view value,
               const lookup::OpenContext& context)
      : tables_(parameter_name, value, context), name_(parameter_name) {}

  [[nodiscard]] bool empty() const noexcept { return tables_.empty(); }
  /// Changes code, text and, between 4 and 5, the disposition. A result that says more, that mail
  /// was delivered or was not, is ignored, since it would be a lie; so is one that is none. Returns
  /// what is to be complained about, or nothing.
  [[nodiscard]] std::string apply(Outcome& outcome) const;

 private:
  lookup::TableList tables_;
  std::string name_;
};

}  // namespace barid::policy
