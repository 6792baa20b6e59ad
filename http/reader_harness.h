// Drives a RequestReader over a whole connection's bytes and writes down what it says: for tests
// and the fuzz target. Layer: http, test support.
#pragma once

#include <string>

#include "http/request_reader.h"

namespace barid::http {

class ReaderHarness final : public BodySink {
 public:
  explicit ReaderHarness(size_t body_bytes_max = 1 << 20) : body_bytes_max_(body_bytes_max) {}
  bool on_body(std::string_view bytes) override {
    body += bytes;
    return body.size() <= body_bytes_max_;
  }

  /// Feeds `wire` in pieces of `piece_bytes`. `log` then holds a line an event.
  void run(std::string_view wire, size_t piece_bytes) {
    std::string pending;
    while (!wire.empty() && !refused) {
      pending += wire.substr(0, piece_bytes);
      wire.remove_prefix(std::min(piece_bytes, wire.size()));
      step(pending);
    }
  }

  std::string log;
  std::string body;
  uint16_t refused = 0;
  size_t requests_count = 0;
  RequestReader reader{*this};

 private:
  void step(std::string& pending) {
    for (;;) {
      size_t consumed = 0;
      const RequestReader::Event event = reader.next(pending, &consumed);
      pending.erase(0, consumed);
      switch (event) {
        case RequestReader::Event::kNeedInput:
          return;
        case RequestReader::Event::kHead: {
          const Request& request = reader.request();
          log += request.method_text + ' ' + request.target_text;
          for (const Field& field : request.fields) log += '|' + field.name + '=' + field.value;
          log += reader.framing().keep_alive ? "|keep\n" : "|close\n";
          break;
        }
        case RequestReader::Event::kDone:
          log += "body " + body + "\n";
          body.clear();
          ++requests_count;
          reader.reset();
          break;
        case RequestReader::Event::kRefused:
          refused = reader.refusal().status;
          log += "refused " + std::to_string(refused) + '\n';
          return;
      }
    }
  }
  size_t body_bytes_max_;
};

}  // namespace barid::http
