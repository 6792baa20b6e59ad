// What was said in a session, as far as a postmaster wants to read it: commands and replies, never
// content, never what AUTH carries. Bounded: of a long session the end is kept. Also which classes
// of trouble the replies show.
// Source: Postfix's notify_classes and the transcripts of smtpd(8).
// Layer: smtp/proto, pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace barid::smtp {

/// As bits.
enum TroubleClass : uint8_t {
  kTroublePolicy = 1,    ///< refused by a restriction
  kTroubleProtocol = 2,  ///< bad syntax, bad order, a session that broke off
  kTroubleResource = 4,  ///< no room on disk or in memory
  kTroubleSoftware = 8,  ///< the configuration or a program is at fault
  kTroubleData = 16,     ///< a table could not be read
};

/// Of one line of a reply, by its codes; 0: no trouble, or one of the mail's own (5.1.1).
[[nodiscard]] uint8_t trouble_of(std::string_view reply) noexcept;

/// Complete lines with their ends, without what follows AUTH's mechanism.
[[nodiscard]] std::string without_secrets(std::string_view lines);

class Transcript {
 public:
  explicit Transcript(size_t bytes_max) : bytes_max_(bytes_max) {}

  /// Complete lines with their ends; what follows AUTH's mechanism is left out.
  void add_input(std::string_view lines);
  void add_output(std::string_view lines);
  /// A remark, such as that the connection was lost.
  void add_note(std::string_view text) { add("", text); }
  void mark(uint8_t classes) noexcept { classes_ |= classes; }

  [[nodiscard]] uint8_t classes() const noexcept { return classes_; }
  /// Printable lines with CRLF.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  /// Lines at the beginning that had no room.
  [[nodiscard]] uint32_t left_out_count() const noexcept { return left_out_; }

 private:
  void add(std::string_view direction, std::string_view line);

  const size_t bytes_max_;
  std::string text_;
  uint32_t left_out_ = 0;
  uint8_t classes_ = 0;
};

}  // namespace barid::smtp
