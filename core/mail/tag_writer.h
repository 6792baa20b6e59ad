// Writes the tags of a signature field into lines that stay short.
// Source: RFC 6376 3.5 (folds between tags are allowed), RFC 5322 2.1.1.
// Layer:  core/mail, pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace barid::dkim {

class TagWriter {
 public:
  static constexpr size_t kColumnMax = 76;
  static constexpr size_t kFoldColumn = 8;  ///< where a tabulator ends
  static constexpr std::string_view kFold = "\r\n\t";

  explicit TagWriter(std::string_view head) : out_(head), column_(head.size()) {}

  /// ` name=value;`, on the next line if it does not fit.
  void add(std::string_view name, std::string_view value);
  void add(std::string_view name, int64_t value);
  /// A piece that stands without a blank before it.
  void add_piece(std::string_view piece);
  void fold();
  void put(std::string_view text);
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  std::string out_;
  size_t column_;
};

}  // namespace barid::dkim
