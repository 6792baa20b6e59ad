// Goal: every kind of TLSA answer leads to what RFC 7672 says. Method: rows of answers, levels and
// decisions.
#include "smtp/client/tls_dane.h"

#include <gtest/gtest.h>

namespace barid::smtp {
namespace {

using dns::Answer;
using dns::AnswerStatus;
using dns::Validation;

Answer tlsa(std::vector<dns::TlsaRecord> records, Validation validation = Validation::kSecure) {
  return {.status = AnswerStatus::kOk, .validation = validation, .tlsa = std::move(records)};
}
Answer status(AnswerStatus status, Validation validation = Validation::kSecure) {
  return {.status = status, .validation = validation};
}
dns::TlsaRecord record(uint8_t usage, uint8_t selector = 1, uint8_t type = 1, size_t bytes = 32) {
  return {
      .usage = usage, .selector = selector, .matching_type = type, .data = std::string(bytes, 'x')};
}

TEST(TlsDane, Decisions) {
  constexpr DaneFacts kSecure{.mx_secure = true, .host_secure = true};
  constexpr DaneFacts kInsecureMx{.mx_secure = false, .host_secure = true};
  struct Row {
    std::string_view name;
    DaneFacts facts;
    InsecureMx insecure;
    Answer answer;
    // For level dane, then for dane-only: the level, how many records, whether mail waits.
    TlsLevel level;
    size_t records;
    bool waits;
    bool only_waits;
  };
  const Row rows[] = {
      {"usage 3", kSecure, InsecureMx::kDane, tlsa({record(3)}), TlsLevel::kDaneOnly, 1, false,
       false},
      {"usage 2", kSecure, InsecureMx::kDane, tlsa({record(2, 0, 2, 64)}), TlsLevel::kDaneOnly, 1,
       false, false},
      {"whole key", kSecure, InsecureMx::kDane, tlsa({record(3, 1, 0, 90)}), TlsLevel::kDaneOnly, 1,
       false, false},
      {"usages of public authorities", kSecure, InsecureMx::kDane, tlsa({record(0), record(1)}),
       TlsLevel::kEncrypt, 0, false, true},
      {"one of each", kSecure, InsecureMx::kDane, tlsa({record(1), record(3)}), TlsLevel::kDaneOnly,
       1, false, false},
      {"short digest", kSecure, InsecureMx::kDane, tlsa({record(3, 1, 1, 31)}), TlsLevel::kEncrypt,
       0, false, true},
      {"unknown selector and digest", kSecure, InsecureMx::kDane,
       tlsa({record(3, 2), record(3, 1, 3)}), TlsLevel::kEncrypt, 0, false, true},
      {"not validated", kSecure, InsecureMx::kDane, tlsa({record(3)}, Validation::kInsecure),
       TlsLevel::kMay, 0, false, true},
      {"none", kSecure, InsecureMx::kDane, status(AnswerStatus::kNxDomain), TlsLevel::kMay, 0,
       false, true},
      {"no data", kSecure, InsecureMx::kDane, status(AnswerStatus::kNoData), TlsLevel::kMay, 0,
       false, true},
      {"servfail", kSecure, InsecureMx::kDane, status(AnswerStatus::kServFail), TlsLevel::kDane, 0,
       true, true},
      {"bogus", kSecure, InsecureMx::kDane, status(AnswerStatus::kBogus), TlsLevel::kDane, 0, true,
       true},
      {"timeout", kSecure, InsecureMx::kDane, status(AnswerStatus::kTimeout), TlsLevel::kDane, 0,
       true, true},
      {"insecure MX, records count", kInsecureMx, InsecureMx::kDane, tlsa({record(3)}),
       TlsLevel::kDaneOnly, 1, false, false},
      {"insecure MX, encrypt", kInsecureMx, InsecureMx::kEncrypt, tlsa({record(3)}),
       TlsLevel::kEncrypt, 1, false, false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const DaneDecision dane =
        decide_dane(TlsLevel::kDane, row.facts, row.insecure, &row.answer, "mx.example");
    EXPECT_EQ(dane.level, row.level);
    EXPECT_EQ(dane.records.size(), row.records);
    EXPECT_EQ(!dane.problem.empty(), row.waits) << dane.problem;
    const DaneDecision only =
        decide_dane(TlsLevel::kDaneOnly, row.facts, row.insecure, &row.answer, "mx.example");
    EXPECT_EQ(!only.problem.empty(), row.only_waits) << only.problem;
  }
}

TEST(TlsDane, WhenToAsk) {
  struct Row {
    TlsLevel level;
    DaneFacts facts;
    InsecureMx insecure;
    bool asked;
  };
  const Row rows[] = {
      {TlsLevel::kDane, {.mx_secure = true, .host_secure = true}, InsecureMx::kMay, true},
      {TlsLevel::kDane, {.mx_secure = true, .host_secure = false}, InsecureMx::kDane, false},
      {TlsLevel::kDane, {.mx_secure = false, .host_secure = true}, InsecureMx::kDane, true},
      {TlsLevel::kDane, {.mx_secure = false, .host_secure = true}, InsecureMx::kMay, false},
      {TlsLevel::kDaneOnly, {.mx_secure = false, .host_secure = true}, InsecureMx::kDane, false},
      {TlsLevel::kDaneOnly, {.mx_secure = true, .host_secure = true}, InsecureMx::kDane, true},
      {TlsLevel::kMay, {.mx_secure = true, .host_secure = true}, InsecureMx::kDane, false},
      {TlsLevel::kSecure, {.mx_secure = true, .host_secure = true}, InsecureMx::kDane, false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(wants_tlsa(row.level, row.facts, row.insecure), row.asked)
        << tls_level_name(row.level);
  }
  EXPECT_EQ(decide_dane(TlsLevel::kDane, {}, InsecureMx::kDane, nullptr, "mx").level,
            TlsLevel::kMay);
  EXPECT_EQ(decide_dane(TlsLevel::kDaneOnly, {}, InsecureMx::kDane, nullptr, "mx.example").problem,
            "non DNSSEC destination mx.example");
  EXPECT_EQ(tlsa_name("mx.example", 25), "_25._tcp.mx.example");
}

}  // namespace
}  // namespace barid::smtp
