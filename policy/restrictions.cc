#include "policy/restrictions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace barid::policy {
namespace {

struct Name {
  std::string_view text;
  Restriction restriction;
};
constexpr std::array kNames = {
    Name{"permit", Restriction::kPermit},
    Name{"reject", Restriction::kReject},
    Name{"defer", Restriction::kDefer},
    Name{"permit_mynetworks", Restriction::kPermitMynetworks},
    Name{"permit_inet_interfaces", Restriction::kPermitInetInterfaces},
    Name{"permit_sasl_authenticated", Restriction::kPermitSaslAuthenticated},
    Name{"permit_auth_destination", Restriction::kPermitAuthDestination},
    Name{"reject_unauth_destination", Restriction::kRejectUnauthDestination},
    Name{"defer_unauth_destination", Restriction::kDeferUnauthDestination},
    Name{"reject_non_fqdn_sender", Restriction::kRejectNonFqdnSender},
    Name{"reject_non_fqdn_recipient", Restriction::kRejectNonFqdnRecipient},
    Name{"reject_non_fqdn_helo_hostname", Restriction::kRejectNonFqdnHeloHostname},
};

bool equal_fold(std::string_view a, std::string_view b) noexcept {
  const auto fold = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return fold(x) == fold(y); });
}

bool is_fqdn(std::string_view domain) noexcept {
  if (domain.empty()) return false;
  if (domain.front() == '[') return true;  // an address literal
  if (domain.back() == '.') domain.remove_suffix(1);
  return domain.find('.') != std::string_view::npos && domain.find("..") == std::string_view::npos;
}

bool is_postmaster(std::string_view recipient) noexcept {
  return equal_fold(recipient, "postmaster");
}

}  // namespace

RestrictionList parse_restrictions(const std::vector<std::string>& items,
                                   std::vector<std::string>* warnings) {
  RestrictionList list;
  bool warn_only = false;
  for (const std::string& text : items) {
    if (equal_fold(text, "warn_if_reject")) {
      warn_only = true;
      continue;
    }
    RestrictionList::Item item{.warn_only = warn_only, .name = text};
    warn_only = false;
    const auto found = std::find_if(kNames.begin(), kNames.end(),
                                    [&](const Name& name) { return equal_fold(name.text, text); });
    if (found != kNames.end()) {
      item.restriction = found->restriction;
    } else {
      warnings->push_back(fmt::format("unknown smtpd restriction: \"{}\"", text));
    }
    list.items.push_back(std::move(item));
  }
  return list;
}

bool RelayPolicy::is_safe() const noexcept {
  for (const RestrictionList* list : {&rules_.relay, &rules_.recipient}) {
    for (const RestrictionList::Item& item : list->items) {
      if (item.warn_only) continue;
      if (item.restriction == Restriction::kPermit) break;
      if (item.restriction == Restriction::kReject || item.restriction == Restriction::kDefer ||
          item.restriction == Restriction::kRejectUnauthDestination ||
          item.restriction == Restriction::kDeferUnauthDestination) {
        return true;
      }
    }
  }
  return false;
}

RelayPolicy::Answer RelayPolicy::check_destination(std::string_view recipient, bool defer,
                                                   std::string* reply) const {
  const AddressClass address_class = rules_.classes.class_of(domain_of(recipient));
  if (address_class == AddressClass::kTemporary) {
    *reply = fmt::format("451 4.3.0 <{}>: Temporary lookup failure", recipient);
    return Answer::kRefuse;
  }
  const bool authorised =
      address_class != AddressClass::kDefault && !has_source_routing(local_part_of(recipient));
  if (authorised) return Answer::kDunno;
  if (defer) {
    *reply = fmt::format("454 4.7.1 <{}>: Relay access denied", recipient);
  } else {
    const uint16_t code = rules_.codes.relay_domains;
    *reply = fmt::format("{} {}.7.1 <{}>: Relay access denied", code, code / 100, recipient);
  }
  return Answer::kRefuse;
}

RelayPolicy::Answer RelayPolicy::evaluate(const RestrictionList::Item& item,
                                          const ClientSideFacts& client, std::string_view sender,
                                          std::string_view recipient, std::string* reply) const {
  const RestrictionCodes& codes = rules_.codes;
  switch (item.restriction) {
    case Restriction::kPermit:
      return Answer::kPermit;
    case Restriction::kReject:
      *reply = fmt::format("{0} {1}.7.1 <{2}>: Recipient address rejected: Access denied",
                           codes.reject, codes.reject / 100, recipient);
      return Answer::kRefuse;
    case Restriction::kDefer:
      *reply = fmt::format("{0} {1}.3.2 <{2}>: Recipient address rejected: Try again later",
                           codes.defer, codes.defer / 100, recipient);
      return Answer::kRefuse;
    case Restriction::kPermitMynetworks: {
      if (!client.address_known) return Answer::kDunno;
      const lookup::MatchResult match = rules_.mynetworks.match(client.address);
      if (match.is_temporary()) {
        *reply = fmt::format("451 4.3.0 <{}>: Temporary lookup failure", recipient);
        return Answer::kRefuse;
      }
      return match.yes() ? Answer::kPermit : Answer::kDunno;
    }
    case Restriction::kPermitInetInterfaces: {
      const auto& own = rules_.classes.own_addresses;
      const bool match =
          client.address_known && std::find(own.begin(), own.end(), client.address) != own.end();
      return match ? Answer::kPermit : Answer::kDunno;
    }
    case Restriction::kPermitSaslAuthenticated:
      return client.authenticated ? Answer::kPermit : Answer::kDunno;
    case Restriction::kPermitAuthDestination: {
      std::string unused;
      return check_destination(recipient, false, &unused) == Answer::kDunno ? Answer::kPermit
                                                                            : Answer::kDunno;
    }
    case Restriction::kRejectUnauthDestination:
      return check_destination(recipient, false, reply);
    case Restriction::kDeferUnauthDestination:
      return check_destination(recipient, true, reply);
    case Restriction::kRejectNonFqdnSender:
      if (sender.empty() || is_fqdn(domain_of(sender))) return Answer::kDunno;
      *reply = fmt::format("{} {}.5.2 <{}>: Sender address rejected: need fully-qualified address",
                           codes.non_fqdn, codes.non_fqdn / 100, sender);
      return Answer::kRefuse;
    case Restriction::kRejectNonFqdnRecipient:
      if (is_postmaster(recipient) || is_fqdn(domain_of(recipient))) return Answer::kDunno;
      *reply =
          fmt::format("{} {}.5.2 <{}>: Recipient address rejected: need fully-qualified address",
                      codes.non_fqdn, codes.non_fqdn / 100, recipient);
      return Answer::kRefuse;
    case Restriction::kRejectNonFqdnHeloHostname:
      if (client.helo.empty() || is_fqdn(client.helo)) return Answer::kDunno;
      *reply = fmt::format("{} {}.5.2 <{}>: Helo command rejected: need fully-qualified hostname",
                           codes.non_fqdn, codes.non_fqdn / 100, client.helo);
      return Answer::kRefuse;
    case Restriction::kUnknown:
      *reply = "451 4.3.5 Server configuration error";
      return Answer::kRefuse;
  }
  return Answer::kDunno;
}

RelayPolicy::Answer RelayPolicy::run(const RestrictionList& list, const ClientSideFacts& client,
                                     std::string_view sender, std::string_view recipient,
                                     Verdict* verdict) const {
  for (const RestrictionList::Item& item : list.items) {
    std::string reply;
    const Answer answer = evaluate(item, client, sender, recipient, &reply);
    if (answer == Answer::kDunno) continue;
    if (answer == Answer::kPermit) return answer;
    if (item.warn_only) {
      verdict->warning = std::move(reply);
      continue;
    }
    verdict->reply = std::move(reply);
    return answer;
  }
  return Answer::kDunno;  // the end of a list permits
}

RelayPolicy::Verdict RelayPolicy::check_recipient(const ClientSideFacts& client,
                                                  std::string_view sender,
                                                  std::string_view recipient) const {
  Verdict verdict;
  if (is_postmaster(recipient)) return verdict;  // RFC 5321 4.5.1: always accepted
  for (const RestrictionList* list : {&rules_.sender, &rules_.relay, &rules_.recipient}) {
    if (run(*list, client, sender, recipient, &verdict) == Answer::kRefuse) return verdict;
  }
  return verdict;
}

}  // namespace barid::policy
