// Goal: what doctor reads is read right. Method: rows of records, addresses, and a certificate.
#include "tools/barid/doctor.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

#include "core/crypto/certificate_dates.h"

namespace barid::tools {
namespace {

TEST(Doctor, DmarcTags) {
  const struct {
    const char* record;
    const char* name;
    const char* value;
  } kRows[] = {{"v=DMARC1; p=Reject; adkim=s", "p", "reject"},
               {"v=DMARC1;p = none", "p", "none"},
               {"v=DMARC1; p=none; ADKIM=S;", "adkim", "s"},
               {"v=DMARC1; p=none", "sp", ""},
               {"", "p", ""},
               {"p", "p", ""}};
  for (const auto& row : kRows) EXPECT_EQ(dmarc_tag(row.record, row.name), row.value) << row.record;
}

TEST(Doctor, Alignment) {
  const struct {
    const char* from;
    const char* signer;
    const char* organisation;
    bool strict;
    bool aligned;
  } kRows[] = {
      {"a.example", "A.example", "a.example", true, true},
      {"news.a.example", "a.example", "a.example", true, false},
      {"news.a.example", "a.example", "a.example", false, true},
      {"a.example", "mail.a.example", "a.example", false, true},
      {"a.example", "mail.a.example", "a.example", true, false},
      {"news.a.example", "mail.a.example", "a.example", false, true},
      {"news.a.example", "a.example", "news.a.example", false, true},
      {"a.example", "esp.example", "a.example", false, false},
      {"a.example", "bad-a.example", "a.example", false, false},
  };
  for (const auto& row : kRows) {
    EXPECT_EQ(is_aligned(row.from, row.signer, row.organisation, row.strict), row.aligned)
        << row.from << " " << row.signer;
  }
}

/// What is wrong comes with what to do about it.
TEST(Doctor, TheMachine) {
  const std::vector<int64_t> fast = {200, 300, 90'000};
  const std::vector<int64_t> slow = {200, 21'000, 30'000};
  const struct {
    Finding finding;
    Health health;
    const char* text;
    const char* advice;
  } kRows[] = {
      {judge_descriptors(65'536), Health::kOk, "65536 open descriptors", ""},
      {judge_descriptors(UINT64_MAX), Health::kOk, "any number", ""},
      {judge_descriptors(1'024), Health::kWarning, "1024 open descriptors", "LimitNOFILE="},
      {judge_io("", "auto"), Health::kOk, "grants io_uring", ""},
      {judge_io("", "epoll"), Health::kWarning, "io_backend = epoll", "io_backend = auto"},
      {judge_io("EPERM", "auto"), Health::kWarning, "refused (EPERM); epoll serves", "seccomp"},
      {judge_io("EPERM", "io_uring"), Health::kFailed, "does not start", "io_uring_disabled"},
      {judge_syncs("/q", fast, 0), Health::kOk, "0.30 ms (median), 90.00 ms (worst of 3)", ""},
      {judge_syncs("/q", slow, 0), Health::kWarning, "21.00 ms (median)", "faster disk"},
      {judge_syncs("/q", {}, EROFS), Health::kFailed, "Read-only file system", "writable"},
      {judge_space("/q", 5'000'000, 4'000'000), Health::kOk, "5 MB are free", ""},
      {judge_space("/q", 5'000'000, 6'000'000), Health::kFailed, "5 MB", "refused below 6 MB"},
      {judge_clock(true), Health::kOk, "synchronised", ""},
      {judge_clock(false), Health::kWarning, "does not know", "chrony"},
      {judge_certificate("/c", "no PEM", 0), Health::kFailed, "no certificate", "PEM file"},
  };
  for (const auto& row : kRows) {
    EXPECT_EQ(row.finding.health, row.health) << row.finding.text;
    EXPECT_NE(row.finding.text.find(row.text), std::string::npos) << row.finding.text;
    EXPECT_NE(row.finding.advice.find(row.advice), std::string::npos) << row.finding.advice;
    EXPECT_EQ(row.finding.advice.empty(), row.health == Health::kOk) << row.finding.text;
  }
}

TEST(Doctor, PublicAddresses) {
  for (const char* text : {"192.0.2.1", "9.9.9.9", "2001:db8::1"}) {
    EXPECT_TRUE(is_public(*lookup::IpAddress::parse(text))) << text;
  }
  for (const char* text : {"127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.9.9", "169.254.1.1",
                           "100.64.0.1", "::1", "fe80::1", "fd00::1"}) {
    EXPECT_FALSE(is_public(*lookup::IpAddress::parse(text))) << text;
  }
}

TEST(Doctor, CertificatesThatAreNone) {
  EXPECT_FALSE(crypto::first_certificate_end("").has_value());
  EXPECT_FALSE(crypto::first_certificate_end("-----BEGIN CERTIFICATE-----\nAAAA\n").has_value());
}

}  // namespace
}  // namespace barid::tools
