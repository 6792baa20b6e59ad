// What the webhooks' thread asks of the shards: messages to them.
// Layer: tools. Called on the webhooks' thread.
#pragma once

#include <string>
#include <vector>

#include "http/webhook/worker.h"
#include "tools/barid/shard.h"

namespace barid::tools {

class WebhookLink final : public http::WebhookHost {
 public:
  /// `shards`: all of them, before the thread starts; they outlive it.
  explicit WebhookLink(const std::vector<Shard*>& shards) : shards_(shards) {}
  void save(uint16_t partition, std::string key, std::string value) override;
  void note(std::string text) override;

 private:
  const std::vector<Shard*>& shards_;
};

}  // namespace barid::tools
