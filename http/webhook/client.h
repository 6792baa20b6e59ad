// Sends webhooks, many at a time, on one thread: libcurl's multi interface. Redirects are not
// followed, certificates are verified, and a connection is made only to an address that the policy
// allows, whatever the name said before.
// Layer: http. One thread; wake() from any.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "http/webhook/address_policy.h"

namespace barid::http {

struct WebhookCall {
  uint64_t token = 0;  ///< the caller's
  std::string url;
  std::vector<std::string> fields;  ///< header lines
  std::string body;
  std::string resolve = {};  ///< "HOST:PORT:ADDRESS,…" instead of the system's resolver
};

struct WebhookAnswer {
  uint64_t token = 0;
  int status = 0;       ///< of the answer; 0 = there was none
  std::string problem;  ///< why not
};

struct WebhookClientSettings {
  AddressPolicy policy;
  std::chrono::milliseconds timeout{15'000};  ///< for the whole of a call
  std::string ca_file;                        ///< empty = the system's
  std::string user_agent;
};

class WebhookClient {
 public:
  WebhookClient();
  ~WebhookClient();
  WebhookClient(const WebhookClient&) = delete;
  WebhookClient& operator=(const WebhookClient&) = delete;

  /// For calls from now on.
  void set_settings(WebhookClientSettings settings);
  /// False: no call can be made now.
  [[nodiscard]] bool start(WebhookCall call);
  /// Moves what is under way, waiting at most `patience` for something to happen.
  [[nodiscard]] std::vector<WebhookAnswer> run(std::chrono::milliseconds patience);
  /// Any thread: a wait in run() ends.
  void wake() noexcept;
  [[nodiscard]] size_t calls_count() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace barid::http
