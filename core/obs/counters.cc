#include "core/obs/counters.h"

namespace barid {
namespace {

constexpr auto kGauge = CounterKind::kGauge;
constexpr auto kTotal = CounterKind::kCounter;

constexpr std::array<CounterInfo, kCounterCount> kInfos = {{
    {"smtpd_sessions_total", kTotal, "SMTP sessions opened by clients"},
    {"smtpd_sessions_open", kGauge, "SMTP sessions open now"},
    {"messages_accepted_total", kTotal, "messages stored and answered 250"},
    {"bytes_accepted_total", kTotal, "content bytes of accepted messages"},
    {"recipients_accepted_total", kTotal, "recipients of accepted messages"},
    {"commands_rejected_total", kTotal, "commands and messages refused by a reply"},
    {"recipients_delivered_total", kTotal, "recipients delivered"},
    {"recipients_deferred_total", kTotal, "attempts that ended in a deferral"},
    {"recipients_suspended_total", kTotal,
     "deferrals without an attempt: their site takes no mail"},
    {"recipients_bounced_total", kTotal, "recipients that failed for good"},
    {"recipients_expired_total", kTotal, "recipients given up at the end of the lifetime"},
    {"recipients_in_doubt_total", kTotal, "attempts whose final reply never came"},
    {"bytes_delivered_total", kTotal, "content bytes of successful transmissions"},
    {"notices_sent_total", kTotal, "notices about other messages put in the queue"},
    {"connections_made_total", kTotal, "outgoing connections established"},
    {"connections_reused_total", kTotal, "deliveries over a connection used before"},
    {"connections_open", kGauge, "outgoing connections, idle ones included"},
    {"tls_sessions_in_total", kTotal, "TLS handshakes with clients, with a new key exchange"},
    {"tls_resumed_in_total", kTotal, "TLS sessions that clients resumed by a ticket"},
    {"tls_handshakes_failed_total", kTotal, "TLS handshakes with clients that failed"},
    {"tls_sessions_out_total", kTotal, "TLS handshakes with servers, with a new key exchange"},
    {"tls_resumed_out_total", kTotal, "TLS sessions resumed with servers"},
    {"governor_messages_total", kTotal, "messages to other shards about connections to sites"},
    {"messages_active", kGauge, "messages in memory, being delivered or about to be"},
    {"records_corrupt_total", kTotal, "stored records that did not decode"},
    {"store_failures_total", kTotal, "failed writes and syncs of the store"},
    {"shards_io_uring", kGauge, "shards on the io_uring back end"},
    {"shards_epoll", kGauge, "shards on the epoll back end"},
    {"http_connections_total", kTotal, "HTTP connections accepted"},
    {"http_connections_open", kGauge, "HTTP connections open now"},
    {"http_requests_total", kTotal, "HTTP requests answered"},
    {"http_client_errors_total", kTotal, "HTTP requests answered with 4xx"},
    {"http_server_errors_total", kTotal, "HTTP requests answered with 5xx"},
    {"smtpd_logins_total", kTotal, "logins of SMTP clients"},
    {"smtpd_logins_failed_total", kTotal, "logins of SMTP clients that failed"},
    {"dkim_signatures_total", kTotal, "DKIM signatures made"},
    {"dkim_failures_total", kTotal, "messages that could not be signed"},
    {"arc_seals_total", kTotal, "ARC sets added to mail that others sent"},
    {"arc_failures_total", kTotal, "messages that could not be sealed"},
}};

constexpr std::array<std::string_view, kLimitCount> kLimitNames = {
    "sessions",        "sessions_per_client", "rate_per_client", "message_bytes",
    "recipients",      "line_bytes",          "header_bytes",    "hops",
    "session_errors",  "queue_bytes",         "memory_bytes",    "disk_space",
    "commit_backlog",  "offload_queue",       "message_ring",    "tls_handshakes",
    "connections_out", "destination",         "active_messages", "dns_queries",
    "log_bytes"};

static_assert(!kInfos.back().name.empty() && !kLimitNames.back().empty());  // none forgotten

}  // namespace

const CounterInfo& counter_info(Counter counter) noexcept {
  return kInfos[static_cast<size_t>(counter)];
}

std::string_view limit_name(Limit limit) noexcept {
  return kLimitNames[static_cast<size_t>(limit)];
}

Counters& Counters::operator+=(const Counters& other) noexcept {
  for (size_t i = 0; i < kCounterCount; ++i) values_[i] += other.values_[i];
  for (size_t i = 0; i < kLimitCount; ++i) reached_[i] += other.reached_[i];
  for (size_t i = 0; i < kBounceClassCount; ++i) bounces_[i] += other.bounces_[i];
  return *this;
}

}  // namespace barid
