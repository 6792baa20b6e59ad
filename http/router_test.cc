// Goal: a path leads to one handler, or to what is allowed there. Method: rows.
#include "http/router.h"

#include <gtest/gtest.h>

#include "http/exchange.h"

namespace barid::http {
namespace {

struct Api {
  rt::Task<void> list(Exchange&) { co_return; }
  rt::Task<void> show(Exchange&) { co_return; }
  rt::Task<void> make(Exchange&) { co_return; }
  rt::Task<void> files(Exchange&) { co_return; }
};

TEST(Router, Matches) {
  Api api;
  Router router;
  const Handler list = handler<&Api::list>(api);
  const Handler show = handler<&Api::show>(api);
  const Handler make = handler<&Api::make>(api);
  const Handler files = handler<&Api::files>(api);
  router.add(Method::kGet, "/emails", list);
  router.add(Method::kPost, "/emails", make);
  router.add(Method::kGet, "/emails/{id}", show);
  router.add(Method::kPost, "/emails/batch", make);
  router.add(Method::kGet, "/console/{path...}", files);
  router.add(Method::kGet, "/", list);

  struct Case {
    std::string_view method, target;
    decltype(Handler::call) call;
    std::string_view allow, parameter;
  };
  const Case cases[] = {
      {"GET", "/emails", list.call, "", ""},
      {"HEAD", "/emails", list.call, "", ""},
      {"POST", "/emails", make.call, "", ""},
      {"GET", "/emails/7", show.call, "", "7"},
      {"GET", "/emails/batch", show.call, "", "batch"},
      {"POST", "/emails/batch", make.call, "", ""},
      {"GET", "/console/", files.call, "", ""},
      {"GET", "/console/a/b", files.call, "", "a/b"},
      {"GET", "/", list.call, "", ""},
      {"DELETE", "/emails", nullptr, "GET, HEAD, POST, OPTIONS", ""},
      {"OPTIONS", "/emails/7", nullptr, "GET, HEAD, OPTIONS", ""},
      {"BREW", "/", nullptr, "GET, HEAD, OPTIONS", ""},
      {"GET", "/email", nullptr, "", ""},
      {"GET", "/emails/", nullptr, "", ""},
      {"GET", "/emails/7/8", nullptr, "", ""},
      {"GET", "/Emails", nullptr, "", ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(std::string(c.method) + " " + std::string(c.target));
    Request request;
    request.method = parse_method(c.method);
    request.target = *parse_target(c.target);
    const Router::Match match = router.match(request);
    ASSERT_EQ(match.handler != nullptr, c.call != nullptr);
    if (match.handler != nullptr) {
      EXPECT_EQ(match.handler->call, c.call);
      EXPECT_EQ(match.handler->object, &api);
      const std::string_view name = c.target.starts_with("/console") ? "path" : "id";
      EXPECT_EQ(request.path_parameter(name), c.parameter);
    } else {
      EXPECT_EQ(match.allow, c.allow);
    }
  }
}

}  // namespace
}  // namespace barid::http
