// Drives a ServerMachine for tests, fuzzing and benchmarks: a session without socket, clock or
// queue, whose policy is written into the addresses. It checks the machine's side of the contract:
// content only for an open message, every opened message committed or aborted, nothing after close.
// Layer:  smtp/server, test support.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/assert.h"
#include "smtp/server/machine.h"

namespace barid::smtp {

struct StoredMessage {
  Envelope envelope;
  std::string content;
};

/// All that a peer or a queue could observe.
struct Transcript {
  std::string output;
  std::vector<StoredMessage> messages;
  std::string notes;  ///< "kind:bytes\n", pipelining left out (it is about segmentation)
  uint32_t opened = 0;
  uint32_t aborted = 0;
  uint32_t delays = 0;
  uint32_t pipelining_notes = 0;
  bool closed = false;
};

class MachineHarness {
 public:
  explicit MachineHarness(const ServerPolicy& policy, ClientFacts client = {})
      : machine(policy, std::move(client)) {}

  void start(const ServerMachine::Start& start = {}) {
    machine.start(start);
    feed({});
  }

  /// Gives the machine more input, as a session would: unused bytes are offered again.
  void feed(std::string_view bytes) {
    while (!transcript.closed) {
      size_t consumed = 0;
      const Action action = machine.next(bytes, &consumed);
      BARID_ASSERT(consumed <= bytes.size());
      perform(action);
      bytes.remove_prefix(consumed);
      if (action.kind == ActionKind::kStartTls) bytes = {};  // came in clear
      if (action.kind == ActionKind::kNeedInput) {
        BARID_ASSERT(bytes.empty());
        break;
      }
    }
  }

  /// Feeds a copy of exact size in its own memory, so that a sanitizer sees any stray read.
  void feed_copy(std::string_view bytes) {
    const std::vector<char> exact(bytes.begin(), bytes.end());
    feed({exact.data(), exact.size()});
  }

  ServerMachine machine;
  Transcript transcript;

 private:
  /// LOGIN asks once; the response "bad" is wrong.
  void answer_auth() {
    const bool asks = machine.auth_mechanism() == "LOGIN" && machine.auth_is_first();
    if (asks) return machine.on_auth_challenge("VXNlcjo=");
    if (machine.auth_line() == "bad") {
      return machine.on_auth_failure("535 5.7.8 Error: authentication failed: wrong");
    }
    machine.on_auth_success("user");
  }
  void perform(const Action& action) {
    switch (action.kind) {
      case ActionKind::kNeedInput:
        flush();
        break;
      case ActionKind::kFlush:
        if (action.delay > Duration::zero()) ++transcript.delays;
        flush();
        break;
      case ActionKind::kNote:
        take_note(action);
        break;
      case ActionKind::kCheckHelo:
        machine.on_verdict(verdict(machine.helo_offered()));
        break;
      case ActionKind::kCheckSender:
        machine.on_verdict(verdict(machine.sender()));
        break;
      case ActionKind::kCheckRecipient:
      case ActionKind::kCheckVerify:
        machine.on_verdict(verdict(machine.recipient().address));
        break;
      case ActionKind::kCheckData:
        machine.on_verdict(verdict(machine.recipient_address(0), "nodata"));
        break;
      case ActionKind::kCheckEtrn:
        machine.on_verdict(verdict(machine.etrn_domain()));
        break;
      case ActionKind::kIdentify: {
        ClientFacts client = machine.client();
        const auto& name = machine.claimed_client()->find(ClientAttribute::kName);
        const auto& address = machine.claimed_client()->find(ClientAttribute::kAddress);
        if (name) client.name = name->empty() ? "unknown" : *name;
        if (address) client.address = address->empty() ? "unknown" : *address;
        machine.become(client);
        machine.on_verdict(verdict(client.name));
        break;
      }
      case ActionKind::kAuth:
        answer_auth();
        break;
      case ActionKind::kStartTls:
        machine.on_verdict({});
        flush();
        machine.on_secured();
        break;
      case ActionKind::kOpenMessage:
        BARID_ASSERT(!open_);
        if (machine.recipient().address.find("noopen") != std::string_view::npos) {
          machine.on_open_failed("452 4.3.1 Insufficient system storage");
          break;
        }
        ++transcript.opened;
        open_ = true;
        content_.clear();
        break;
      case ActionKind::kBodyBytes:
        BARID_ASSERT(open_ && !action.bytes.empty());
        content_.append(action.bytes);
        break;
      case ActionKind::kCommit:
        commit();
        break;
      case ActionKind::kAbort:
        BARID_ASSERT(open_);
        open_ = false;
        ++transcript.aborted;
        break;
      case ActionKind::kClose:
        BARID_ASSERT(!open_);
        flush();
        transcript.closed = true;
        break;
    }
  }

  void flush() {
    transcript.output.append(machine.output());
    machine.clear_output();
  }

  void take_note(const Action& action) {
    if (action.note == Note::kPipelining) {
      ++transcript.pipelining_notes;
      return;
    }
    transcript.notes.append(std::to_string(static_cast<int>(action.note))).append(":");
    transcript.notes.append(action.bytes).append("\n");
  }

  void commit() {
    BARID_ASSERT(open_);
    open_ = false;
    if (content_.find("X-Fail: yes") != std::string::npos) {
      ++transcript.aborted;
      machine.on_commit_failed("451 4.3.0 Error: queue file write error");
      return;
    }
    StoredMessage& message = transcript.messages.emplace_back();
    machine.fill_envelope(message.envelope);
    message.content = content_;
    machine.on_committed("ID" + std::to_string(transcript.messages.size()));
  }

  static std::string_view verdict(std::string_view subject, std::string_view word = "reject") {
    if (subject.find(word) != std::string_view::npos) return "550 5.7.1 Refused";
    if (subject.find("drop") != std::string_view::npos) return "421 4.7.1 Go away";
    return {};
  }

  bool open_ = false;
  std::string content_;
};

}  // namespace barid::smtp
