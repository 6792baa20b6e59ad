// From method and path to the handler. Built once a listener; matching is pure.
//   router.add(Method::kGet, "/emails/{id}", handler<&EmailApi::show>(api));
// HEAD is served by GET's handler, OPTIONS and 405 by the table itself.
// Source: RFC 9110 9.3 (methods), 10.2.1 (Allow).
// Layer:  http. Shard-owned; handlers outlive the router.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/message.h"
#include "shard/runtime/task.h"

namespace barid::http {

class Exchange;

/// Asked before the handlers of routes that were added under it.
class RouteGuard {
 public:
  virtual ~RouteGuard() = default;
  /// False: it has answered the request itself.
  virtual rt::Task<bool> admit(Exchange& exchange) = 0;
};

/// Asked by the head of a request before a body of some size is taken in, so that strangers cannot
/// fill the memory that all bodies share. What it lets pass is judged again with the body.
class HeadGuard {
 public:
  virtual ~HeadGuard() = default;
  [[nodiscard]] virtual std::optional<ApiError> head_problem(const Request& request) = 0;
};

/// A member function bound to its object, without an allocation.
struct Handler {
  void* object = nullptr;
  rt::Task<void> (*call)(void* object, Exchange& exchange) = nullptr;
  RouteGuard* guard = nullptr;        ///< set by the router; null: everybody may call it
  HeadGuard* head_guard = nullptr;    ///< the same
  ErrorForm errors = error_response;  ///< the same: of all refusals, the engine's too
};

template <auto kMember, typename T>
[[nodiscard]] Handler handler(T& object) noexcept {
  return Handler{.object = &object, .call = [](void* self, Exchange& exchange) {
                   return (static_cast<T*>(self)->*kMember)(exchange);
                 }};
}

class Router {
 public:
  /// `pattern`: segments are literal or `{name}`; `{name...}` at the end takes all that is left.
  /// Static text: the router keeps views of it.
  void add(Method method, std::string_view pattern, Handler handler);

  /// For routes added from now on; it outlives the router. Null: none.
  void set_guard(RouteGuard* guard) noexcept { guard_ = guard; }

  /// The same.
  void set_head_guard(HeadGuard* guard) noexcept { head_guard_ = guard; }

  /// For routes added from now on.
  void set_error_form(ErrorForm form) noexcept { errors_ = form; }

  struct Match {
    const Handler* handler = nullptr;  ///< null: no such route
    std::string allow;                 ///< for 405 and OPTIONS; empty = no such path
  };
  /// Fills `request.path_parameters` on a hit.
  [[nodiscard]] Match match(Request& request) const;
  /// Methods and patterns, in the order in which they were added.
  [[nodiscard]] std::vector<std::pair<Method, std::string_view>> routes() const;

 private:
  struct Route {
    Method method;
    std::string_view pattern;
    std::vector<std::string_view> segments;
    Handler handler;
  };
  [[nodiscard]] static bool matches(const Route& route, const Target& target) noexcept;
  std::vector<Route> routes_;
  RouteGuard* guard_ = nullptr;
  HeadGuard* head_guard_ = nullptr;
  ErrorForm errors_ = error_response;
};

}  // namespace barid::http
