#include "core/base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace barid {

void assertion_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "barid: panic: %s:%d: assertion failed: %s\n", file, line, expression);
  std::fflush(stderr);
  std::abort();
}

}  // namespace barid
