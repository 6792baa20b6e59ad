// What a shard does with the suppression list: looks up, adds, removes, lists; for the API of
// tenants and for that of operators.
// Layer: http. Shard-owned.
#pragma once

#include <string>
#include <vector>

#include "http/submit/email_api.h"
#include "http/submit/suppression.h"

namespace barid::http {

class SuppressionBook {
 public:
  struct Env {
    rt::Reactor& reactor;
    rt::Offload& offload;
    schedule::QueueManager& queue;
    FateRecorder& fates;
    SuppressionFilter& filter;
    const StoreDirectory& stores;
    SubmitHost& host;
  };
  explicit SuppressionBook(const Env& env) : env_(env) {}

  /// Errors of all: kUnavailable and those of the store.
  rt::Task<Result<std::optional<Suppression>>> find(std::string tenant, std::string id_or_email);
  /// On disk. Those that are there already come back as they are. `emails` in suppressed_form().
  rt::Task<Result<std::vector<Suppression>>> add(std::string tenant,
                                                 std::vector<std::string> emails,
                                                 std::string origin);
  /// Those that were there, each by id or address.
  rt::Task<Result<std::vector<Suppression>>> remove(std::string tenant,
                                                    std::vector<std::string> names);
  rt::Task<Result<SuppressionPage>> list(SuppressionQuery query);

 private:
  [[nodiscard]] MonoTime patience() const noexcept;
  Env env_;
};

}  // namespace barid::http
