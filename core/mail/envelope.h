// What travels with a message besides its content: the submission type on which SMTP, HTTP, the
// queue, the schedule and the delivery agents meet.
// Source: RFC 5321 3.3 (sender, recipients), RFC 3461 (DSN parameters), RFC 6152, 3030 (BODY),
//         RFC 6531 (SMTPUTF8).
// Layer:  core/mail, pure. Owns all its strings: an Envelope outlives the session that made it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/queue_id.h"
#include "core/base/time.h"

namespace barid {

/// RFC 3461 4.1 NOTIFY, a set. Empty = not given, which means failure and delay.
enum Notify : uint8_t {
  kNotifyNever = 1,
  kNotifySuccess = 2,
  kNotifyFailure = 4,
  kNotifyDelay = 8,
};

enum class DsnReturn : uint8_t { kNotGiven = 0, kFull = 1, kHeaders = 2 };
enum class BodyType : uint8_t { k7Bit = 0, k8BitMime = 1, kBinaryMime = 2 };

/// Which lane of the schedule a message takes: a password reset does not wait behind a newsletter.
enum class Stream : uint8_t { kTransactional = 0, kBulk = 1 };

/// RFC 6710 2: MT-PRIORITY.
inline constexpr int kPriorityMin = -9;
inline constexpr int kPriorityMax = 9;

/// By which way a message came in, as far as that says whose mail it is.
enum class MailOrigin : uint8_t {
  kForeign = 0,        ///< over SMTP from a client that is not ours, or not known
  kOwnNetwork = 1,     ///< over SMTP from mynetworks
  kAuthenticated = 2,  ///< over SMTP after AUTH, or with a client certificate that may relay
  kHttp = 3,           ///< the submission API
  kLocal = 4,          ///< a command of this host
  kNotice = 5,         ///< made here, about other mail
  kTlsReport = 6,      ///< a report on TLS: delivered whatever TLS comes to (RFC 8460 3)
};

struct Recipient {
  std::string address;   ///< external (quoted) form without brackets, e.g. user@example.org
  std::string original;  ///< ORCPT as received after xtext decoding, "rfc822;a@b", or empty
  uint8_t notify = 0;    ///< Notify bits
};

struct Envelope {
  std::string sender;  ///< external form without brackets; empty = null sender
  std::string envid;   ///< ENVID, xtext-decoded; empty = not given
  DsnReturn dsn_return = DsnReturn::kNotGiven;
  BodyType body = BodyType::k7Bit;
  bool smtputf8 = false;
  std::vector<Recipient> recipients;

  // How it is to be scheduled and sent.
  std::string tenant;  ///< whose mail it is, for fairness, limits and events; empty = nobody's
  Stream stream = Stream::kTransactional;
  int8_t priority = 0;    ///< MT-PRIORITY, kPriorityMin..kPriorityMax
  WallTime expires_at{};  ///< returned when not delivered by then; epoch = queue lifetime only
  std::string pool;       ///< egress pool; empty = the transport's own
  std::string verp;       ///< the two VERP delimiters, e.g. "+="; empty = no VERP
  std::string email_id;   ///< UUID under which the HTTP API knows it; empty = none

  MailOrigin origin = MailOrigin::kForeign;

  // Where it came from, for logs, Received and notices.
  std::string client_name;      ///< verified host name or "unknown"
  std::string client_address;   ///< textual IP address
  uint16_t client_port = 0;     ///< 0 = not known
  bool client_is_local = true;  ///< made on this host, or by one that its proxy calls local
  std::string helo;
  std::string protocol;      ///< SMTP, ESMTP, UTF8SMTP, ... as in Received's "with"
  std::string forwarded_id;  ///< its name in the log of the host that forwarded it; empty = none
};

/// RFC 3463 status code. 0.0.0 = none.
struct DsnCode {
  uint8_t klass = 0;
  uint16_t subject = 0;
  uint16_t detail = 0;

  bool operator==(const DsnCode&) const = default;
  [[nodiscard]] std::string text() const {
    return std::to_string(klass) + '.' + std::to_string(subject) + '.' + std::to_string(detail);
  }
};

/// How one attempt ended for one recipient. kInDoubt: the final dot or last BDAT was sent and the
/// reply never came; retried, counted and logged, the only lawful source of duplicates.
enum class Disposition : uint8_t { kDelivered = 0, kDeferred = 1, kFailed = 2, kInDoubt = 3 };

/// How far a delivery went, for the question who tells the sender of its success (RFC 3461 5.2).
enum class Handover : uint8_t {
  kFinal = 0,     ///< into a mailbox, or to where mail ends: "delivered" is ours to say
  kRelayed = 1,   ///< to a host without DSN: "relayed" is the last that will be known
  kPassedOn = 2,  ///< to a host with DSN, which tells from now on
};

/// The four parts of a delivery's time, in Postfix's order (spec of `delays=`).
struct Delays {
  Duration before_queue{};  ///< arrival to entering the schedule
  Duration in_queue{};      ///< schedule to hand-over to an agent
  Duration connection{};    ///< DNS, connect, greeting, EHLO
  Duration transmission{};
};

/// What an agent reports for one recipient of one message.
struct Outcome {
  Disposition disposition = Disposition::kDeferred;
  DsnCode dsn;
  std::string text;        ///< what stands in the log's parentheses, one line
  std::string relay;       ///< "host[ip]:port" or "none"
  std::string remote_mta;  ///< host name for a notice's Remote-MTA; empty = decided here
  std::string diagnostic;  ///< the remote reply for Diagnostic-Code "smtp; …"; empty = decided here
  Handover handover = Handover::kFinal;  ///< of a delivered recipient
  Delays delays;
  uint32_t connection_use = 1;      ///< messages over this connection so far, this one included
  std::string_view agent = "smtp";  ///< static: which program's log line it is
  uint32_t log_pid = 0;             ///< distinct per session, as log readers group by it
};

}  // namespace barid
