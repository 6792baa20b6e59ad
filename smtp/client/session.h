// One client connection and its coroutine: writes what the machine plans, feeds it what arrives,
// and keeps each stage's deadline. Reading and writing run concurrently, so neither side can
// deadlock. Layer: smtp/client. Shard-owned.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "shard/net/stream.h"
#include "shard/runtime/offload.h"
#include "smtp/client/egress_source.h"
#include "smtp/client/machine.h"
#include "smtp/client/settings.h"
#include "smtp/proto/dialogue_tap.h"
#include "smtp/proto/transcript_sink.h"

namespace barid::smtp {

class ClientSession final : private ClientSink {
 public:
  /// `settings` must outlive the session.
  ClientSession(rt::Reactor& reactor, const ClientSettings& settings, const ClientOptions& options,
                net::Stream stream, EgressSource egress, TlsPlan tls, std::string relay,
                uint32_t log_pid);

  /// Who gets results: the lease that uses the session now; null while it is idle.
  void set_sink(ClientSink* sink) noexcept { sink_ = sink; }

  /// Null: nobody can watch.
  void set_tap(DialogueTap* tap) noexcept { tap_ = tap; }
  /// Null: nobody hears of a session that went wrong. Before the first step.
  void set_transcripts(TranscriptSink* transcripts);
  /// A message that goes over this session.
  void note_message(const Envelope& envelope);

  /// Where answers of logins are made that take long; null: here.
  void set_offload(rt::Offload* offload) noexcept { offload_ = offload; }

  [[nodiscard]] ClientMachine& machine() noexcept { return machine_; }
  [[nodiscard]] const ClientMachine& machine() const noexcept { return machine_; }

  /// One step: starts a pending write, waits for input, write progress or the stage's deadline, and
  /// feeds the machine. After it, results may have been given to the sink.
  rt::Task<void> step();

  /// The server's name.
  [[nodiscard]] const std::string& host() const noexcept { return host_; }
  [[nodiscard]] const TlsPlan& tls_plan() const noexcept { return tls_plan_; }
  /// What the handshake agreed on, once; then null.
  [[nodiscard]] std::unique_ptr<const net::TlsFacts> take_tls_facts() noexcept {
    return std::move(tls_facts_);
  }
  [[nodiscard]] bool secured() const noexcept { return secured_; }
  /// Our address of this connection.
  [[nodiscard]] std::string local_ip() const { return stream_.local().ip_text(); }
  /// Why there is no TLS although the server offered it, in the library's words; else empty.
  [[nodiscard]] const std::string& handshake_problem() const noexcept { return handshake_problem_; }

  /// Nothing is being written and nothing waits to be.
  [[nodiscard]] bool write_idle() noexcept { return !writing_ && machine_.output().empty(); }

  /// Says QUIT, waits a moment for it to leave, and closes the connection: when this returns, the
  /// server is told. Nothing but destruction is allowed then. With unfinished messages only after
  /// step() saw the end.
  rt::Task<void> close();

  /// The server has not closed or spoken since the session went idle.
  [[nodiscard]] bool still_quiet() const noexcept { return stream_.quiet(); }

  [[nodiscard]] MonoTime opened() const noexcept { return opened_; }
  /// Messages offered on this connection.
  [[nodiscard]] uint32_t uses_count() const noexcept { return uses_count_; }
  void count_use() noexcept { ++uses_count_; }
  [[nodiscard]] EgressSource& egress() noexcept { return egress_; }
  [[nodiscard]] const EgressSource& egress() const noexcept { return egress_; }
  [[nodiscard]] uint32_t log_pid() const noexcept { return log_pid_; }
  [[nodiscard]] const std::string& relay() const noexcept { return relay_; }

 private:
  void on_result(const RecipientResult& result) override {
    BARID_ASSERT(sink_ != nullptr);
    sink_->on_result(result);
  }
  void on_leaving(const OutgoingMessage& message) override {
    BARID_ASSERT(sink_ != nullptr);
    sink_->on_leaving(message);
  }
  void on_message_done(const OutgoingMessage& message) override {
    BARID_ASSERT(sink_ != nullptr);
    if (notices_count_ > 0 && is_notice(*message.envelope)) --notices_count_;
    sink_->on_message_done(message);
  }
  void start_pending_write();
  rt::Task<void> secure();
  rt::Task<void> answer_login();
  void judge_server();
  [[nodiscard]] Duration stage_timeout() const noexcept;
  rt::Task<void> abandon_write();
  void count_written();

  // session_dialogue.cc
  [[nodiscard]] bool is_heard() const noexcept {
    return transcript_ != nullptr || (tap_ != nullptr && tap_->active());
  }
  void show(bool sent, std::string_view lines);
  void show_output();
  void show_input(std::string_view bytes);
  [[nodiscard]] bool is_notice(const Envelope& envelope) const noexcept;
  void look_for_error(bool notices_were_under_way);
  void end_transcript();

  rt::Reactor& reactor_;
  const ClientSettings& settings_;
  net::Stream stream_;
  EgressSource egress_;
  const TlsPlan tls_plan_;
  ClientMachine machine_;
  std::vector<iovec> vectors_;
  size_t write_bytes_ = 0;
  bool writing_ = false;
  MonoTime opened_;
  MonoTime stage_since_;
  Stage stage_ = Stage::kGreeting;
  const std::string relay_;
  const std::string host_;
  const uint32_t log_pid_;
  std::unique_ptr<const net::TlsFacts> tls_facts_;
  std::string handshake_problem_;
  bool secured_ = false;
  uint32_t uses_count_ = 0;
  ClientSink* sink_ = nullptr;
  DialogueTap* tap_ = nullptr;
  rt::Offload* offload_ = nullptr;
  TranscriptSink* transcripts_ = nullptr;
  std::unique_ptr<Transcript> transcript_;  ///< null: nobody wants one
  std::string unshown_;                     ///< the beginning of a line
  uint32_t notices_count_ = 0;              ///< messages under way that are notices
  bool error_seen_ = false;                 ///< the server broke the protocol
  bool about_notice_ = false;               ///< and that while a notice was under way
};

}  // namespace barid::smtp
