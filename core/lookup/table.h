// Lookup tables: `type:name` opened once, then an immutable snapshot that any thread may query.
// Three answers that never mix: found, not found, and "cannot tell" (a temporary failure).
// Layer: core/lookup. Opening reads files; find() is pure, bounded and does not throw.
#pragma once

#include <absl/functional/function_ref.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/lookup/files.h"

namespace barid::lookup {

/// The answer to one query. value() borrows from the table or the result itself: it is valid as
/// long as both live.
class LookupResult {
 public:
  enum class Status : uint8_t { kNotFound, kFound, kTemporary };

  [[nodiscard]] static LookupResult not_found() noexcept { return {}; }
  /// `text` outlives the result, e.g. because the table owns it.
  [[nodiscard]] static LookupResult found(std::string_view text) noexcept {
    return LookupResult(Status::kFound, text);
  }
  [[nodiscard]] static LookupResult found_copy(std::string text) noexcept {
    LookupResult result(Status::kFound, {});
    result.owned_ = std::move(text);
    return result;
  }
  /// `reason` outlives the result.
  [[nodiscard]] static LookupResult temporary(std::string_view reason) noexcept {
    return LookupResult(Status::kTemporary, reason);
  }
  /// A table answered with something that no feature accepts: SMTP 451 4.3.5, not 4.3.0.
  [[nodiscard]] static LookupResult misconfigured(std::string reason) noexcept {
    LookupResult result(Status::kTemporary, {});
    result.owned_ = std::move(reason);
    result.misconfigured_ = true;
    return result;
  }

  [[nodiscard]] Status status() const noexcept { return status_; }
  [[nodiscard]] bool is_found() const noexcept { return status_ == Status::kFound; }
  [[nodiscard]] bool is_temporary() const noexcept { return status_ == Status::kTemporary; }
  [[nodiscard]] bool is_misconfigured() const noexcept { return misconfigured_; }
  /// The value when found, the reason when temporary, else empty.
  [[nodiscard]] std::string_view value() const noexcept {
    return owned_.empty() ? borrowed_ : std::string_view(owned_);
  }

 private:
  LookupResult() noexcept = default;
  LookupResult(Status status, std::string_view text) noexcept : status_(status), borrowed_(text) {}

  Status status_ = Status::kNotFound;
  bool misconfigured_ = false;
  std::string_view borrowed_;
  std::string owned_;
};

/// How a table treats keys. Pattern tables are only asked for complete keys: never for `@domain`, a
/// bare user or a parent domain.
enum class KeyStyle : uint8_t { kFixed, kPattern };

class Table {
 public:
  virtual ~Table() = default;
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  /// Fixed tables fold the key to lower case themselves. Allocates nothing for keys up to 320 bytes
  /// (unionmap: joins its result).
  [[nodiscard]] virtual LookupResult find(std::string_view key) const = 0;

  /// Calls `visit` for each key and value. False: this table cannot be listed, or not in full.
  using Visitor = absl::FunctionRef<void(std::string_view key, std::string_view value)>;
  [[nodiscard]] virtual bool for_each_entry(Visitor) const { return false; }

  [[nodiscard]] KeyStyle key_style() const noexcept { return key_style_; }
  /// `type:name` as configured.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 protected:
  Table(std::string name, KeyStyle key_style) : name_(std::move(name)), key_style_(key_style) {}

 private:
  std::string name_;
  KeyStyle key_style_;
};

/// Knows where the values of parameters were set.
class PlaceFinder {
 public:
  /// How a complaint about the value of `parameter` begins: "FILE, line 3: PARAMETER: ".
  [[nodiscard]] virtual std::string start_of(std::string_view parameter) const = 0;

 protected:
  ~PlaceFinder() = default;
};

/// What opening needs from outside, and where it complains.
struct OpenContext {
  FileReader read_file = read_no_file;
  std::vector<std::string>* warnings = nullptr;  ///< may be null: warnings are dropped
  std::vector<std::string>* errors = nullptr;    ///< values that cannot be meant; null: as warnings
  bool literal_results = false;  ///< $1 in regexp and pcre is refused: what a peer wrote would act
  bool secret_values = false;    ///< neither names nor complaints show what a spec itself holds
  const PlaceFinder* places = nullptr;  ///< null: complaints name the parameter only
  std::string prefix = {};              ///< of every complaint

  /// For opening what the value of `parameter` names.
  [[nodiscard]] OpenContext about(std::string_view parameter) const {
    OpenContext own = *this;
    own.prefix = places != nullptr ? places->start_of(parameter) : std::string(parameter) + ": ";
    return own;
  }
  void error(const std::string& text) const {
    if (errors == nullptr) return warn(text);
    errors->push_back(prefix + text);
  }
  void warn(const std::string& text) const {
    if (warnings != nullptr) warnings->push_back(prefix + text);
  }
};

/// Opens `type:name`. Never fails: an unknown type or unreadable source becomes a table whose every
/// lookup fails temporarily, with one warning now.
[[nodiscard]] std::unique_ptr<Table> open_table(std::string_view spec, const OpenContext& context);

/// Whether the values of this parameter's tables are passwords.
[[nodiscard]] bool holds_secrets(std::string_view parameter) noexcept;
/// A spec without the values that it holds itself: "inline:(hidden)". Names of files stay.
[[nodiscard]] std::string without_values(std::string_view spec);

/// Names of the types that open_table knows, sorted.
[[nodiscard]] const std::vector<std::string_view>& table_types();

/// True for a list item that names a table. An item that starts with `[` is an IPv6 address.
[[nodiscard]] constexpr bool is_table_spec(std::string_view item) noexcept {
  return !item.starts_with('[') && item.find(':') != std::string_view::npos;
}

}  // namespace barid::lookup
