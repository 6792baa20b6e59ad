// Owns a libunbound context: set-up from options, and nothing else. Only unbound_resolver.cc and
// this pair know the library (docs/style.md A5).
// Layer: dns.
#pragma once

#include <memory>
#include <string>

#include "dns/unbound_resolver.h"

struct ub_ctx;

namespace barid::dns {

struct UnboundContextDelete {
  void operator()(ub_ctx* context) const noexcept;
};
using UnboundContext = std::unique_ptr<ub_ctx, UnboundContextDelete>;

struct CreatedContext {
  UnboundContext context;  ///< null on error
  std::string error;
};

/// A configured context whose thread already runs, with all signals blocked in it.
[[nodiscard]] CreatedContext create_unbound_context(const UnboundOptions& options);

}  // namespace barid::dns
