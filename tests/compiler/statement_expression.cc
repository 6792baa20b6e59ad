// A TRY that is an expression: `co_return` inside a GNU statement expression. Compiled only,
// because a compiler may stop with an internal error here; our macros are statements instead (style
// E3).
#include "tests/compiler/probe.h"

probe::Task<std::optional<int>> maybe();
probe::Task<int> user();

#define EXPRESSION_TRY(expression) \
  ({                               \
    auto try_value = (expression); \
    if (!try_value) co_return -1;  \
    *std::move(try_value);         \
  })

probe::Task<std::optional<int>> maybe() { co_return 1; }
probe::Task<int> user() {
  const int value = EXPRESSION_TRY(co_await maybe());
  co_return value;
}
