// Names and values for templates in tests and samples: a map in the place of main.cf.
// Layer:  deliver, pure; tests only.
#pragma once

#include <map>
#include <string>

#include "core/config/expand.h"

namespace barid {

class TestNames final : public config::NameSource {
 public:
  TestNames(std::initializer_list<std::pair<const std::string, std::string>> values)
      : values_(values) {}
  std::optional<std::string_view> find_value(std::string_view name) const override {
    const auto found = values_.find(name);
    if (found == values_.end()) return std::nullopt;
    return found->second;
  }
  std::optional<std::string> domain_to_ascii(std::string_view domain) const override {
    return std::string(domain);
  }

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace barid
