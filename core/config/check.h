// Checks a whole configuration: every value of every parameter, in every service.
// Private to core/config; Configuration::load calls it.
// Layer: core/config, pure.
#pragma once

#include "core/config/configuration.h"

namespace barid::config {

class Checker {
 public:
  Checker(const Configuration& configuration, Diagnostics& diagnostics)
      : configuration_(configuration), diagnostics_(diagnostics) {}

  /// Types, ranges, loops: errors at the place of the setting that causes them.
  void check_values();
  /// Names that nobody knows or uses, references to undefined names: warnings.
  void check_names();

 private:
  struct Place {
    std::string file;
    int32_t line = 0;
  };

  void check_scope(const ServiceEntry* entry);
  void check_parameter(const ServiceEntry* entry, std::string_view name, const Parameter& rules);
  [[nodiscard]] std::optional<Place> culprit(const ServiceEntry* entry, std::string_view name,
                                             const std::vector<std::string>& names) const;
  void check_log_file();
  void warn_unused(const std::string& file, int32_t line, std::string_view prefix,
                   std::string_view name, std::string_view value);
  void warn_undefined(const std::string& file, int32_t line, std::string_view value);
  [[nodiscard]] bool is_defined(std::string_view name) const;

  const Configuration& configuration_;
  Diagnostics& diagnostics_;
};

}  // namespace barid::config
