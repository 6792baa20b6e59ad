// Property: whole input = byte by byte = random pieces, in replies and in stored content; and the
// machine's contract with its session (machine_harness.h) holds on any input. The first two bytes
// choose the policy and the segmentation.
#include <cstdint>
#include <string>

#include "core/base/rng.h"
#include "smtp/server/machine_harness.h"

using namespace barid;
using namespace barid::smtp;

namespace {

ServerPolicy make_policy(uint8_t flags) {
  ServerPolicy policy;
  policy.forbid_unauth_pipelining = false;
  policy.line_length_limit = 512;
  policy.message_size_limit = (flags & 1) != 0 ? 100 : 0;
  policy.helo_required = (flags & 2) != 0;
  policy.strict_rfc821_envelopes = (flags & 4) != 0;
  policy.strict_smtputf8 = (flags & 8) != 0;
  policy.checks = (flags & 16) != 0 ? 7 : 0;
  policy.hopcount_limit = 4;
  policy.recipient_limit = 3;
  policy.recipient_overshoot_limit = 2;
  policy.hard_error_limit = (flags & 32) != 0 ? 5 : 1000;
  policy.soft_error_limit = 3;
  return policy;
}

template <typename NextLength>
void run(MachineHarness& session, std::string_view wire, NextLength next_length) {
  session.start();
  while (!wire.empty() && !session.transcript.closed) {
    const std::string_view piece = wire.substr(0, next_length());
    session.feed_copy(piece);
    wire.remove_prefix(piece.size());
  }
}

void check_replies(std::string_view output) {
  while (!output.empty()) {
    const size_t end = output.find("\r\n");
    BARID_ASSERT(end != std::string_view::npos && end >= 3 && end <= 510);
    BARID_ASSERT(output[0] >= '2' && output[0] <= '5');
    BARID_ASSERT(output.find('\n') == end + 1);
    output.remove_prefix(end + 2);
  }
}

void check_same(const Transcript& a, const Transcript& b) {
  BARID_ASSERT(a.output == b.output);
  BARID_ASSERT(a.notes == b.notes);
  BARID_ASSERT(a.closed == b.closed);
  BARID_ASSERT(a.messages.size() == b.messages.size());
  for (size_t i = 0; i < a.messages.size(); ++i) {
    BARID_ASSERT(a.messages[i].content == b.messages[i].content);
    BARID_ASSERT(a.messages[i].envelope.sender == b.messages[i].envelope.sender);
    BARID_ASSERT(a.messages[i].envelope.recipients.size() ==
                 b.messages[i].envelope.recipients.size());
    BARID_ASSERT(!a.messages[i].envelope.recipients.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  ServerPolicy policy = make_policy(data[0]);
  ClientFacts client;
  client.bare_newline = static_cast<BareNewline>(data[0] >> 6);
  Rng rng(data[1]);
  const std::string_view wire(reinterpret_cast<const char*>(data) + 2, size - 2);
  MachineHarness whole(policy, client);
  run(whole, wire, [&wire] { return wire.size(); });
  check_replies(whole.transcript.output);
  MachineHarness single(policy, client);
  run(single, wire, [] { return size_t{1}; });
  check_same(whole.transcript, single.transcript);
  MachineHarness pieces(policy, client);
  run(pieces, wire, [&rng] { return static_cast<size_t>(1 + rng.below(9)); });
  check_same(whole.transcript, pieces.transcript);
  policy.forbid_unauth_pipelining = true;  // here only the contract is checked
  if ((data[0] & 64) != 0) policy.keywords |= kKeywordStarttls;
  policy.tls_required = (data[0] & 128) != 0;
  MachineHarness strict(policy, client);
  run(strict, wire, [&rng] { return static_cast<size_t>(1 + rng.below(200)); });
  check_replies(strict.transcript.output);
  return 0;
}
