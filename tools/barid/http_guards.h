// Who may ask before a handler is asked: keys where others reach a service, and no page of others
// in a browser of this host where they do not.
// Layer: tools. Shard-owned.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "http/browser_origin.h"
#include "http/router.h"
#include "http/submit/admission.h"

namespace barid::tools {

/// A key with the scope admin.
class AdminGuard final : public http::RouteGuard {
 public:
  explicit AdminGuard(http::Admission& admission) : admission_(admission) {}
  rt::Task<bool> admit(http::Exchange& exchange) override;

 private:
  http::Admission& admission_;
};

/// A service of this host's own takes requests without a key, so a browser must not lend itself to
/// pages of others.
class LocalGuard final : public http::RouteGuard {
 public:
  /// `keys`: requests that need one of them are not judged, for no page of others has it. Null: all
  /// are.
  LocalGuard(http::HostCheck host_check, const http::Admission* keys,
             std::vector<std::string> host_names)
      : host_check_(host_check), keys_(keys), host_names_(std::move(host_names)) {}
  void reload(std::vector<std::string> host_names) { host_names_ = std::move(host_names); }
  rt::Task<bool> admit(http::Exchange& exchange) override;

 private:
  const http::HostCheck host_check_;
  const http::Admission* const keys_;
  std::vector<std::string> host_names_;
};

}  // namespace barid::tools
