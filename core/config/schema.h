// What the product knows about each parameter: type, default, limits, whether it acts here.
// Declared once, in parameters.tsv; the table is compiled in, sorted by name.
// Layer: core/config, pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace barid::config {

enum class ValueType : uint8_t {
  kString,
  kRaw,  ///< text whose `$` is expanded later, per message
  kBool,
  kInt,
  kTime,
  kTimeList,
};

/// What a value must be beyond its type.
enum class Check : uint8_t {
  kNone,
  kRequired,   ///< not empty
  kRange,      ///< minimum..maximum
  kOneOf,      ///< one of `choices`
  kAnyOf,      ///< a list of items out of `choices`
  kSomeOf,     ///< the same, not empty
  kHostName,   ///< a host name
  kHeloName,   ///< a host name, or an address in brackets
  kEndpoints,  ///< a list of address@port, or "recursive"
};

enum class Effect : uint8_t {
  kLive,     ///< a reload applies it
  kRestart,  ///< read at start
  kNone,     ///< accepted for compatibility; the description says why it does nothing
};

struct Parameter {
  std::string_view name;
  ValueType type;
  std::string_view default_value;  ///< unexpanded
  bool computed;                   ///< the default comes from facts about host or program
  Check check;
  int64_t minimum;
  int64_t maximum;
  std::string_view choices;  ///< separated by '|'; an empty choice allows the empty value
  Effect effect;
  std::string_view description;
};

/// All parameters, sorted by name (byte order).
[[nodiscard]] std::span<const Parameter> all_parameters() noexcept;

/// The parameter of that exact name, or null. O(log n).
[[nodiscard]] const Parameter* find_parameter(std::string_view name) noexcept;

/// `<transport>_<suffix>` parameters exist for every delivery service. `fallback` names the
/// parameter whose value, type and limits apply when it is unset.
struct TransportParameter {
  std::string_view suffix;  ///< with the leading underscore
  std::string_view fallback;
};
[[nodiscard]] std::span<const TransportParameter> transport_parameters() noexcept;

/// The one of `names` closest to `name` by edit distance, or empty when none is near.
[[nodiscard]] std::string_view nearest_of(std::string_view name,
                                          std::span<const std::string_view> names);
/// The same among the schema's names and `more_names`.
[[nodiscard]] std::string_view nearest_name(std::string_view name,
                                            std::span<const std::string> more_names = {});

/// The items of `choices`.
[[nodiscard]] std::vector<std::string_view> split_choices(std::string_view choices);

/// Names for people: "string", "yes/no", "number", …
[[nodiscard]] std::string_view type_name(ValueType type) noexcept;
[[nodiscard]] std::string_view effect_name(Effect effect) noexcept;
/// The limits of a parameter in words, e.g. "1..", "one of mx, domain"; empty when there are none.
[[nodiscard]] std::string describe_check(const Parameter& parameter);

}  // namespace barid::config
