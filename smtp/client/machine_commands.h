// MAIL and RCPT command lines of the client, with their parameters.
// Source: RFC 5321 4.1.1.2, 4.1.1.3, 4.5.3.1.4; RFC 1870 3; RFC 6152 2; RFC 3030 3; RFC 6531 3.4;
//         RFC 3461 4 (DSN parameters, xtext); RFC 6533 3 (utf-8 original recipients).
// Layer:  smtp/client, pure, no allocation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/mail/envelope.h"
#include "smtp/client/machine_capabilities.h"

namespace barid::smtp {

/// RFC 5321 4.5.3.1.4: verb, address and CRLF; parameters add what their RFCs allow them.
inline constexpr size_t kCommandBytesMax = 512;
inline constexpr size_t kEnvidCharsMax = 100;  ///< RFC 3461 5.4
inline constexpr size_t kOrcptCharsMax = 500;  ///< RFC 3461 5.4

/// A line under construction. What does not fit is dropped and remembered as overflow.
class CommandLine {
 public:
  CommandLine& add(std::string_view text) noexcept;
  CommandLine& add(uint64_t number) noexcept;
  [[nodiscard]] std::string_view view() const noexcept { return {buffer_.data(), size_}; }
  [[nodiscard]] bool overflowed() const noexcept { return overflowed_; }
  /// Cuts back to `size` bytes, to take back a parameter that turned out too long.
  void truncate(size_t size) noexcept;
  [[nodiscard]] size_t size() const noexcept { return size_; }

 private:
  std::array<char, 2048> buffer_;
  size_t size_ = 0;
  bool overflowed_ = false;
};

enum class AddressFault : uint8_t {
  kNone,
  kControl,  ///< a control character, or '>' or a blank outside quotes: could end the command
  kTooLong,  ///< the command would exceed kCommandBytesMax
};

struct AddressFacts {
  AddressFault fault = AddressFault::kNone;
  bool non_ascii = false;
};

/// Looks at an address in external form without brackets before it goes into a command.
[[nodiscard]] AddressFacts check_address(std::string_view address) noexcept;

struct MailParameters {
  std::string_view sender;  ///< the envelope's, or its VERP form
  uint64_t size = 0;
  bool has_8bit = false;
  bool utf8 = false;  ///< SMTPUTF8 is declared
};

/// Whole lines with CRLF. Parameters appear only where the capability was offered. An ENVID or
/// ORCPT that would exceed its RFC's length, or does not parse, is left out.
void write_mail(const Envelope& envelope, const MailParameters& parameters,
                const Capabilities& server, CommandLine& out) noexcept;
/// One of the two XFORWARD commands that tell where the message came from: `part` 0 the client, 1
/// how it spoke. Nothing where the server offered no attribute of it or nothing is known.
void write_xforward(const Envelope& envelope, QueueId id, int part, const Capabilities& server,
                    CommandLine& out) noexcept;
void write_rcpt(const Recipient& recipient, bool utf8, const Capabilities& server,
                CommandLine& out) noexcept;

}  // namespace barid::smtp
