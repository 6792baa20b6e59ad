// Result<T> and Error: how code says that the environment failed (style E1, E2).
// A protocol outcome (a 550, a deferral) is a plain value and never an Error.
// Layer: core/base, pure; callable from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/base/assert.h"

namespace barid {

/// What went wrong, in classes that callers act on differently.
enum class Code : uint16_t {
  kOk = 0,
  kMalformed,    ///< input breaks its grammar
  kTooLong,      ///< input breaks a length or count limit
  kNotFound,     ///< the named thing does not exist
  kTimeout,      ///< the deadline passed
  kCancelled,    ///< the owner asked to stop
  kClosed,       ///< the peer closed the connection in an orderly way
  kReset,        ///< the connection broke
  kRefused,      ///< the peer or the kernel refused
  kUnreachable,  ///< no route, network down
  kExhausted,    ///< a bounded resource of ours is full
  kNoSpace,      ///< the disk is full
  kIo,           ///< reading or writing storage failed
  kCorrupt,      ///< stored data does not decode or check
  kUnavailable,  ///< a component is down for now, e.g. the store after a failed sync
  kUnsupported,  ///< this build, kernel or peer cannot do it
  kPermission,   ///< the operating system denies it
  kTemporary,    ///< a lookup failed for now: neither found nor absent
};

/// Name of a code for logs, e.g. "timeout". Never null.
[[nodiscard]] const char* code_name(Code code) noexcept;

/// Maps an errno of a socket or file operation to a code.
[[nodiscard]] Code code_from_errno(int error_number) noexcept;

/// 16 trivially copyable bytes: no allocation, may cross shards. `text` is a static string or null.
struct Error {
  Code code = Code::kOk;
  uint16_t detail = 0;       ///< meaning depends on the function that returns it
  int32_t error_number = 0;  ///< errno, 0 if none
  const char* text = nullptr;
};
static_assert(sizeof(Error) == 16 && std::is_trivially_copyable_v<Error>);

[[nodiscard]] inline Error error_from_errno(int error_number, const char* text = nullptr) noexcept {
  return Error{.code = code_from_errno(error_number), .error_number = error_number, .text = text};
}

/// Either a T or an Error. Reading the wrong side is a bug and aborts.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}  // NOLINT: implicit on purpose
  Result(Error error) : error_(error) { BARID_ASSERT(error.code != Code::kOk); }  // NOLINT

  [[nodiscard]] bool ok() const noexcept { return value_.has_value(); }
  [[nodiscard]] Error error() const noexcept {
    BARID_ASSERT(!ok());
    return error_;
  }
  T& operator*() & noexcept {
    BARID_ASSERT(ok());
    return *value_;
  }
  const T& operator*() const& noexcept {
    BARID_ASSERT(ok());
    return *value_;
  }
  T&& operator*() && noexcept {
    BARID_ASSERT(ok());
    return std::move(*value_);
  }
  T* operator->() noexcept {
    BARID_ASSERT(ok());
    return &*value_;
  }
  const T* operator->() const noexcept {
    BARID_ASSERT(ok());
    return &*value_;
  }

 private:
  std::optional<T> value_;
  Error error_{};
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(error) { BARID_ASSERT(error.code != Code::kOk); }  // NOLINT

  [[nodiscard]] bool ok() const noexcept { return error_.code == Code::kOk; }
  [[nodiscard]] Error error() const noexcept {
    BARID_ASSERT(!ok());
    return error_;
  }

 private:
  Error error_{};
};

using Status = Result<void>;

}  // namespace barid

#define BARID_CONCAT_INNER(a, b) a##b
#define BARID_CONCAT(a, b) BARID_CONCAT_INNER(a, b)

/// BARID_TRY(auto x, f()); declares x, or returns the Error from the enclosing function.
#define BARID_TRY(declaration, expression) \
  BARID_TRY_IMPL(declaration, (expression), BARID_CONCAT(barid_try_, __LINE__), return)
/// The same inside a coroutine.
#define BARID_CO_TRY(declaration, expression) \
  BARID_TRY_IMPL(declaration, (expression), BARID_CONCAT(barid_try_, __LINE__), co_return)
#define BARID_TRY_IMPL(declaration, expression, name, return_keyword) \
  auto name = expression;                                             \
  if (!name.ok()) return_keyword name.error();                        \
  declaration = *std::move(name)
/// For Result<void>: returns the Error, declares nothing.
#define BARID_TRY_VOID(expression)                               \
  do {                                                           \
    auto barid_try_status = (expression);                        \
    if (!barid_try_status.ok()) return barid_try_status.error(); \
  } while (false)
