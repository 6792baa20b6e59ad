#include "policy/restrictions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/lookup/split.h"
#include "core/text/ascii.h"
#include "policy/access_action.h"
#include "policy/host_name.h"

namespace barid::policy {
namespace {

using text::equals_ignore_case;

constexpr std::string_view kServerError = "451 4.3.5 Server configuration error";
/// Table results that are lists whose tables answer with lists …
constexpr int kDepthMax = 20;

/// The first digit of the status follows the code.
std::string make_reply(uint16_t code, std::string_view status_tail, std::string_view subject,
                       std::string_view klass, std::string_view reason) {
  return fmt::format("{} {}{} <{}>: {} rejected: {}", code, code / 100, status_tail, subject, klass,
                     reason);
}

constexpr std::array<std::string_view, kListKindCount> kClassNames = {
    "Client host",       "Helo command", "Sender address", "Recipient address",
    "Recipient address", "Data command", "End-of-data",    "Etrn command"};

bool is_fqdn(std::string_view domain) noexcept {
  if (domain.empty()) return false;
  if (domain.front() == '[') return true;  // an address literal
  if (domain.back() == '.') domain.remove_suffix(1);
  return domain.find('.') != std::string_view::npos && domain.find("..") == std::string_view::npos;
}

bool is_postmaster(std::string_view recipient) noexcept {
  return equals_ignore_case(recipient, "postmaster");
}

}  // namespace

/// One check: what the lists said so far.
class RestrictionRun {
 public:
  RestrictionRun(const RelayPolicy::Rules& rules, const ClientSideFacts& facts,
                 RelayPolicy::Verdict& verdict)
      : rules_(rules), facts_(facts), verdict_(verdict), defer_if_permit_(facts.pending) {}

  /// False if the list refused; the verdict has the reply.
  bool run_list(ListKind kind) {
    const RestrictionList& list = rules_.lists[static_cast<size_t>(kind)];
    if (list.empty()) return true;
    const Subject subject{.text = subject_of(kind),
                          .klass = kClassNames[static_cast<size_t>(kind)]};
    return run(list, subject, 0) != Answer::kRefuse;
  }

  /// The sender, unless a list said the same already; false if it is refused.
  bool check_unlisted_sender() {
    return !rules_.reject_unlisted_sender || sender_checked_ ||
           check_listed(*facts_.sender, "Sender address", "0") != Answer::kRefuse;
  }

  /// Every list permitted: a remembered deferral now counts. Then, and not for a message that is
  /// thrown away, the recipient must exist.
  void finish(CheckPoint point) {
    const bool later =
        point == CheckPoint::kConnect || point == CheckPoint::kHelo || point == CheckPoint::kMail;
    (later ? verdict_.pending : verdict_.reply) = std::move(defer_if_permit_);
    if (point != CheckPoint::kRcpt || !verdict_.reply.empty()) return;
    if (!rules_.reject_unlisted_recipient || recipient_checked_ || discards()) return;
    check_listed(*facts_.recipient, "Recipient address", "1");
  }

 private:
  enum class Answer : uint8_t { kDunno, kPermit, kRefuse };
  struct Subject {
    std::string_view text;
    std::string_view klass;
  };

  /// NAME[ADDRESS]; made when first needed.
  std::string_view client_text() {
    if (client_.empty()) {
      client_ = fmt::format("{}[{}]", facts_.client_name, facts_.client_address);
    }
    return client_;
  }

  std::string_view subject_of(ListKind kind) {
    switch (kind) {
      case ListKind::kClient:
        return client_text();
      case ListKind::kHelo:
        return facts_.helo;
      case ListKind::kSender:
        return facts_.sender.value_or("");
      case ListKind::kRelay:
      case ListKind::kRecipient:
        return facts_.recipient.value_or("");
      case ListKind::kData:
        return "DATA";
      case ListKind::kEndOfData:
        return "END-OF-MESSAGE";
      case ListKind::kEtrn:
        return facts_.etrn_domain;
    }
    return {};
  }

  Answer run(const RestrictionList& list, const Subject& subject, int depth) {
    if (depth > kDepthMax) return refuse(std::string(kServerError));
    for (const RestrictionList::Item& item : list.items) {
      const bool outer = warn_only_;
      warn_only_ = outer || item.warn_only;
      const Answer answer = evaluate(item, subject, depth);
      warn_only_ = outer;
      if (answer != Answer::kDunno) return answer;
    }
    return Answer::kDunno;  // the end of a list permits
  }

  Answer refuse(std::string reply) {
    if (warn_only_) {
      act(PolicyAction::Kind::kRejectWarning, std::move(reply));
      return Answer::kDunno;
    }
    const bool softened = reply.front() == '5' && !defer_if_reject_.empty();
    verdict_.reply = softened ? defer_if_reject_ : std::move(reply);
    return Answer::kRefuse;
  }
  Answer refuse(uint16_t code, std::string_view status_tail, const Subject& subject,
                std::string_view reason) {
    return refuse(make_reply(code, status_tail, subject.text, subject.klass, reason));
  }
  Answer temporary(std::string_view subject) {
    return refuse(fmt::format("451 4.3.0 <{}>: Temporary lookup failure", subject));
  }

  /// The first deferral is the one that is reported.
  Answer remember(std::string& slot, std::string reply) {
    if (warn_only_) {
      act(PolicyAction::Kind::kRejectWarning, std::move(reply));
    } else if (slot.empty()) {
      slot = std::move(reply);
    }
    return Answer::kDunno;
  }

  void act(PolicyAction::Kind kind, std::string text, std::string argument = {}) {
    verdict_.actions.push_back(
        {.kind = kind, .text = std::move(text), .argument = std::move(argument)});
  }

  Answer evaluate(const RestrictionList::Item& item, const Subject& subject, int depth);
  [[nodiscard]] bool is_own_interface() const noexcept {
    const auto& own = rules_.classes.own_addresses;
    return facts_.address_known && std::find(own.begin(), own.end(), facts_.address) != own.end();
  }
  Answer check_networks(const Subject& subject);
  Answer check_sender_login(Restriction restriction);
  Answer check_login_table(const RestrictionList::Item& item, int depth) {
    if (!facts_.authenticated) return Answer::kDunno;
    return apply(item.table->find(facts_.login), {.text = facts_.login, .klass = "SASL login name"},
                 depth);
  }
  Answer check_destination(Restriction restriction);
  Answer check_address_fqdn(std::string_view address, std::string_view klass);
  Answer check_helo_name(bool fully_qualified);
  Answer check_listed(std::string_view address, std::string_view klass, std::string_view detail);
  [[nodiscard]] bool discards() const noexcept;
  Answer check_table(const RestrictionList::Item& item, int depth);
  Answer check_known_certificate(const Subject& subject);
  Answer apply(const lookup::LookupResult& result, const Subject& subject, int depth);
  Answer apply_list(std::string_view value, const Subject& subject, int depth);

  const RelayPolicy::Rules& rules_;
  const ClientSideFacts& facts_;
  RelayPolicy::Verdict& verdict_;
  std::string client_;
  std::string defer_if_permit_;
  std::string defer_if_reject_;
  bool warn_only_ = false;
  bool sender_checked_ = false;     ///< reject_unlisted_sender stood in a list and let it pass
  bool recipient_checked_ = false;  ///< likewise
};

RestrictionRun::Answer RestrictionRun::evaluate(const RestrictionList::Item& item,
                                                const Subject& subject, int depth) {
  const RestrictionCodes& codes = rules_.codes;
  switch (item.restriction) {
    case Restriction::kPermit:
      return Answer::kPermit;
    case Restriction::kReject:
      return refuse(codes.reject, ".7.1", subject, "Access denied");
    case Restriction::kDefer:
      return refuse(codes.defer, ".3.2", subject, "Try again later");
    case Restriction::kDeferIfPermit:
      return remember(defer_if_permit_, make_reply(450, ".7.0", subject.text, subject.klass,
                                                   "defer_if_permit requested"));
    case Restriction::kDeferIfReject:
      return remember(defer_if_reject_, make_reply(450, ".7.0", subject.text, subject.klass,
                                                   "defer_if_reject requested"));
    case Restriction::kPermitMynetworks:
      return check_networks(subject);
    case Restriction::kPermitInetInterfaces:
      return is_own_interface() ? Answer::kPermit : Answer::kDunno;
    case Restriction::kPermitSaslAuthenticated:
      return facts_.authenticated ? Answer::kPermit : Answer::kDunno;
    case Restriction::kPermitAuthDestination:
    case Restriction::kRejectUnauthDestination:
    case Restriction::kDeferUnauthDestination:
      return facts_.recipient ? check_destination(item.restriction) : Answer::kDunno;
    case Restriction::kRejectNonFqdnSender:
      if (!facts_.sender || facts_.sender->empty()) return Answer::kDunno;
      return check_address_fqdn(*facts_.sender, "Sender address");
    case Restriction::kRejectNonFqdnRecipient:
      if (!facts_.recipient || is_postmaster(*facts_.recipient)) return Answer::kDunno;
      return check_address_fqdn(*facts_.recipient, "Recipient address");
    case Restriction::kRejectNonFqdnHeloHostname:
      return check_helo_name(/*fully_qualified=*/true);
    case Restriction::kRejectInvalidHeloHostname:
      return check_helo_name(/*fully_qualified=*/false);
    case Restriction::kRejectUnlistedSender:
      if (!facts_.sender || facts_.sender->empty()) return Answer::kDunno;
      if (!warn_only_) sender_checked_ = true;
      return check_listed(*facts_.sender, "Sender address", "0");
    case Restriction::kRejectUnlistedRecipient:
      if (!facts_.recipient) return Answer::kDunno;
      if (!warn_only_) recipient_checked_ = true;
      return check_listed(*facts_.recipient, "Recipient address", "1");
    case Restriction::kRejectUnauthPipelining:
      if (!facts_.pipelined) return Answer::kDunno;
      return refuse(503, ".5.0", subject, "Improper use of SMTP command pipelining");
    case Restriction::kRejectMultiRecipientBounce: {
      const size_t count = facts_.recipients_count + (facts_.recipient ? 1 : 0);
      if (!facts_.sender || !facts_.sender->empty() || count < 2) return Answer::kDunno;
      return refuse(codes.multi_recipient, ".5.3", subject, "Multi-recipient bounce");
    }
    case Restriction::kRejectPlaintextSession:
      if (facts_.encrypted) return Answer::kDunno;
      return refuse(codes.plaintext, ".7.1", subject, "Session encryption is required");
    case Restriction::kRejectSenderLoginMismatch:
    case Restriction::kRejectKnownSenderLoginMismatch:
    case Restriction::kRejectAuthenticatedSenderLoginMismatch:
    case Restriction::kRejectUnauthenticatedSenderLoginMismatch:
      return check_sender_login(item.restriction);
    case Restriction::kCheckSaslAccess:
      return check_login_table(item, depth);
    case Restriction::kCheckClientAccess:
    case Restriction::kCheckHeloAccess:
    case Restriction::kCheckSenderAccess:
    case Restriction::kCheckRecipientAccess:
    case Restriction::kCheckEtrnAccess:
    case Restriction::kCheckCcertAccess:
      return check_table(item, depth);
    case Restriction::kPermitTlsClientcerts:
      return check_known_certificate(subject);
    case Restriction::kPermitTlsAllClientcerts:
      return facts_.certificate_trusted ? Answer::kPermit : Answer::kDunno;
    case Restriction::kClass:
      return run(*item.list, subject, depth + 1);
    case Restriction::kUnknown:
      return refuse(std::string(kServerError));
  }
  return Answer::kDunno;
}

/// Whether who uses a sender address may: smtpd_sender_login_maps names its owners.
RestrictionRun::Answer RestrictionRun::check_sender_login(Restriction restriction) {
  if (!facts_.sender || facts_.sender->empty()) return Answer::kDunno;
  const Restriction not_about = facts_.authenticated
                                    ? Restriction::kRejectUnauthenticatedSenderLoginMismatch
                                    : Restriction::kRejectAuthenticatedSenderLoginMismatch;
  if (restriction == not_about) return Answer::kDunno;
  const std::string_view sender = *facts_.sender;
  const Subject subject{.text = sender, .klass = "Sender address"};
  const bool is_local = rules_.classes.class_of(domain_of(sender)) == AddressClass::kLocal;
  const lookup::LookupResult owners =
      lookup::find_address(rules_.sender_login_maps, {.address = sender,
                                                      .recipient_delimiter = rules_.delimiters,
                                                      .null_key = rules_.null_sender,
                                                      .is_local = is_local});
  if (owners.is_temporary()) return temporary(sender);
  if (!facts_.authenticated) {
    return owners.is_found() ? refuse(553, ".7.1", subject, "not logged in") : Answer::kDunno;
  }
  const bool known_only = restriction == Restriction::kRejectKnownSenderLoginMismatch;
  if (!owners.is_found() && known_only) return Answer::kDunno;
  if (owners.is_found()) {
    for (const std::string_view owner : lookup::split_list(owners.value())) {
      if (equals_ignore_case(owner, facts_.login)) return Answer::kDunno;
    }
  }
  return refuse(553, ".7.1", subject, fmt::format("not owned by user {}", facts_.login));
}

RestrictionRun::Answer RestrictionRun::check_networks(const Subject& subject) {
  if (!facts_.address_known) return Answer::kDunno;
  const lookup::MatchResult match = rules_.mynetworks.match(facts_.address);
  if (match.is_temporary()) return temporary(subject.text);
  return match.yes() ? Answer::kPermit : Answer::kDunno;
}

/// A fingerprint is as good as a signature of an authority: it names the one certificate or key.
RestrictionRun::Answer RestrictionRun::check_known_certificate(const Subject& subject) {
  for (const std::string_view print : {facts_.certificate_fingerprint, facts_.key_fingerprint}) {
    if (print.empty()) continue;
    const lookup::LookupResult found = rules_.client_certificates.find(print);
    if (found.is_found()) return Answer::kPermit;
    if (found.is_temporary()) return temporary(subject.text);
  }
  return Answer::kDunno;
}

RestrictionRun::Answer RestrictionRun::check_destination(Restriction restriction) {
  const std::string_view recipient = *facts_.recipient;
  const AddressClass address_class = rules_.classes.class_of(domain_of(recipient));
  if (address_class == AddressClass::kTemporary) return temporary(recipient);
  const bool authorised =
      address_class != AddressClass::kDefault && !has_source_routing(local_part_of(recipient));
  if (restriction == Restriction::kPermitAuthDestination) {
    return authorised ? Answer::kPermit : Answer::kDunno;
  }
  if (authorised) return Answer::kDunno;
  const bool defer = restriction == Restriction::kDeferUnauthDestination;
  const uint16_t code = defer ? 454 : rules_.codes.relay_domains;
  return refuse(fmt::format("{} {}.7.1 <{}>: Relay access denied", code, code / 100, recipient));
}

RestrictionRun::Answer RestrictionRun::check_address_fqdn(std::string_view address,
                                                          std::string_view klass) {
  if (is_fqdn(domain_of(address))) return Answer::kDunno;
  return refuse(rules_.codes.non_fqdn, ".5.2", {.text = address, .klass = klass},
                "need fully-qualified address");
}

RestrictionRun::Answer RestrictionRun::check_helo_name(bool fully_qualified) {
  const std::string_view helo = facts_.helo;
  if (helo.empty()) return Answer::kDunno;
  const Subject subject{.text = helo, .klass = "Helo command"};
  if (helo.front() == '[') {
    if (is_address_literal(helo)) return Answer::kDunno;
    return refuse(rules_.codes.invalid_name, ".5.2", subject, "invalid ip address");
  }
  std::string_view name = helo;
  if (name.ends_with('.')) name.remove_suffix(1);
  const bool valid = is_host_name(name);
  if (fully_qualified) {
    if (valid && name.find('.') != std::string_view::npos) return Answer::kDunno;
    return refuse(rules_.codes.non_fqdn, ".5.2", subject, "need fully-qualified hostname");
  }
  if (valid || lookup::IpAddress::parse(name)) return Answer::kDunno;
  return refuse(rules_.codes.invalid_name, ".5.2", subject, "Invalid name");
}

/// Whether the address exists, as far as the tables of its class know. One that asks to be routed
/// on (`a%b@ours`) is not an address of ours.
RestrictionRun::Answer RestrictionRun::check_listed(std::string_view address,
                                                    std::string_view klass,
                                                    std::string_view detail) {
  if (has_source_routing(local_part_of(address))) return Answer::kDunno;
  const AddressClass address_class = rules_.classes.class_of(domain_of(address));
  const RecipientMaps::Answer answer = rules_.maps.find(address, address_class, rules_.delimiters);
  switch (answer.kind) {
    case RecipientMaps::Answer::Kind::kKnown:
      return Answer::kDunno;
    case RecipientMaps::Answer::Kind::kTemporary:
      return temporary(address);
    case RecipientMaps::Answer::Kind::kUnknown:
      break;
  }
  return refuse(answer.code, fmt::format(".1.{}", detail), {.text = address, .klass = klass},
                answer.reason);
}

bool RestrictionRun::discards() const noexcept {
  return std::any_of(verdict_.actions.begin(), verdict_.actions.end(), [](const auto& action) {
    return action.kind == PolicyAction::Kind::kDiscard;
  });
}

RestrictionRun::Answer RestrictionRun::check_table(const RestrictionList::Item& item, int depth) {
  const lookup::Table& table = *item.table;
  const AccessKeys keys{.bare_parents = rules_.bare_parents,
                        .delimiters = rules_.delimiters,
                        .null_sender = rules_.null_sender};
  switch (item.restriction) {
    case Restriction::kCheckClientAccess: {
      const Subject subject{.text = client_text(), .klass = "Client host"};
      lookup::LookupResult result = find_access_domain(table, facts_.client_name, keys);
      if (result.status() == lookup::LookupResult::Status::kNotFound) {
        result = find_access_address(table, facts_.client_address);
      }
      return apply(result, subject, depth);
    }
    case Restriction::kCheckHeloAccess:
      if (facts_.helo.empty()) return Answer::kDunno;
      return apply(find_access_domain(table, facts_.helo, keys),
                   {.text = facts_.helo, .klass = "Helo command"}, depth);
    case Restriction::kCheckSenderAccess:
      if (!facts_.sender) return Answer::kDunno;
      return apply(find_access_mail(table, *facts_.sender, keys),
                   {.text = *facts_.sender, .klass = "Sender address"}, depth);
    case Restriction::kCheckCcertAccess: {
      if (facts_.certificate_fingerprint.empty()) return Answer::kDunno;
      lookup::LookupResult result = table.find(facts_.certificate_fingerprint);
      if (result.status() == lookup::LookupResult::Status::kNotFound) {
        result = table.find(facts_.key_fingerprint);
      }
      return apply(result, {.text = client_text(), .klass = "Client certificate"}, depth);
    }
    case Restriction::kCheckRecipientAccess:
      if (!facts_.recipient) return Answer::kDunno;
      return apply(find_access_mail(table, *facts_.recipient, keys),
                   {.text = *facts_.recipient, .klass = "Recipient address"}, depth);
    default:
      if (facts_.etrn_domain.empty()) return Answer::kDunno;
      return apply(find_access_domain(table, facts_.etrn_domain, keys),
                   {.text = facts_.etrn_domain, .klass = "Etrn command"}, depth);
  }
}

/// What a table answered, as access(5) has it.
RestrictionRun::Answer RestrictionRun::apply(const lookup::LookupResult& result,
                                             const Subject& subject, int depth) {
  if (result.is_misconfigured()) return refuse(std::string(kServerError));
  if (result.is_temporary()) return temporary(subject.text);
  if (!result.is_found()) return Answer::kDunno;
  const AccessAction action = parse_access_action(result.value());
  const auto describe = [&](std::string_view fallback) {
    return fmt::format("<{}>: {} {}", subject.text, subject.klass,
                       action.text.empty() ? fallback : action.text);
  };
  const auto reply = [&](uint16_t code, std::string_view status_tail, std::string_view fallback) {
    const std::string_view reason = action.text.empty() ? fallback : action.text;
    if (action.status.empty()) {
      return make_reply(code, status_tail, subject.text, subject.klass, reason);
    }
    return make_reply(code, action.status.substr(1), subject.text, subject.klass, reason);
  };
  switch (action.verb) {
    case AccessAction::Verb::kOk:
      return Answer::kPermit;
    case AccessAction::Verb::kDunno:
      return Answer::kDunno;
    case AccessAction::Verb::kReject:
      return refuse(reply(rules_.codes.access_reject, ".7.1", "Access denied"));
    case AccessAction::Verb::kDefer:
      return refuse(reply(rules_.codes.access_defer, ".7.1", "Access denied"));
    case AccessAction::Verb::kReply:
      return refuse(reply(action.code, ".7.1", "Access denied"));
    case AccessAction::Verb::kDeferIfPermit:
      return remember(defer_if_permit_,
                      reply(rules_.codes.access_defer, ".7.1", "Service unavailable"));
    case AccessAction::Verb::kDeferIfReject:
      return remember(defer_if_reject_,
                      reply(rules_.codes.access_defer, ".7.1", "Service unavailable"));
    case AccessAction::Verb::kWarn:
      act(PolicyAction::Kind::kWarn, describe("triggers WARN action"));
      return Answer::kDunno;
    case AccessAction::Verb::kInfo:
      act(PolicyAction::Kind::kInfo, describe("triggers INFO action"));
      return Answer::kDunno;
    case AccessAction::Verb::kDiscard:
      act(PolicyAction::Kind::kDiscard, describe("triggers DISCARD action"));
      return Answer::kDunno;
    case AccessAction::Verb::kRedirect:
    case AccessAction::Verb::kBcc: {
      const bool redirect = action.verb == AccessAction::Verb::kRedirect;
      act(redirect ? PolicyAction::Kind::kRedirect : PolicyAction::Kind::kBcc,
          fmt::format("<{}>: {} triggers {} {}", subject.text, subject.klass,
                      redirect ? "REDIRECT" : "BCC", action.text),
          std::string(action.text));
      return Answer::kDunno;
    }
    case AccessAction::Verb::kPrepend:
      act(PolicyAction::Kind::kPrepend, {}, std::string(action.text));
      return Answer::kDunno;
    case AccessAction::Verb::kBad:
      act(PolicyAction::Kind::kWarn, describe("has an access action that is not served"));
      return refuse(std::string(kServerError));
    case AccessAction::Verb::kList:
      return apply_list(result.value(), subject, depth);
  }
  return Answer::kDunno;
}

/// Any other result is a list of restrictions; it names no tables, since opening those takes time.
RestrictionRun::Answer RestrictionRun::apply_list(std::string_view value, const Subject& subject,
                                                  int depth) {
  std::vector<std::string> items;
  for (const std::string_view item : lookup::split_list(value)) items.emplace_back(item);
  const RestrictionSource source(&rules_.restriction_classes);
  const RestrictionList list = parse_restrictions(items, ListKind::kRecipient, source);
  return run(list, subject, depth + 1);
}

bool RelayPolicy::is_safe() const noexcept {
  return can_refuse(rules_.lists[static_cast<size_t>(ListKind::kRelay)]) ||
         can_refuse(rules_.lists[static_cast<size_t>(ListKind::kRecipient)]);
}

namespace {

struct ListOrder {
  std::array<ListKind, 5> kinds{};
  size_t count = 0;
  void add(ListKind kind) noexcept { kinds[count++] = kind; }
};

/// The lists of one check, in order.
ListOrder order_of(CheckPoint point, const RelayPolicy::Rules& rules) noexcept {
  ListOrder order;
  const bool delayed = rules.delay_reject;
  switch (point) {
    case CheckPoint::kConnect:
      if (!delayed) order.add(ListKind::kClient);
      break;
    case CheckPoint::kHelo:
      if (!delayed) order.add(ListKind::kHelo);
      break;
    case CheckPoint::kMail:
      if (!delayed) order.add(ListKind::kSender);
      break;
    case CheckPoint::kRcpt:
      if (delayed) {
        order.add(ListKind::kClient);
        order.add(ListKind::kHelo);
        order.add(ListKind::kSender);
      }
      order.add(rules.relay_before_recipient ? ListKind::kRelay : ListKind::kRecipient);
      order.add(rules.relay_before_recipient ? ListKind::kRecipient : ListKind::kRelay);
      break;
    case CheckPoint::kData:
      order.add(ListKind::kData);
      break;
    case CheckPoint::kEndOfMessage:
      order.add(ListKind::kEndOfData);
      break;
    case CheckPoint::kEtrn:
      if (delayed) {
        order.add(ListKind::kClient);
        order.add(ListKind::kHelo);
      }
      order.add(ListKind::kEtrn);
      break;
  }
  return order;
}

}  // namespace

bool RelayPolicy::has_checks(CheckPoint point) const noexcept {
  if (point == CheckPoint::kMail && !rules_.delay_reject && rules_.reject_unlisted_sender) {
    return true;
  }
  const ListOrder order = order_of(point, rules_);
  return std::any_of(order.kinds.begin(), order.kinds.begin() + order.count, [&](ListKind kind) {
    return !rules_.lists[static_cast<size_t>(kind)].empty();
  });
}

RelayPolicy::Verdict RelayPolicy::check(CheckPoint point, const ClientSideFacts& facts) const {
  Verdict verdict;
  // RFC 5321 4.5.1: always accepted.
  if (point == CheckPoint::kRcpt && is_postmaster(facts.recipient.value_or(""))) return verdict;
  RestrictionRun run(rules_, facts, verdict);
  const ListOrder order = order_of(point, rules_);
  for (size_t i = 0; i < order.count; ++i) {
    if (!run.run_list(order.kinds[i])) return verdict;
    const bool has_sender = facts.sender && !facts.sender->empty();
    if (order.kinds[i] == ListKind::kSender && has_sender && !run.check_unlisted_sender()) {
      return verdict;
    }
  }
  run.finish(point);
  return verdict;
}

}  // namespace barid::policy
