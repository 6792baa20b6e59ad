// MTA-STS policies: fetched with libcurl, kept as files in the queue directory.
// Source: RFC 8461 3.3: HTTPS only, no redirects, a valid certificate, text/plain.
// Layer:  tools. Any thread; all calls block.
#pragma once

#include <mutex>
#include <string>

#include "smtp/client/sts_policies.h"

namespace barid::tools {

struct StsSettings {
  std::string ca_file;  ///< mta_sts_CAfile; empty = the system's authorities
  uint16_t port = 443;  ///< mta_sts_port
};

class StsStore final : public smtp::StsSource {
 public:
  /// Files go to `queue_directory`/mta-sts.
  explicit StsStore(std::string queue_directory) : directory_(std::move(queue_directory)) {}

  void set_settings(StsSettings settings);

  [[nodiscard]] std::optional<smtp::StoredStsPolicy> load(const std::string& domain) const override;
  void store(const std::string& domain, const smtp::StoredStsPolicy& policy) const override;
  [[nodiscard]] smtp::FetchedStsPolicy fetch(
      const std::string& domain, const std::vector<std::string>& addresses) const override;

 private:
  [[nodiscard]] std::string path_of(const std::string& domain) const;

  const std::string directory_;
  mutable std::mutex mutex_;
  StsSettings settings_;
};

}  // namespace barid::tools
