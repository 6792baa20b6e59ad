// Drives a ClientMachine in tests: one side writes what the server says, the other shows what the
// client sent and which results came out. Used only by this folder's tests.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/client/machine.h"

namespace barid::smtp {

/// Keeps results as lines "ID recipient fate x.y.z [next] [throttle]: text".
class RecordingSink final : public ClientSink {
 public:
  void on_result(const RecipientResult& r) override {
    constexpr std::string_view kNames[] = {"delivered", "deferred",      "failed",
                                           "in-doubt",  "not-attempted", "needs-conversion"};
    std::string line = std::to_string(r.message->tag) + ' ';
    line += r.message->envelope->recipients[r.recipient].address + ' ';
    line += kNames[static_cast<size_t>(r.fate)];
    line += ' ' + r.dsn.text();
    if (r.try_next_server) line += " next";
    if (r.throttle) line += " throttle";
    line += ": ";
    line += r.text;
    results.push_back(line);
    diagnostics.emplace_back(r.diagnostic);
    remote_mtas.emplace_back(r.remote_mta);
    uses.push_back(r.connection_use);
  }
  void on_leaving(const OutgoingMessage& message) override { leaving.push_back(message.tag); }
  void on_message_done(const OutgoingMessage& message) override { done.push_back(message.tag); }

  std::vector<std::string> results;
  std::vector<std::string> diagnostics;
  std::vector<std::string> remote_mtas;
  std::vector<uint32_t> uses;
  std::vector<uint64_t> leaving;
  std::vector<uint64_t> done;
};

/// A message that owns everything an OutgoingMessage borrows.
struct TestMessage {
  Envelope envelope;
  std::vector<uint32_t> indices;
  std::vector<std::string> parts;
  std::vector<std::string_view> spans;
  OutgoingMessage out;
};

class Dialogue {
 public:
  static ClientOptions default_options() {
    ClientOptions options;
    options.helo_name = "client.example";
    options.host = "mx.example";
    options.peer = "mx.example[192.0.2.1]";
    return options;
  }

  explicit Dialogue(ClientOptions options = default_options()) : machine(options, sink) {}
  ~Dialogue() { machine.on_cancel(); }

  TestMessage& make(std::vector<std::string> recipients = {"r@example"},
                    std::vector<std::string> parts = {"Subject: x\r\n", "\r\nbody\r\n"}) {
    TestMessage& m = messages_.emplace_back();
    m.envelope.sender = "s@example";
    for (std::string& address : recipients) {
      m.indices.push_back(static_cast<uint32_t>(m.envelope.recipients.size()));
      m.envelope.recipients.push_back({.address = std::move(address), .original = {}, .notify = 0});
    }
    m.parts = std::move(parts);
    for (const std::string& part : m.parts) {
      m.spans.push_back(part);
      m.out.size += part.size();
    }
    m.out.envelope = &m.envelope;
    m.out.recipients = m.indices;
    m.out.content = m.spans;
    m.out.tag = messages_.size();
    return m;
  }
  TestMessage& offer(std::vector<std::string> recipients = {"r@example"},
                     std::vector<std::string> parts = {"Subject: x\r\n", "\r\nbody\r\n"}) {
    TestMessage& m = make(std::move(recipients), std::move(parts));
    machine.offer(m.out);
    return m;
  }

  /// The server says this, then everything that can be written is written; returns it.
  std::string said(std::string_view reply) {
    machine.on_bytes(reply);
    return sent();
  }
  /// Writes everything that can be written; returns it with CR left out.
  std::string sent(size_t bytes_max = SIZE_MAX) {
    std::string text;
    for (;;) {
      const auto pieces = machine.output();
      if (pieces.empty() || bytes_max == 0) break;
      size_t taken = 0;
      for (const iovec& piece : pieces) {
        const size_t length = std::min(piece.iov_len, bytes_max - taken);
        text.append(static_cast<const char*>(piece.iov_base), length);
        taken += length;
        if (taken == bytes_max) break;
      }
      machine.on_written(taken);
      bytes_max -= taken;
    }
    std::erase(text, '\r');
    return text;
  }
  /// Greeting and EHLO with these keywords; what follows the EHLO on the wire is returned.
  std::string open(std::initializer_list<std::string_view> keywords = {}) {
    said("220 mx.example ESMTP\r\n");
    std::string reply = keywords.size() == 0 ? "250 mx.example\r\n" : "250-mx.example\r\n";
    size_t left = keywords.size();
    for (const std::string_view keyword : keywords) {
      reply += --left == 0 ? "250 " : "250-";
      reply += keyword;
      reply += "\r\n";
    }
    return said(reply);
  }

  RecordingSink sink;
  ClientMachine machine;

 private:
  std::deque<TestMessage> messages_;
};

}  // namespace barid::smtp
