// A whole delivery in miniature, driven by arbitrary bytes: a ClientMachine, a strict but moody
// server, and a connection that delays, cuts and loses. Asserts that what the client reports is
// true of what the server took. Used by this folder's tests and fuzz targets.
// Layer:  smtp/client, test support.
#pragma once

#include <cstdint>
#include <span>

namespace barid::smtp {

/// Runs one scenario; aborts when an invariant breaks:
///   every recipient offered gets exactly one result, every message is given back exactly once and
///   after its results, and none of its memory is read after that;
///   delivered: the server took exactly this content under this sender for this recipient, once;
///   deferred, failed, not attempted: it did not;
///   in doubt: only if the connection ended while a reply was due.
void run_model(std::span<const uint8_t> choices);

/// The same client against a server that says arbitrary bytes: only the first invariant.
void run_hostile(std::span<const uint8_t> choices);

}  // namespace barid::smtp
