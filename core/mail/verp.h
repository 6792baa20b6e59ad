// Variable envelope return paths: the recipient's address written into the sender's, so that a
// bounce says by its address whom it is about.
// Source: D. J. Bernstein's VERP as in Postfix's VERP_README; RFC 5321 4.1.2 (quoting).
// Layer:  core/mail, pure.
#pragma once

#include <string>
#include <string_view>

#include "core/mail/envelope.h"

namespace barid {

/// Whether the recipients of `envelope` get senders of their own, one transaction each.
[[nodiscard]] bool uses_verp(const Envelope& envelope) noexcept;

/// list@origin and user@domain with "+=" give list+user=domain@origin. Addresses are in external
/// form, and so is the result, quoted where it has to be. `delimiters` are two characters.
[[nodiscard]] std::string verp_sender(std::string_view sender, std::string_view recipient,
                                      std::string_view delimiters);

}  // namespace barid
