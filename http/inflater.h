// Undoes gzip, piece by piece, within a bound on what comes out.
// Source: RFC 1952 (gzip), RFC 9110 8.4.1.3.
// Layer:  http, pure.
#pragma once

#include <memory>
#include <string_view>

#include "core/base/result.h"
#include "http/request_reader.h"

namespace barid::http {

class Inflater {
 public:
  /// Inflated bytes go to `out`, which refuses when there are too many.
  explicit Inflater(BodySink& out);
  ~Inflater();

  /// Errors: kMalformed (no gzip, or damaged), kTooLong (`out` refused).
  Status add(std::string_view bytes);
  /// True once the last member ended and nothing followed it.
  [[nodiscard]] bool complete() const noexcept;

 private:
  struct State;
  BodySink& out_;
  std::unique_ptr<State> state_;
};

}  // namespace barid::http
