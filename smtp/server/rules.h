// The decision table of the SMTP server: what each command is answered in each phase, and what else
// is true of it. Legality is data; the exhaustive test walks every phase and verb.
// Source: RFC 5321 4.1.4 (order of commands), RFC 2920 3.1 (which commands end a group), RFC
// 3030 4. Layer:  smtp/server, pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "smtp/proto/verb.h"

namespace barid::smtp {

enum class Phase : uint8_t {
  kConnected = 0,  ///< no HELO or EHLO yet
  kGreeted,        ///< no transaction
  kMail,           ///< MAIL accepted, no RCPT tried
  kRefused,        ///< every RCPT so far was refused
  kRcpt,           ///< at least one recipient accepted
  kChunks,         ///< a BDAT chunk that was not the last was accepted
  kChunkFault,     ///< a BDAT chunk was refused; until LAST or RSET, payload is thrown away
};
inline constexpr size_t kPhaseCount = 7;

/// What keeps a command from running in a phase.
enum class Refusal : uint8_t {
  kNone,           ///< it runs
  kHeloFirst,      ///< only if helo_required: 503 5.5.1 Error: send HELO/EHLO first
  kNestedMail,     ///< 503 5.5.1 Error: nested MAIL command
  kMailAfterBdat,  ///< 503 5.5.1 Error: MAIL after BDAT
  kNeedMail,       ///< 503 5.5.1 Error: need MAIL command
  kRcptAfterBdat,  ///< 503 5.5.1 Error: RCPT after BDAT
  kNeedRcpt,       ///< 503 5.5.1 Error: need RCPT command
  kNoRecipients,   ///< 554 5.5.1 Error: no valid recipients
  kDataAfterBdat,  ///< 503 5.5.1 Error: DATA after BDAT
  kInTransaction,  ///< 503 Error: MAIL transaction in progress
  kAfterFault,     ///< 551 5.0.0 Discarded n bytes after earlier error
};

struct Rule {
  Verb verb;
  bool junk;        ///< counted against smtpd_junk_command_limit
  bool ends_group;  ///< must be the last of a pipelined group
  bool before_tls;  ///< allowed before STARTTLS where TLS is mandatory
  std::array<Refusal, kPhaseCount> refusals;
};

namespace rules_detail {
using enum Refusal;
inline constexpr std::array<Refusal, kPhaseCount> kAlways = {};
inline constexpr std::array<Refusal, kPhaseCount> kIdleOnly = {
    kNone, kNone, kInTransaction, kInTransaction, kInTransaction, kInTransaction, kInTransaction};
inline constexpr std::array<Refusal, kPhaseCount> kMailRow = {
    kHeloFirst, kNone, kNestedMail, kNestedMail, kNestedMail, kNestedMail, kMailAfterBdat};
inline constexpr std::array<Refusal, kPhaseCount> kRcptRow = {
    kNeedMail, kNeedMail, kNone, kNone, kNone, kRcptAfterBdat, kRcptAfterBdat};
inline constexpr std::array<Refusal, kPhaseCount> kDataRow = {
    kNeedRcpt, kNeedRcpt, kNeedRcpt, kNoRecipients, kNone, kDataAfterBdat, kDataAfterBdat};
inline constexpr std::array<Refusal, kPhaseCount> kBdatRow = {
    kNeedRcpt, kNeedRcpt, kNeedRcpt, kNoRecipients, kNone, kNone, kAfterFault};
}  // namespace rules_detail

inline constexpr std::array<Rule, kVerbCount> kRules = {{
    //                junk   ends   before_tls
    {Verb::kHelo, true, true, true, rules_detail::kAlways},
    {Verb::kEhlo, true, true, true, rules_detail::kAlways},
    {Verb::kXclient, false, false, true, rules_detail::kIdleOnly},
    {Verb::kXforward, false, false, false, rules_detail::kIdleOnly},
    {Verb::kStarttls, false, false, true, rules_detail::kIdleOnly},
    {Verb::kAuth, false, false, false, rules_detail::kIdleOnly},
    {Verb::kMail, false, false, false, rules_detail::kMailRow},
    {Verb::kRcpt, false, false, false, rules_detail::kRcptRow},
    {Verb::kData, false, true, false, rules_detail::kDataRow},
    {Verb::kBdat, false, false, false, rules_detail::kBdatRow},
    {Verb::kRset, true, false, false, rules_detail::kAlways},
    {Verb::kNoop, true, true, true, rules_detail::kAlways},
    {Verb::kVrfy, true, true, false, rules_detail::kAlways},
    {Verb::kEtrn, true, false, false, rules_detail::kIdleOnly},
    {Verb::kQuit, false, false, true, rules_detail::kAlways},
    {Verb::kHelp, false, false, true, rules_detail::kAlways},
    {Verb::kUnknown, false, false, true, rules_detail::kAlways},
}};

[[nodiscard]] constexpr const Rule& rule_of(Verb verb) noexcept {
  return kRules[static_cast<size_t>(verb)];
}
[[nodiscard]] constexpr Refusal refusal_of(Phase phase, Verb verb) noexcept {
  return rule_of(verb).refusals[static_cast<size_t>(phase)];
}

static_assert(
    [] {
      for (size_t i = 0; i < kVerbCount; ++i) {
        if (static_cast<size_t>(kRules[i].verb) != i) return false;
      }
      return true;
    }(),
    "kRules is indexed by Verb");

}  // namespace barid::smtp
