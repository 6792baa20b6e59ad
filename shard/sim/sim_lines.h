// Lines of a stream, for the scripted peers.
// Layer: shard/sim.
#pragma once

#include <string>

#include "shard/net/stream.h"

namespace barid::sim {

/// The next line without its CRLF. Errors as Stream::read().
inline rt::Task<Result<std::string>> read_line(net::Stream& stream, MonoTime deadline) {
  for (;;) {
    const std::string_view input = stream.input();
    const size_t end = input.find("\r\n");
    if (end != input.npos) {
      std::string line(input.substr(0, end));
      stream.consume(end + 2);
      co_return line;
    }
    const Status status = co_await stream.read(deadline);
    if (!status.ok() && stream.input().find("\r\n") == std::string_view::npos) {
      co_return status.error();
    }
  }
}

/// Moves up to `bytes_max` of what is there, or waits for some; empty at the stream's end.
inline rt::Task<std::string> read_some(net::Stream& stream, size_t bytes_max, MonoTime deadline) {
  while (stream.input().empty()) {
    const Status status = co_await stream.read(deadline);
    if (!status.ok() && stream.input().empty()) co_return std::string();
  }
  std::string bytes(stream.input().substr(0, bytes_max));
  stream.consume(bytes.size());
  co_return bytes;
}

}  // namespace barid::sim
