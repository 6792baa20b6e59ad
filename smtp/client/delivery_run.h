// One lease's work: connects to the servers of a route in order and gets every taken job reported.
// Layer: smtp/client, internal to the agent.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "smtp/client/agent.h"
#include "smtp/client/final_failure.h"

namespace barid::smtp {

class DeliveryRun final : private ClientSink, private schedule::LeaseHolder {
 public:
  DeliveryRun(SmtpAgent& agent, schedule::Lease& lease);
  DeliveryRun(const DeliveryRun&) = delete;
  DeliveryRun& operator=(const DeliveryRun&) = delete;
  ~DeliveryRun() { lease_.set_holder(nullptr); }

  rt::Task<void> run();

 private:
  /// A content behind its signatures and seal.
  struct SignedForm {
    std::string fields;
    std::vector<std::string_view> spans;
    uint64_t size = 0;
  };
  /// A job taken from the lease, until all its recipients are reported.
  struct Work {
    schedule::Job job;
    uint32_t unreported = 0;
    MonoTime started{};
    ContentRef content;
    ContentRef converted;  // 7-bit form, once some server needed it
    std::string tls_key;   // names the TLS promise that its next hop needs, and the sender's login
    std::string login_of;  // the sender, if a login of its own is needed
    bool has_8bit = false;
    bool has_utf8_header = false;
    // Of `content` and of `converted`: the signatures, and what goes over the wire.
    std::array<std::optional<SignedForm>, 2> forms;
  };
  /// Some recipients of a work, offered to one server.
  struct Flight {
    Work* work = nullptr;
    std::vector<uint32_t> recipients;
    std::vector<Outcome> last;  // parallel, when a server left them for the next; else empty
    bool use_converted = false;
    uint32_t unlucky_count = 0;  // times it came back without an attempt

    // Filled by results.
    std::vector<uint32_t> carried;
    std::vector<Outcome> carried_outcomes;
    std::vector<uint32_t> not_attempted;
    std::vector<uint32_t> to_convert;
  };

  void on_result(const RecipientResult& result) override;
  [[nodiscard]] Handover handover() const noexcept;
  [[nodiscard]] bool delivering() const noexcept override;
  void give_up() noexcept override { given_up_ = true; }
  void on_leaving(const OutgoingMessage& message) override;
  void on_message_done(const OutgoingMessage& message) override;

  rt::Task<void> work_through_destinations();
  void finish_route(RouteEnd end);
  rt::Task<void> work_through_hops(const dns::Destination& destination,
                                   const dns::RouteResult& route, bool is_last_destination);
  rt::Task<std::unique_ptr<ClientSession>> open_session(const dns::Destination& destination,
                                                        const dns::RouteResult& route,
                                                        size_t hop_index);
  rt::Task<void> use(ClientSession& session);
  rt::Task<bool> wait_for_lease();
  rt::Task<void> use_warm();
  rt::Task<void> let_warm_go();
  rt::Task<bool> take_from_lease();
  rt::Task<bool> begin(schedule::Job job);

  // delivery_forms.cc
  rt::Task<void> make_form(Flight* flight);
  [[nodiscard]] bool accept(const policy::Signing& signing, Work& work, std::string_view kind,
                            std::string_view what);

  // delivery_tls.cc
  rt::Task<std::string> tls_key_of(std::string nexthop, bool is_report);
  rt::Task<bool> ask_sts(const dns::Destination& destination, const TlsTarget& target,
                         TlsPlan* plan, TlsReporting* reporting);
  [[nodiscard]] bool fits(const Flight& flight) const;
  [[nodiscard]] bool may_go_in_clear(const Flight& flight) const;
  [[nodiscard]] bool some_may_go_in_clear() const;
  rt::Task<bool> plan_tls(const dns::Destination& destination, const dns::RouteResult& route,
                          const dns::RouteHop& hop, TlsPlan* plan);
  rt::Task<DaneDecision> ask_dane(TlsLevel level, TlsTarget target, const dns::RouteHop& hop);
  void go_in_clear_if_due(const std::string& address, TlsPlan* plan);
  void set_aside_who_must_not();
  void set_aside_others();
  bool note_broken_tls(const ClientSession& session, const dns::RouteHop& hop);
  void log_tls(ClientSession& session);
  [[nodiscard]] std::string promise_key() const;
  [[nodiscard]] bool wait_for_promise();
  void note_broken_promise(const Outcome& outcome);

  // delivery_report.cc
  [[nodiscard]] static TlsReporting reporting_of(const dns::Destination& destination,
                                                 const dns::RouteHop& hop);
  [[nodiscard]] bool is_counted(const dns::Destination& destination, TlsLevel level) const noexcept;
  void count_tls(const ClientSession& session, const net::TlsFacts& facts);
  void count_failure(const TlsReporting& reporting, const ClientSession* session, TlsResult result,
                     std::string_view host, std::string_view reason);
  void count_missing_tls(const ClientSession& session);

  [[nodiscard]] size_t depth() const noexcept;
  void measure_service() noexcept;
  void tell_hop_failure(const Outcome& outcome);
  [[nodiscard]] bool all_left_by(const std::string& relay) const noexcept;
  void note(LogSeverity severity, QueueId id, std::string_view text);
  [[nodiscard]] bool wants_more(const ClientSession& session) const noexcept;
  void offer(ClientSession& session, std::unique_ptr<Flight> flight);
  void sort_landed();
  void bring_back_next_servers();
  void finish_reported();
  rt::Task<void> part_with(std::unique_ptr<ClientSession> session);
  void suspend_pending(const schedule::SiteTrouble& why, WallTime until, bool others_too);
  void suspend_for_warmup();
  void pass_pending(std::string_view transport);
  void fail_pending(const Outcome& outcome, bool some_failed);
  void report(Work& work, uint32_t recipient, Outcome outcome);
  [[nodiscard]] Delays delays_of(const Work& work) const noexcept;

  SmtpAgent& agent_;
  const AgentEnv& env_;
  schedule::Lease& lease_;
  std::shared_ptr<const ClientSettings> settings_;
  std::vector<std::unique_ptr<Work>> works_;
  std::deque<std::unique_ptr<Flight>> pending_;  // to be offered
  std::vector<std::unique_ptr<Flight>> flying_;  // with the machine
  std::vector<std::unique_ptr<Flight>> landed_;  // done with this server, to be sorted
  std::vector<std::unique_ptr<Flight>> next_server_;
  std::vector<std::unique_ptr<Flight>> set_aside_;  // not for this session, or not for this route
  ClientSession* session_ = nullptr;
  MonoTime ready_at_{};
  std::string reused_relay_;   // the server of the session that was kept idle; empty if none was
  bool best_of_route_ = true;  // the session is to a best MX of the next hop itself
  bool has_next_server_ = false;
  bool login_applies_ = false;  // the server gets a password: never in clear instead of TLS
  bool in_clear_ = false;       // the next connection is without TLS: the last handshake failed
  bool other_policy_ = false;   // what is pending needs another promise than the session keeps
  std::string session_key_;     // the promise that the session in use keeps
  std::string nexthop_;         // whose mail the route in use is for
  bool broke_promise_ = false;  // the last failure was of a promise, not of TLS that need not be
  bool given_up_ = false;       // the process ends: nothing is written any more
  bool egress_spent_ = false;   // for want of warm-up messages some server was not tried
  Outcome session_failure_;     // why the last connection gave nothing

  // Of the connection in use, to choose how far to pipeline.
  Duration round_trip_{};
  Duration service_time_ = Duration::max();  // a message's, smoothed; max = not known
  MonoTime last_done_{};
  MonoTime flight_begun_{};

  std::unique_ptr<ClientSession> warm_;                  // waits for the lease's next job
  std::shared_ptr<const ClientSettings> warm_settings_;  // outlives it
  MonoTime warm_since_{};
  bool session_completed_ = false;  // in this attempt: some server did its part,
  bool session_broke_ = false;      // or some did not
  schedule::Lease::Hop finish_hop_ = schedule::Lease::Hop::kWorked;
};

}  // namespace barid::smtp
