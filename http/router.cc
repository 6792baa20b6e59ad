#include "http/router.h"

#include "core/base/assert.h"

namespace barid::http {
namespace {

bool is_parameter(std::string_view segment) noexcept {
  return segment.starts_with('{') && segment.ends_with('}');
}
bool takes_rest(std::string_view segment) noexcept { return segment.ends_with("...}"); }

}  // namespace

void Router::add(Method method, std::string_view pattern, Handler handler) {
  BARID_ASSERT(pattern.starts_with('/'));
  Route route{.method = method, .pattern = pattern, .handler = handler};
  route.handler.guard = guard_;
  route.handler.head_guard = head_guard_;
  route.handler.errors = errors_;
  pattern.remove_prefix(1);
  while (!pattern.empty()) {
    const size_t slash = pattern.find('/');
    route.segments.push_back(pattern.substr(0, slash));
    if (slash == std::string_view::npos) break;
    pattern.remove_prefix(slash + 1);
    if (pattern.empty()) route.segments.emplace_back();  // "/a/" is not "/a"
  }
  routes_.push_back(std::move(route));
}

bool Router::matches(const Route& route, const Target& target) noexcept {
  const bool open_end = !route.segments.empty() && takes_rest(route.segments.back());
  const size_t fixed = route.segments.size() - (open_end ? 1 : 0);
  if (open_end ? target.segments.size() < fixed : target.segments.size() != fixed) return false;
  for (size_t i = 0; i < fixed; ++i) {
    const bool any = is_parameter(route.segments[i]);
    if (any ? target.segments[i].empty() : route.segments[i] != target.segments[i]) return false;
  }
  return true;
}

std::vector<std::pair<Method, std::string_view>> Router::routes() const {
  std::vector<std::pair<Method, std::string_view>> list;
  for (const Route& route : routes_) list.emplace_back(route.method, route.pattern);
  return list;
}

Router::Match Router::match(Request& request) const {
  Match found;
  request.path_parameters.clear();
  const Method wanted = request.method == Method::kHead ? Method::kGet : request.method;
  const auto allow = [&found](std::string_view name) {
    if (found.allow.find(name) != std::string::npos) return;
    if (!found.allow.empty()) found.allow += ", ";
    found.allow += name;
  };
  for (const Route& route : routes_) {
    if (!matches(route, request.target)) continue;
    allow(method_name(route.method));
    if (route.method == Method::kGet) allow("HEAD");
    if (route.method != wanted || found.handler != nullptr) continue;
    found.handler = &route.handler;
    for (size_t i = 0; i < route.segments.size(); ++i) {
      std::string_view name = route.segments[i];
      if (!is_parameter(name)) continue;
      std::string value;
      if (takes_rest(name)) {
        for (size_t k = i; k < request.target.segments.size(); ++k) {
          if (k > i) value += '/';
          value += request.target.segments[k];
        }
        name.remove_suffix(3);
      } else {
        value = request.target.segments[i];
      }
      request.path_parameters.emplace_back(name.substr(1, name.size() - 2), std::move(value));
    }
  }
  if (!found.allow.empty()) allow("OPTIONS");
  return found;
}

}  // namespace barid::http
