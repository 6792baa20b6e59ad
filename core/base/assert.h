// BARID_ASSERT: always on, states the broken invariant, ends the process (style E1: a bug is not an
// error to be handled). Never used on input from peers, disk or configuration.
// Layer: core/base, pure apart from the final abort.
#pragma once

namespace barid {

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace barid

#define BARID_ASSERT(expression)       \
  (__builtin_expect(!!(expression), 1) \
       ? void(0)                       \
       : ::barid::assertion_failed(#expression, __FILE__, __LINE__))
