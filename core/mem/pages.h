// Memory given back to the system before its owner is done with it: of a large text that is copied
// piece by piece, what was copied already.
// Layer: core/mem, any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace barid {

/// Below this size it is not worth a system call.
inline constexpr size_t kReleaseBytesMin = size_t{1} << 20;

/// Lets go of the whole pages of private memory within `bytes`. They stay allocated and hold zeros,
/// or what they held, from now on.
void release_pages(std::string_view bytes) noexcept;

/// Appends `bytes`, of memory that may be written to, and lets go of them piece by piece if they
/// are many: they are lost, but for the first page and what is of the last one.
void move_bytes(std::string& out, std::string_view bytes);

}  // namespace barid
