// Goal: a Stream with TLS carries what one without carries, to the byte; what came in clear before
// the handshake is gone; sessions are resumed; certificates are judged.
// Method: both ends in this process over the simulated network, keys made by the test.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <optional>

#include "core/base/assert.h"
#include "shard/net/listener.h"
#include "shard/net/stream.h"
#include "shard/net/test_identity.h"
#include "shard/net/tls_client_context.h"
#include "shard/net/tls_engine.h"
#include "shard/net/tls_server_context.h"
#include "shard/net/tls_tickets.h"
#include "shard/net/tls_trust_anchors.h"
#include "shard/runtime/scope.h"
#include "shard/sim/sim_network.h"

namespace barid::net {
namespace {

using namespace std::chrono_literals;
using rt::Task;

class TlsStreamTest : public ::testing::Test, public ConnectionHandler {
 protected:
  void SetUp() override {
    directory =
        std::filesystem::path(::testing::TempDir()) / ("tls_stream." + std::to_string(::getpid()));
    std::filesystem::create_directory(directory);
    make_identity(pem(), "mx.example");
    std::vector<std::string> warnings;
    std::string error;
    server_context = TlsServerContext::create(server_options(), &error, &warnings);
    ASSERT_EQ(error, "");
    client_context = TlsClientContext::create(client_options(), &error, &warnings);
    ASSERT_EQ(error, "");
    ASSERT_TRUE(listener.open(*SocketAddress::from_ip("127.0.0.1", 0)).ok());
    ASSERT_TRUE(connect());
  }
  void TearDown() override {
    // Also after a test that gave up half-way: nobody waits for a stream that goes.
    static_cast<void>(finish());
    client.reset();
    server.reset();
    listener.close();
    EXPECT_TRUE(run_until([&] { return listener.closed() && network.descriptors_count() == 0; }));
    std::filesystem::remove_all(directory);
  }
  std::string pem() const { return directory / "server.pem"; }
  TlsServerOptions server_options() const {
    return {.name = "smtp/inet",
            .identity = {.chain_parameter = "smtpd_tls_chain_files", .chain_files = {pem()}},
            .cipher_parameter = "smtpd_tls_ciphers",
            .ciphers = "HIGH"};
  }
  TlsClientOptions client_options() const {
    return {
        .cipher_parameter = "smtp_tls_ciphers", .ciphers = "HIGH", .authorities = {.file = pem()}};
  }
  void on_connection(int fd, const SocketAddress& peer) override {
    server.emplace(reactor, fd, peer);
  }
  /// A server context, and streams, of these options.
  [[nodiscard]] bool serve(const TlsServerOptions& options) {
    client.reset();  // before the context that they use
    server.reset();
    std::string error;
    std::vector<std::string> warnings;
    server_context = TlsServerContext::create(options, &error, &warnings);
    EXPECT_EQ(error, "");
    return connect();
  }
  bool run_until(const std::function<bool()>& done) {
    for (int turns = 0; turns < 1'000'000 && !done(); ++turns) {
      if (reactor.turn(Duration::zero()) || io.has_work()) continue;
      const auto arrival = network.next_arrival();
      if (arrival.has_value()) clock.advance_to(*arrival);
    }
    return done();
  }
  /// Runs all tasks to their end. Also where they would not end: they are interrupted then, since
  /// what they write to belongs to the caller. False: that was needed.
  /// `step`: how far the clock goes each time.
  [[nodiscard]] bool finish(Duration step = Duration::zero()) {
    const auto done = [this] { return scope.tasks_count() == 0; };
    const auto stepped = [&] {
      clock.advance(step);
      return done();
    };
    if (run_until(stepped)) return true;
    if (client) client->interrupt();
    if (server) server->interrupt();
    BARID_ASSERT(run_until(done));
    return false;
  }
  static Task<void> connect_into(rt::Reactor& reactor, SocketAddress address,
                                 std::optional<Stream>& out) {
    auto connected = co_await net::connect(reactor, address, nullptr, reactor.now() + 10s);
    if (connected.ok()) out.emplace(*std::move(connected));
  }
  /// Fresh streams; false, and none, if that did not work.
  [[nodiscard]] bool connect() {
    client.reset();
    server.reset();
    scope.spawn(connect_into(reactor, listener.local(), client));
    return finish() && client && run_until([&] { return server.has_value(); });
  }
  static Task<void> shake(rt::Reactor& reactor, Stream& stream, Status& status) {
    status = co_await stream.handshake(reactor.now() + 10s);
  }
  /// Both ends shake hands; true if both say that it worked.
  bool secure(TlsClientPeer peer = {.server_name = "mx.example"}) {
    if (!client || !server || !server_context || !client_context) return false;
    if (!server->start_tls_server(*server_context, tickets)) return false;
    if (!client->start_tls_client(*client_context, std::move(peer))) return false;
    Status at_client = Error{.code = Code::kTimeout};
    Status at_server = at_client;
    scope.spawn(shake(reactor, *client, at_client));
    scope.spawn(shake(reactor, *server, at_server));
    EXPECT_TRUE(finish());
    return at_client.ok() && at_server.ok();
  }
  static Task<void> read_all(rt::Reactor& reactor, Stream& stream, std::string& out, size_t total) {
    while (out.size() < total) {
      const Status status = co_await stream.read(reactor.now() + 10s);
      out.append(stream.input());
      stream.consume(stream.input().size());
      if (!status.ok()) co_return;
    }
  }
  static Task<void> send_all(rt::Reactor& reactor, Stream& stream, std::vector<iovec> pieces) {
    stream.start_write(pieces);
    while (!stream.written()) {
      const Status status = co_await stream.wait(Stream::kWritten, reactor.now() + 10s);
      if (!status.ok()) co_return;
    }
  }
  std::string carry(Stream& from, Stream& to, const std::vector<std::string>& pieces) {
    std::vector<iovec> vectors;
    size_t total = 0;
    for (const std::string& piece : pieces) {
      vectors.push_back({.iov_base = const_cast<char*>(piece.data()), .iov_len = piece.size()});
      total += piece.size();
    }
    std::string got;
    scope.spawn(read_all(reactor, to, got, total));
    scope.spawn(send_all(reactor, from, std::move(vectors)));
    EXPECT_TRUE(finish());
    EXPECT_EQ(from.written_bytes(), total);
    return got;
  }

  std::filesystem::path directory;
  std::unique_ptr<const TlsServerContext> server_context;
  std::unique_ptr<const TlsClientContext> client_context;
  TlsTicketKeys tickets;
  sim::SimClock clock;
  sim::SimNetwork network{clock, 1};
  sim::SimIo& io = network.add_io();
  rt::Reactor reactor{clock, io, 1};
  Listener listener{reactor, *this};
  rt::Scope scope{reactor};
  std::optional<Stream> client;
  std::optional<Stream> server;
};

TEST_F(TlsStreamTest, CarriesWritesOfAnyShape) {
  ASSERT_TRUE(secure());
  std::vector<std::string> pieces;
  for (size_t i = 0; i < 60; ++i) {
    pieces.push_back(std::string(i * i * 29 % 40'000, static_cast<char>('a' + i % 26)));
  }
  pieces.push_back(std::string(300'000, 'z'));
  std::string expected;
  for (const std::string& piece : pieces) expected += piece;
  EXPECT_EQ(carry(*client, *server, pieces), expected);
  EXPECT_EQ(carry(*server, *client, pieces), expected);

  server->write(expected.substr(0, 100'000));
  server->write("end");
  std::string got;
  scope.spawn(read_all(reactor, *client, got, 100'003));
  ASSERT_TRUE(finish());
  EXPECT_EQ(got, expected.substr(0, 100'000) + "end");
}

TEST_F(TlsStreamTest, AWriteThatIsCutShortTellsWhatLeftForSure) {
  ASSERT_TRUE(secure());
  std::string big(4'000'000, 'x');
  iovec vector{.iov_base = big.data(), .iov_len = big.size()};
  server->start_write({&vector, 1});
  // The reader takes nothing, so the kernel's buffers fill up.
  ASSERT_TRUE(run_until([&] { return client->input().size() >= kInboxBytesMax; }));
  ASSERT_FALSE(server->written());
  scope.spawn(server->cancel_write());
  ASSERT_TRUE(finish());
  const size_t told = server->written_bytes();
  EXPECT_LT(told, big.size());
  EXPECT_EQ(told % TlsEngine::kRecordBytesMax, 0u);  // whole records
  server.reset();
  std::string got;
  scope.spawn(read_all(reactor, *client, got, big.size()));
  ASSERT_TRUE(finish());
  EXPECT_GE(got.size(), told);
  EXPECT_LT(got.size(), told + 2 * TlsEngine::kRecordBytesMax);
}

Task<void> greet(rt::Reactor& reactor, Stream& stream) {
  const Status status = co_await stream.handshake(reactor.now() + 10s);
  if (status.ok()) stream.write("220 hello\r\n");
}

TEST_F(TlsStreamTest, WordsAtOnceAfterTheHandshakeAndWithTheNoticeArrive) {
  ASSERT_TRUE(server->start_tls_server(*server_context, tickets));
  ASSERT_TRUE(client->start_tls_client(*client_context, {.server_name = "mx.example"}));
  scope.spawn(greet(reactor, *server));
  ASSERT_TRUE(run_until([&] { return client->input() == "220 hello\r\n"; }));
  client->consume(client->input().size());

  server->end_writing("221 bye\r\n");
  std::string got;
  scope.spawn(read_all(reactor, *client, got, 100));  // ends with the notice
  ASSERT_TRUE(finish());
  EXPECT_EQ(got, "221 bye\r\n");
}

TEST_F(TlsStreamTest, ClearTextBeforeTheHandshakeIsGone) {
  client->write("STARTTLS\r\nMAIL FROM:<evil@example>\r\n");
  ASSERT_TRUE(run_until([&] { return server->input().size() == 36; }));
  server->consume(10);
  server->write("220 go\r\n");
  ASSERT_TRUE(run_until([&] { return client->input() == "220 go\r\n"; }));
  client->consume(8);
  ASSERT_TRUE(secure());
  EXPECT_EQ(server->input(), "");
  EXPECT_EQ(carry(*client, *server, {"NOOP\r\n"}), "NOOP\r\n");
}

TEST_F(TlsStreamTest, AHandshakeThatIsNoneFails) {
  ASSERT_TRUE(server->start_tls_server(*server_context, tickets));
  Status status = Error{.code = Code::kTimeout};
  scope.spawn(shake(reactor, *server, status));
  client->write("EHLO client.example\r\n");
  ASSERT_TRUE(finish());
  EXPECT_EQ(status.error().code, Code::kRefused);
  EXPECT_NE(server->tls()->problem(), "");
}

TEST_F(TlsStreamTest, AHandshakeHasADeadline) {
  ASSERT_TRUE(server->start_tls_server(*server_context, tickets));
  Status status;
  scope.spawn(shake(reactor, *server, status));
  ASSERT_TRUE(finish(1s));
  EXPECT_EQ(status.error().code, Code::kTimeout);
}

TEST_F(TlsStreamTest, TheEndIsTold) {
  ASSERT_TRUE(secure());
  server->write("221 bye");
  server->end_writing();
  std::string got;
  scope.spawn(read_all(reactor, *client, got, 1000));
  ASSERT_TRUE(finish());
  EXPECT_EQ(got, "221 bye");
  EXPECT_EQ(client->tls()->state(), TlsEngine::State::kEnded);
  EXPECT_FALSE(client->quiet());
}

TEST_F(TlsStreamTest, SessionsAreResumedWithAnyContextOfTheService) {
  const TlsClientPeer peer{.server_name = "mx.example",
                           .proof = TlsProof::kAuthority,
                           .names = {"mx.example"},
                           .session_key = "mx.example"};
  ASSERT_TRUE(secure(peer));
  EXPECT_FALSE(server->tls()->facts().resumed);
  EXPECT_EQ(carry(*server, *client, {"250 ok"}), "250 ok");  // the ticket comes before it
  // As another shard, or a reload, would make it.
  ASSERT_TRUE(serve(server_options()));
  ASSERT_TRUE(secure(peer));
  EXPECT_TRUE(server->tls()->facts().resumed);
  const TlsFacts facts = client->tls()->facts();
  EXPECT_TRUE(facts.resumed);
  EXPECT_TRUE(facts.peer_verified());
  EXPECT_EQ(carry(*server, *client, {"250 ok"}), "250 ok");

  TlsServerOptions other = server_options();
  other.name = "submission/inet";
  ASSERT_TRUE(serve(other));
  ASSERT_TRUE(secure(peer));
  EXPECT_FALSE(server->tls()->facts().resumed);
}

TEST_F(TlsStreamTest, WhatASessionProvedGrowsOld) {
  const TlsClientPeer peer{.server_name = "mx.example",
                           .proof = TlsProof::kAuthority,
                           .names = {"mx.example"},
                           .session_key = "mx.example"};
  // Each resumed session brings the next ticket; the proof stays that of the first handshake.
  const struct {
    Duration pause;
    bool resumed;
  } rows[] = {{0min, false}, {25min, true}, {25min, true}, {25min, false}, {25min, true}};
  for (const auto& row : rows) {
    clock.jump_wall(row.pause);
    ASSERT_TRUE(connect());
    ASSERT_TRUE(secure(peer));
    EXPECT_EQ(client->tls()->facts().resumed, row.resumed);
    EXPECT_EQ(carry(*server, *client, {"250 ok"}), "250 ok");  // the ticket comes before it
  }
}

TEST_F(TlsStreamTest, WhatWasNotProvenIsNotResumed) {
  const struct {
    TlsProof proof;
    std::string name;
    bool resumed;  // the second time
  } rows[] = {{TlsProof::kAuthority, "mx.example", true},
              {TlsProof::kAuthority, "other.example", false},
              {TlsProof::kFingerprint, "mx.example", false},
              {TlsProof::kNone, "other.example", true}};
  for (size_t i = 0; i < std::size(rows); ++i) {
    const TlsClientPeer peer{.server_name = "mx.example",
                             .proof = rows[i].proof,
                             .names = {rows[i].name},
                             .fingerprints = {"00:01"},
                             .session_key = std::to_string(i)};
    for (const bool second : {false, true}) {
      ASSERT_TRUE(connect());
      ASSERT_TRUE(secure(peer));
      EXPECT_EQ(client->tls()->facts().resumed, second && rows[i].resumed) << i;
      EXPECT_EQ(carry(*server, *client, {"250 ok"}), "250 ok");
    }
  }
}

TEST_F(TlsStreamTest, OtherAuthoritiesEndTheSessionsOfClientCertificates) {
  const TlsClientPeer peer{.server_name = "mx.example", .session_key = "mx.example"};
  const std::string other = directory / "other.pem";
  make_identity(other, "other.example");
  TlsServerOptions options = server_options();
  const struct {
    TlsClientCertificate client_certificate;
    std::string authorities;
    bool resumed;
  } rows[] = {
      {TlsClientCertificate::kIgnore, pem(), false}, {TlsClientCertificate::kIgnore, other, true},
      {TlsClientCertificate::kAsk, pem(), false},    {TlsClientCertificate::kAsk, pem(), true},
      {TlsClientCertificate::kAsk, other, false},    {TlsClientCertificate::kAsk, pem(), false}};
  for (const auto& row : rows) {
    options.client_certificate = row.client_certificate;
    options.authorities.file = row.authorities;
    ASSERT_TRUE(serve(options));
    ASSERT_TRUE(secure(peer));
    EXPECT_EQ(server->tls()->facts().resumed, row.resumed) << row.authorities;
    EXPECT_EQ(carry(*server, *client, {"250 ok"}), "250 ok");
  }
}

TEST_F(TlsStreamTest, CertificatesAreJudged) {
  ASSERT_TRUE(secure({.server_name = "mx.example"}));
  const TlsFacts seen = client->tls()->facts();
  EXPECT_EQ(seen.protocol, "TLSv1.3");
  EXPECT_EQ(seen.key_exchange, "X25519");
  EXPECT_EQ(seen.server_signature, "ECDSA (P-256)");
  EXPECT_EQ(seen.server_digest, "SHA256");
  EXPECT_EQ(seen.peer_name, "mx.example");
  EXPECT_EQ(trust_word(seen), "Trusted");
  EXPECT_EQ(trust_word(server->tls()->facts()), "Anonymous");
  EXPECT_EQ(server->tls()->facts().server_name, "mx.example");

  struct Row {
    TlsClientPeer peer;
    std::string_view word;
  };
  const Row rows[] = {
      {{.server_name = "mx.example", .proof = TlsProof::kAuthority, .names = {"mx.example"}},
       "Verified"},
      {{.server_name = "mx.example", .proof = TlsProof::kAuthority, .names = {"mx2.example"}},
       "Trusted"},
      {{.server_name = "",
        .proof = TlsProof::kFingerprint,
        .fingerprints = {"00:01", seen.key_fingerprint}},
       "Verified"},
      {{.server_name = "", .proof = TlsProof::kFingerprint, .fingerprints = {"00:01"}},
       "Untrusted"},
  };
  for (const Row& row : rows) {
    ASSERT_TRUE(connect());
    ASSERT_TRUE(secure(row.peer));
    EXPECT_EQ(trust_word(client->tls()->facts()), row.word);
  }
}

TEST_F(TlsStreamTest, DaneRecordsDecideAlone) {
  ASSERT_TRUE(secure());
  const TlsFacts seen = client->tls()->facts();
  std::string key_digest;
  for (size_t i = 0; i < seen.key_fingerprint.size(); i += 3) {
    key_digest.push_back(
        static_cast<char>(std::stoi(seen.key_fingerprint.substr(i, 2), nullptr, 16)));
  }
  struct Row {
    TlsaData record;
    bool verified;
  };
  const Row rows[] = {
      {{.usage = 3, .selector = 1, .matching_type = 1, .data = key_digest}, true},
      {{.usage = 3, .selector = 1, .matching_type = 1, .data = std::string(32, 'x')}, false},
      {{.usage = 3, .selector = 0, .matching_type = 1, .data = key_digest}, false},
  };
  for (const Row& row : rows) {
    ASSERT_TRUE(connect());
    // The name is another one: with usage 3 the key alone counts (RFC 7672 3.1.1).
    ASSERT_TRUE(
        secure({.server_name = "other.example", .proof = TlsProof::kDane, .tlsa = {row.record}}));
    EXPECT_EQ(client->tls()->facts().peer_verified(), row.verified);
  }
  ASSERT_TRUE(connect());
  EXPECT_FALSE(client->start_tls_client(
      *client_context,
      {.server_name = "mx.example",
       .proof = TlsProof::kDane,
       .tlsa = {{.usage = 3, .selector = 1, .matching_type = 1, .data = "short"}}}));
}

TEST_F(TlsStreamTest, TrustAnchorsTakeThePlaceOfAuthorities) {
  make_identity(directory / "other.pem", "mx.example");
  const std::vector<TlsaData> own = parse_trust_anchors(certificate_text(pem())).anchors;
  const std::vector<TlsaData> own_key = parse_trust_anchors(public_key_text(pem())).anchors;
  const std::vector<TlsaData> other =
      parse_trust_anchors(certificate_text(directory / "other.pem")).anchors;
  ASSERT_EQ(own.size() + own_key.size() + other.size(), 5u);
  TlsClientOptions options = client_options();
  for (const bool has_authority : {true, false}) {
    if (!has_authority) options.authorities = {};
    client.reset();
    server.reset();
    std::string error;
    std::vector<std::string> warnings;
    client_context = TlsClientContext::create(options, &error, &warnings);
    ASSERT_EQ(error, "");
    struct Row {
      std::vector<TlsaData> anchors;
      std::string name;
      std::string_view word;
    };
    const Row rows[] = {{own, "mx.example", "Verified"},
                        {own_key, "mx.example", "Verified"},
                        {own, "mx2.example", "Trusted"},
                        {other, "mx.example", "Untrusted"},
                        {{}, "mx.example", has_authority ? "Verified" : "Untrusted"}};
    for (const Row& row : rows) {
      ASSERT_TRUE(connect());
      ASSERT_TRUE(secure({.server_name = "mx.example",
                          .proof = TlsProof::kAuthority,
                          .names = {row.name},
                          .tlsa = row.anchors}));
      EXPECT_EQ(trust_word(client->tls()->facts()), row.word)
          << row.name << " " << row.anchors.size() << " " << has_authority;
    }
  }
}

TEST_F(TlsStreamTest, BadFilesAreNamed) {
  struct Row {
    std::string_view name;
    std::function<void(const std::string&)> spoil;
    std::string_view error;  // part of it
  };
  const auto append = [](const std::string& path, std::string_view text, const char* mode) {
    std::FILE* file = std::fopen(path.c_str(), mode);
    std::fwrite(text.data(), 1, text.size(), file);
    std::fclose(file);
  };
  const Row rows[] = {
      {"loose", [](const std::string& path) { ::chmod(path.c_str(), 0644); },
       "everybody may read or write it"},
      {"absent", [](const std::string& path) { ::unlink(path.c_str()); },
       "No such file or directory"},
      {"empty", [&](const std::string& path) { append(path, "", "w"); }, "holds no private key"},
      {"garbage",
       [&](const std::string& path) {
         append(path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "w");
       },
       "malformed certificate"},
      {"broken base64",
       [&](const std::string& path) {
         append(path, "-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n", "w");
       },
       "server.pem: "},
      {"twice the same kind",
       [&](const std::string& path) {
         std::string text(10'000, '\0');
         std::FILE* file = std::fopen(path.c_str(), "r");
         text.resize(std::fread(text.data(), 1, text.size(), file));
         std::fclose(file);
         append(path, text, "a");
       },
       "server.pem: "},
  };
  for (const Row& row : rows) {
    make_identity(pem(), "mx.example");
    row.spoil(pem());
    std::string error;
    std::vector<std::string> warnings;
    EXPECT_EQ(TlsServerContext::create(server_options(), &error, &warnings), nullptr) << row.name;
    EXPECT_TRUE(error.starts_with("smtpd_tls_chain_files: ")) << row.name << ": " << error;
    EXPECT_NE(error.find(row.error), std::string::npos) << row.name << ": " << error;
  }
}

TEST_F(TlsStreamTest, AKeyOfAnotherCertificateIsRefused) {
  const std::string other = directory / "other.pem";
  make_identity(other, "other.example");
  TlsServerOptions options = server_options();
  options.identity = {.pairs = {{.certificate_parameter = "smtpd_tls_cert_file",
                                 .certificate_file = pem(),
                                 .key_parameter = "smtpd_tls_key_file",
                                 .key_file = other}}};
  std::string error;
  std::vector<std::string> warnings;
  EXPECT_EQ(TlsServerContext::create(options, &error, &warnings), nullptr);
  EXPECT_EQ(error, "smtpd_tls_cert_file: " + pem() +
                       ": the private key does not belong to the certificate");
}

TEST_F(TlsStreamTest, OfSeveralChainFilesTheBadOneIsNamed) {
  const auto text_of = [](const std::string& path) {
    std::string text(10'000, '\0');
    std::FILE* const file = std::fopen(path.c_str(), "r");
    text.resize(std::fread(text.data(), 1, text.size(), file));
    std::fclose(file);
    return text;
  };
  const std::string other = directory / "other.pem";
  make_identity(other, "other.example");
  const std::string first = text_of(pem());
  const std::string second = text_of(other);
  const size_t certificate = first.find("-----BEGIN CERTIFICATE");
  ASSERT_LT(first.find("PRIVATE KEY"), certificate);
  const auto write = [](const std::string& path, const std::string& text) {
    std::FILE* const file = std::fopen(path.c_str(), "w");
    std::fwrite(text.data(), 1, text.size(), file);
    std::fclose(file);
  };
  const struct {
    std::string content;  // of the first file
    std::string reason;
  } rows[] = {{first.substr(0, certificate) + second.substr(second.find("-----BEGIN CERTIFICATE")),
               "the private key does not belong to the certificate"},
              {first.substr(0, certificate), "a private key has no certificate behind it"}};
  for (const auto& row : rows) {
    write(pem(), row.content);
    TlsServerOptions options = server_options();
    options.identity.chain_files = {pem(), other};
    std::string error;
    std::vector<std::string> warnings;
    EXPECT_EQ(TlsServerContext::create(options, &error, &warnings), nullptr);
    EXPECT_EQ(error, "smtpd_tls_chain_files: " + pem() + ": " + row.reason);
  }
}

TEST_F(TlsStreamTest, NamesChooseCertificates) {
  make_identity(directory / "other.pem", "other.example");
  TlsServerOptions options = server_options();
  options.names = {{.table = "inline", .key = "other.example", .value = directory / "other.pem"},
                   {.table = "inline", .key = ".sub.example", .value = directory / "other.pem"}};
  ASSERT_TRUE(serve(options));
  for (const auto& [asked, shown] :
       {std::pair{"mx.example", "mx.example"}, std::pair{"OTHER.example", "other.example"},
        std::pair{"a.sub.example", "other.example"}, std::pair{"", "mx.example"}}) {
    ASSERT_TRUE(connect());
    ASSERT_TRUE(secure({.server_name = asked}));
    EXPECT_EQ(client->tls()->facts().peer_name, shown) << asked;
  }
}

}  // namespace
}  // namespace barid::net
