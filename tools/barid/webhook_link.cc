#include "tools/barid/webhook_link.h"

namespace barid::tools {

void WebhookLink::save(uint16_t partition, std::string key, std::string value) {
  shards_[partition % shards_.size()]->post([partition, key, value](Shard::Inside& inside) {
    shard_save_webhook(inside, partition, key, value);
  });
}

void WebhookLink::note(std::string text) {
  shards_.front()->post(
      [text](Shard::Inside& inside) { shard_log(inside, LogSeverity::kWarning, text); });
}

}  // namespace barid::tools
