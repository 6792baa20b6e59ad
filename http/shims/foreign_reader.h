// Reads members of another API's JSON. The first problem is kept and names its field; what nobody
// asked for is a problem too, so that nothing is dropped in silence.
// Layer:  http, pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "http/submit/json.h"

namespace barid::http {

class ForeignReader {
 public:
  /// A field that is not known, or known and not to be had here: `why` says so.
  struct Absent {
    std::string_view name;
    std::string_view why;
  };
  /// `ignore_case`: of member names.
  explicit ForeignReader(bool ignore_case) : ignore_case_(ignore_case) {}

  void fail(std::string field, std::string_view what);
  void fail_missing(std::string field);
  [[nodiscard]] bool failed() const noexcept { return problem_.has_value(); }
  [[nodiscard]] std::optional<ApiError> take_problem() { return std::exchange(problem_, {}); }

  /// The member, or null if it is absent or JSON null.
  [[nodiscard]] JsonValue* find(JsonValue& object, std::string_view name) const noexcept;
  /// `object` is an object and has no member but `known`; those of `absent` are refused with why.
  /// `path`: of the object, with a dot at its end, or empty.
  bool check_names(const JsonValue& object, std::string_view path,
                   std::span<const std::string_view> known, std::span<const Absent> absent = {});
  /// A text member; empty if it is absent.
  std::string text(JsonValue& object, std::string_view path, std::string_view name);
  /// A true or false; false if it is absent.
  bool flag(JsonValue& object, std::string_view path, std::string_view name);
  /// An array, or null if it is absent.
  JsonValue* array(JsonValue& object, std::string_view path, std::string_view name,
                   size_t items_max);
  /// An object whose members are texts, or null if it is absent.
  JsonValue* texts(JsonValue& object, std::string_view path, std::string_view name);

 private:
  [[nodiscard]] bool same(std::string_view a, std::string_view b) const noexcept;
  bool ignore_case_;
  std::optional<ApiError> problem_;
};

[[nodiscard]] JsonValue json_of(std::string text);
/// Adds a member, or replaces it.
void put(JsonValue& object, std::string_view name, JsonValue value);
/// `Name <address>`, with whatever the name has.
[[nodiscard]] std::string mailbox_text(std::string_view name, std::string_view address);

/// The items of a list of addresses: commas inside quotes and brackets divide nothing.
[[nodiscard]] std::vector<std::string_view> split_addresses(std::string_view list);

}  // namespace barid::http
