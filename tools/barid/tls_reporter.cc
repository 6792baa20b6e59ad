#include "tools/barid/tls_reporter.h"

#include <fmt/format.h>

#include <algorithm>

#include "deliver/tls_report_mail.h"
#include "http/webhook/client.h"

namespace barid::tools {
namespace {

constexpr Duration kLookInterval = std::chrono::seconds(1);
constexpr Duration kQueryPatience = std::chrono::seconds(30);
constexpr Duration kPostPatience = std::chrono::seconds(60);
constexpr std::chrono::milliseconds kPostTimeout{45'000};
constexpr auto kRetryAfter = std::chrono::minutes(10);
constexpr auto kTryFor = std::chrono::hours(24);  // RFC 8460 5.5
constexpr std::string_view kMailto = "mailto:";

struct PackedReport {
  std::string packed;
  std::string message;  ///< where it goes by mail
};

/// Offload pool.
http::WebhookAnswer post_now(const http::WebhookClientSettings& settings, http::WebhookCall call) {
  http::WebhookClient client;
  client.set_settings(settings);
  if (!client.start(std::move(call))) return {.problem = "out of memory"};
  for (;;) {
    std::vector<http::WebhookAnswer> answers = client.run(std::chrono::milliseconds(500));
    if (!answers.empty()) return std::move(answers.front());
  }
}

/// "host:port" of an https URL whose authority is plain (dns/tls_report_record.h).
std::pair<std::string, std::string> host_and_port(std::string_view url) {
  std::string_view authority = url.substr(8, url.find_first_of("/?", 8) - 8);
  const size_t colon = authority.find(':');
  if (colon == std::string_view::npos) return {std::string(authority), "443"};
  return {std::string(authority.substr(0, colon)), std::string(authority.substr(colon + 1))};
}

}  // namespace

void TlsReporter::note(LogSeverity severity, const std::string& text) {
  env_.log.write({}, LogNote{.program = LogProgram::kSmtp, .severity = severity, .text = text});
}

rt::Task<bool> TlsReporter::close(MonoTime deadline) {
  stopping_ = true;
  stop_.cancel();
  co_return co_await scope_.join(deadline) == Code::kOk;
}

rt::Task<void> TlsReporter::run() {
  while (!stopping_) {
    const uint64_t uncounted =
        env_.counts.end_period(env_.reactor.wall_now(), settings_.send_delay);
    if (uncounted > 0) {
      note(LogSeverity::kWarning,
           fmt::format("TLS-RPT: {} domains or sessions were more than are counted", uncounted));
    }
    std::optional<smtp::DueTlsReport> due = env_.counts.find_due(env_.reactor.wall_now());
    if (due) {
      co_await send(*std::move(due));
      continue;
    }
    const Code code = co_await stop_.wait_for(kLookInterval);
    if (code == Code::kCancelled) co_return;
  }
}

/// What is left to do after this try stays due, for a day.
rt::Task<void> TlsReporter::send(smtp::DueTlsReport due) {
  const auto last_try = due.end + kTryFor + settings_.send_delay;
  bool known = !due.targets.empty();
  if (!known) {
    known = co_await find_targets(&due);
    if (known && due.targets.empty()) co_return env_.counts.settle(due);  // nobody asked for it
  }
  std::vector<std::string> left;
  const std::vector<std::string> targets = due.targets;
  for (const std::string& target : targets) {
    bool done = false;
    if (stopping_) {
      done = false;
    } else if (target.starts_with(kMailto)) {
      done = co_await mail(due, target.substr(kMailto.size()));
    } else {
      done = co_await post(due, target);
    }
    if (!done) left.push_back(target);
  }
  if (known && left.empty()) co_return env_.counts.settle(due);
  if (env_.reactor.wall_now() >= last_try) {
    note(LogSeverity::kWarning,
         fmt::format("TLS-RPT: the report for {} was not taken for a day and is dropped",
                     due.domain));
    co_return env_.counts.settle(due);
  }
  due.targets = std::move(left);
  due.next = env_.reactor.wall_now() + kRetryAfter;
  env_.counts.postpone(due);
}

rt::Task<bool> TlsReporter::find_targets(smtp::DueTlsReport* due) {
  const dns::Answer answer = co_await env_.resolver.query(
      "_smtp._tls." + due->domain, dns::RecordType::kTxt, env_.reactor.now() + kQueryPatience);
  if (dns::is_temporary(answer.status)) co_return false;
  for (const dns::TlsReportTarget& target : dns::parse_tls_report_record(answer.texts)) {
    due->targets.push_back(target.is_mail ? fmt::format("{}{}", kMailto, target.place)
                                          : target.place);
  }
  co_return true;
}

TlsReport TlsReporter::report_of(const smtp::DueTlsReport& due) const {
  return {.organization = settings_.organization,
          .contact = settings_.contact,
          .id = fmt::format("{}.{}@{}", unix_seconds(due.begin), due.domain, settings_.host_name),
          .begin = due.begin,
          .end = due.end,
          .policies = due.policies};
}

rt::Task<bool> TlsReporter::mail(smtp::DueTlsReport due, std::string to) {
  const TlsReport report = report_of(due);
  const auto compose = [report, to, domain = due.domain, host = settings_.host_name,
                        from = settings_.sender, now = env_.reactor.wall_now()] {
    const std::string packed = gzip(tls_report_json(report));
    return tls_report_mail(report, {.domain = domain,
                                    .submitter = host,
                                    .from = from,
                                    .to = to,
                                    .now = now,
                                    .packed = packed});
  };
  const Result<std::string> message =
      co_await env_.offload.run(compose, env_.reactor.now() + kPostPatience);
  if (!message.ok() || !env_.queue.refuse_mail(message->size()).empty()) co_return false;
  Envelope envelope;  // the null sender: nothing comes back, and no report on a report
  envelope.recipients.push_back({.address = to, .original = {}});
  envelope.origin = MailOrigin::kTlsReport;
  envelope.client_name = "localhost";
  envelope.client_address = "127.0.0.1";
  ContentRef content = ContentRef::make();
  content->append(*message);
  const QueueId id = env_.queue.home().allocate_id();
  const uint64_t group = env_.queue.stage({.id = id,
                                           .envelope = std::move(envelope),
                                           .content = std::move(content),
                                           .arrival = env_.reactor.wall_now()});
  const Status stored = co_await env_.queue.home().committed(group);
  if (!stored.ok()) co_return false;
  note(LogSeverity::kInfo,
       fmt::format("TLS-RPT: report for {} to {} queued as {}", due.domain, to, id.text()));
  co_return true;
}

/// libcurl is told what DNS said, in its own words.
rt::Task<std::string> TlsReporter::addresses_of(std::string url) {
  const auto [host, port] = host_and_port(url);
  const std::string name = host;  // no structured binding in a coroutine's call
  std::string list;
  for (const dns::RecordType type : {dns::RecordType::kA, dns::RecordType::kAaaa}) {
    const dns::Answer answer =
        co_await env_.resolver.query(name, type, env_.reactor.now() + kQueryPatience);
    for (const net::SocketAddress& address : answer.addresses) {
      const std::string ip = address.ip_text();
      list += list.empty() ? "" : ",";
      list += type == dns::RecordType::kAaaa ? fmt::format("[{}]", ip) : ip;
    }
  }
  if (list.empty()) co_return list;
  co_return fmt::format("{}:{}:{}", host, port, list);
}

rt::Task<bool> TlsReporter::post(smtp::DueTlsReport due, std::string url) {
  std::string resolved = co_await addresses_of(url);
  if (resolved.empty()) {
    note(LogSeverity::kWarning,
         fmt::format("TLS-RPT: report for {}: {}: the host has no address", due.domain, url));
    co_return false;
  }
  http::WebhookClientSettings settings{.policy = settings_.https_policy,
                                       .timeout = kPostTimeout,
                                       .ca_file = settings_.ca_file,
                                       .user_agent = settings_.user_agent};
  const auto call = [report = report_of(due), url, resolved, settings] {
    http::WebhookCall one{.url = url, .resolve = resolved};
    one.fields = {"Content-Type: application/tlsrpt+gzip", "Expect:"};
    one.body = gzip(tls_report_json(report));
    return post_now(settings, std::move(one));
  };
  const Result<http::WebhookAnswer> answer =
      co_await env_.offload.run(call, env_.reactor.now() + kPostPatience);
  const int status = answer.ok() ? answer->status : 0;
  if (status >= 200 && status < 300) {
    note(LogSeverity::kInfo, fmt::format("TLS-RPT: report for {} sent to {}", due.domain, url));
    co_return true;
  }
  std::string why = "no answer in time";
  if (status != 0) why = fmt::format("answered {}", status);
  if (status == 0 && answer.ok()) why = answer->problem;
  note(LogSeverity::kWarning, fmt::format("TLS-RPT: report for {}: {}: {}", due.domain, url, why));
  co_return false;
}

}  // namespace barid::tools
