// The body hashes of one message, by canonical form: each made once, 256 KiB a turn of the reactor.
// Source: RFC 6376 3.7. Layer: policy. Shard-owned.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "core/mail/dkim_canonical.h"
#include "core/mem/content.h"
#include "shard/runtime/event.h"
#include "shard/runtime/reactor.h"
#include "shard/runtime/task.h"

namespace barid::policy {

class BodyHashes {
 public:
  static constexpr size_t kBytesPerTurn = size_t{256} << 10;

  /// The body begins at `body_offset` of the content.
  BodyHashes(rt::Reactor& reactor, ContentRef content, uint64_t body_offset)
      : reactor_(reactor), content_(std::move(content)), body_offset_(body_offset) {}

  /// 32 bytes.
  rt::Task<std::string> get(dkim::Canonical form);

 private:
  rt::Reactor& reactor_;
  ContentRef content_;
  uint64_t body_offset_;
  std::array<std::optional<std::string>, 2> hashes_;  // by Canonical
};

}  // namespace barid::policy
