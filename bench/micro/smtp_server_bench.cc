// Cost of the SMTP server's pure parts: command parser, dot decoder, whole machine without I/O.
// Gates: no allocation per message once warm; dot decoding of ordinary text at several GB/s.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "smtp/proto/command.h"
#include "smtp/proto/dot_decoder.h"
#include "smtp/proto/received.h"
#include "smtp/server/machine.h"

namespace {

uint64_t allocation_count = 0;

}  // namespace

void* operator new(size_t bytes) {
  ++allocation_count;
  if (void* memory = std::malloc(bytes)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace {

using namespace barid;
using namespace barid::smtp;

/// Header and lines of 76 characters, `bytes` long in all, as mail usually is.
std::string ordinary_content(size_t bytes) {
  std::string content =
      "Received: from a.example (a.example [192.0.2.1])\r\n\tby b.example (Postfix) with ESMTP\r\n"
      "From: Sender <sender@example.com>\r\nTo: Recipient <recipient@example.org>\r\n"
      "Subject: a message of ordinary size\r\nMIME-Version: 1.0\r\n\r\n";
  while (content.size() < bytes) content.append(76, 'x').append("\r\n");
  return content;
}

struct Wire {
  std::string envelope;
  std::string content;  ///< ends with the dot
};

Wire data_wire(int64_t recipients, size_t bytes) {
  Wire wire{"MAIL FROM:<bounces+12345@sender.example.com> SIZE=5000 BODY=8BITMIME\r\n", {}};
  for (int64_t i = 0; i < recipients; ++i) {
    wire.envelope += "RCPT TO:<some.recipient@destination.example.org> NOTIFY=FAILURE\r\n";
  }
  wire.envelope += "DATA\r\n";
  wire.content = ordinary_content(bytes) + ".\r\n";
  return wire;
}

Wire chunk_wire(int64_t recipients, size_t bytes) {
  Wire wire = data_wire(recipients, bytes);
  wire.content.resize(wire.content.size() - 3);
  wire.envelope.resize(wire.envelope.size() - std::string_view("DATA\r\n").size());
  wire.envelope += "BDAT " + std::to_string(wire.content.size()) + " LAST\r\n" + wire.content;
  wire.content.clear();
  return wire;
}

/// A session that accepts everything and keeps nothing but the content's length.
struct Session {
  ServerPolicy policy;
  ServerMachine machine{policy, {}};
  Envelope envelope;
  uint64_t messages = 0;
  uint64_t content_bytes = 0;

  Session() {
    machine.start({});
    feed("EHLO client.example.com\r\n");
  }

  void feed(std::string_view input) {
    for (;;) {
      size_t consumed = 0;
      const Action action = machine.next(input, &consumed);
      input.remove_prefix(consumed);
      switch (action.kind) {
        case ActionKind::kNeedInput:
          benchmark::DoNotOptimize(machine.output().data());
          machine.clear_output();
          return;
        case ActionKind::kFlush:
          machine.clear_output();
          break;
        case ActionKind::kBodyBytes:
          content_bytes += action.bytes.size();
          break;
        case ActionKind::kCommit:
          machine.fill_envelope(envelope);
          ++messages;
          machine.on_committed("0aBcDeFgHiJk");
          break;
        case ActionKind::kCheckSender:
        case ActionKind::kCheckRecipient:
          machine.on_verdict({});
          break;
        default:
          break;
      }
    }
  }
};

void run_machine(benchmark::State& state, const Wire& wire) {
  Session session;
  const auto one_message = [&] {
    session.feed(wire.envelope);
    if (!wire.content.empty()) session.feed(wire.content);
  };
  for (int warm_up = 0; warm_up < 100; ++warm_up) one_message();
  const uint64_t allocations_before = allocation_count;
  const uint64_t messages_before = session.messages;
  for (auto _ : state) one_message();
  const auto messages = static_cast<double>(session.messages - messages_before);
  if (session.messages - messages_before != static_cast<uint64_t>(state.iterations())) {
    state.SkipWithError("a message was not accepted");
  }
  state.counters["allocs_per_msg"] =
      static_cast<double>(allocation_count - allocations_before) / messages;
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() *
                          static_cast<int64_t>(wire.envelope.size() + wire.content.size()));
}

void BM_MachineData(benchmark::State& state) {
  run_machine(state, data_wire(state.range(0), static_cast<size_t>(state.range(1))));
}
BENCHMARK(BM_MachineData)->Args({1, 500})->Args({1, 5000})->Args({50, 5000})->Args({1, 100'000});

void BM_MachineBdat(benchmark::State& state) {
  run_machine(state, chunk_wire(state.range(0), static_cast<size_t>(state.range(1))));
}
BENCHMARK(BM_MachineBdat)->Args({1, 5000})->Args({50, 5000});

void BM_DotDecoder(benchmark::State& state) {
  const std::string content = ordinary_content(static_cast<size_t>(state.range(0)));
  DotDecoder decoder;
  for (auto _ : state) {
    decoder.reset();
    uint64_t bytes = 0;
    decoder.feed(content, [&bytes](std::string_view span) { bytes += span.size(); });
    benchmark::DoNotOptimize(bytes);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(content.size()));
}
BENCHMARK(BM_DotDecoder)->Arg(5000)->Arg(100'000);

void BM_ParseMail(benchmark::State& state) {
  const std::string_view line =
      "MAIL FROM:<bounces+12345@sender.example.com> SIZE=5000 BODY=8BITMIME RET=HDRS ENVID=x12345";
  for (auto _ : state) {
    const CommandLine command = split_command(line);
    MailArguments mail;
    benchmark::DoNotOptimize(parse_mail(command.arguments, {}, mail));
    benchmark::DoNotOptimize(mail);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ParseMail);

void BM_ParseRcpt(benchmark::State& state) {
  const std::string_view line = "RCPT TO:<some.recipient@destination.example.org>";
  for (auto _ : state) {
    const CommandLine command = split_command(line);
    RcptArguments rcpt;
    benchmark::DoNotOptimize(parse_rcpt(command.arguments, {}, rcpt));
    benchmark::DoNotOptimize(rcpt);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ParseRcpt);

void BM_AppendReceived(benchmark::State& state) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_received(out, {.helo = "client.example.com",
                          .client_name = "client.example.com",
                          .client_address = "192.0.2.117",
                          .hostname = "mx.example.org",
                          .mail_name = "Postfix",
                          .protocol = "ESMTP",
                          .queue_id = "0aBcDeFgHiJk",
                          .recipient = "some.recipient@destination.example.org",
                          .unix_seconds = 1795497900});
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_AppendReceived);

}  // namespace

BENCHMARK_MAIN();
