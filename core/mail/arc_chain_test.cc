// Goal: chains are read as RFC 8617 says: which hold by their form, which end, what comes next; and
// what seals are made of. Method: rows of headers made from short notation.
#include "core/mail/arc_chain.h"

#include <gtest/gtest.h>

namespace barid::arc {
namespace {

const std::string kSignature =
    "a=rsa-sha256; d=e.org; s=s; h=from; bh=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=; b=YWJj";

/// "R1 M1 S1none": ARC-Authentication-Results, ARC-Message-Signature, ARC-Seal with cv=.
std::string header_of(std::string_view notation) {
  std::string header = "From: a@b\r\n";
  while (!notation.empty()) {
    const size_t end = std::min(notation.find(' '), notation.size());
    const std::string word(notation.substr(0, end));
    notation.remove_prefix(std::min(end + 1, notation.size()));
    const size_t digits = word.find_first_not_of("0123456789-", 1);
    const std::string number = word.substr(1, digits - 1);
    if (word[0] == 'R') {
      header += "ARC-Authentication-Results: i=" + number + "; mx.example; arc=none\r\n";
    } else if (word[0] == 'M') {
      header += "arc-message-signature: i=" + number + "; " + kSignature + "\r\n";
    } else {
      header += "ARC-Seal: i=" + number +
                "; a=rsa-sha256; d=e.org; s=s; b=YWJj; cv=" + word.substr(digits) + "\r\n";
    }
  }
  return header;
}

TEST(ArcChain, Forms) {
  struct Case {
    std::string_view notation;
    unsigned next;
    std::string_view problem;
  };
  constexpr std::string_view kPlace = "i= is missing, too high or there twice";
  constexpr Case kCases[] = {
      {"", 1, ""},
      {"R1 M1 S1none", 2, ""},
      {"S2pass R1 M2 S1none M1 R2", 3, ""},
      {"R1 M1 S1pass", 2, "ARC-Seal of instance 1: cv= does not fit its place"},
      {"R1 M1 S1none R2 M2 S2none", 3, "ARC-Seal of instance 2: cv= does not fit its place"},
      {"R1 M1 S1none R2 M2 S2fail", 0, "ARC-Seal of instance 2: cv=fail"},
      {"R1 M1 S1fail R2 M2 S2pass", 3, "ARC-Seal of instance 1: cv= does not fit its place"},
      {"R1 R1 M1 S1none R2 M2 S2fail", 0, kPlace},
      {"R1 M1 S1odd", 2, "ARC-Seal of instance 1: cv= is unknown"},
      {"R1 M1", 2, "the set of instance 1: a field is missing"},
      {"R2 M2 S2pass", 3, "the set of instance 1: a field is missing"},
      {"R1 R1 M1 S1none", 2, kPlace},
      {"R0 M1 S1none", 2, kPlace},
      {"R-1 M1 S1none", 2, kPlace},
      {"R51 M51 S51none", 0, kPlace},
      {"R1 M1 S99999none", 2, kPlace},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.notation);
    const std::string text = header_of(c.notation);
    const auto header = split_header(text);
    const ArcChain chain = read_chain(header);
    EXPECT_EQ(chain.exists(), !c.notation.empty());
    EXPECT_EQ(chain.next_instance(), c.next);
    if (c.problem == kPlace) {
      EXPECT_TRUE(chain.problem.ends_with(kPlace)) << chain.problem;
    } else {
      EXPECT_EQ(chain.problem, c.problem);
    }
  }
}

TEST(ArcChain, SealsWithoutTheirTags) {
  const std::string good = header_of("R1 M1 S1none");
  struct Case {
    std::string_view from;
    std::string_view to;
    std::string_view problem;
  };
  constexpr Case kCases[] = {
      {"; cv=none", "", "cv= is missing"},
      {"; cv=none", "; cv=none; h=from", "it has h="},
      {"ARC-Seal: i=1; a=rsa-sha256", "ARC-Seal: i=1; a=rsa-sha1", "a= is not accepted"},
      {"b=YWJj; cv", "b=!; cv", "b= is not base64"},
      {"b=YWJj; cv", "b=YWJj; b=YWJj; cv", "a tag is there twice"},
      {"d=e.org; s=s; b=YWJj; cv", "d=e/org; s=s; b=YWJj; cv", "d= or s= is no name"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.problem);
    std::string text = good;
    text.replace(text.find(c.from), c.from.size(), c.to);
    const auto header = split_header(text);
    EXPECT_EQ(read_chain(header).problem, "ARC-Seal of instance 1: " + std::string(c.problem));
  }
  std::string text = good;
  text.replace(text.find("h=from"), 6, "h=from:ARC-Seal");
  const auto header = split_header(text);
  EXPECT_EQ(read_chain(header).problem, "ARC-Message-Signature of instance 1: h= has ARC-Seal");
}

TEST(ArcChain, FiftyIsTheLast) {
  std::string notation;
  for (int i = 1; i <= 50; ++i) {
    const std::string n = std::to_string(i);
    notation += "R" + n + " M" + n + " S" + n + (i == 1 ? "none " : "pass ");
  }
  notation.pop_back();
  const std::string text = header_of(notation);
  const auto header = split_header(text);
  const ArcChain chain = read_chain(header);
  EXPECT_EQ(chain.problem, "");
  EXPECT_EQ(chain.sets.size(), kInstancesMax);
  EXPECT_EQ(chain.next_instance(), 0u);
}

TEST(ArcChain, WhatASealSigns) {
  const std::string text =
      "ARC-Seal: i=2; cv=pass; b=xx; a=1\r\nARC-Message-Signature: i=2;  m\r\n"
      "ARC-Authentication-Results: i=2; r\r\n"
      "ARC-Seal: i=1; cv=none; b=yy\r\nARC-Message-Signature: i=1; b=mm\r\n"
      "ARC-Authentication-Results: i=1;\r\n\tr\r\n";
  const auto header = split_header(text);
  ArcChain chain;
  chain.sets = {
      {.results = &header[5], .signature = &header[4], .seal_field = &header[3], .seal = {}},
      {.results = &header[2], .signature = &header[1], .seal_field = &header[0], .seal = {}}};
  std::string out;
  append_sealed_data(out, chain, 2);
  EXPECT_EQ(out,
            "arc-authentication-results:i=1; r\r\narc-message-signature:i=1; b=mm\r\n"
            "arc-seal:i=1; cv=none; b=yy\r\n"
            "arc-authentication-results:i=2; r\r\narc-message-signature:i=2; m\r\n"
            "arc-seal:i=2; cv=pass; b=; a=1");
  out.clear();
  append_sealed_data(out, chain, 1);
  EXPECT_EQ(out,
            "arc-authentication-results:i=1; r\r\narc-message-signature:i=1; b=mm\r\n"
            "arc-seal:i=1; cv=none; b=");
  // A new one covers what was before it, unless that does not hold.
  chain.sets.pop_back();
  for (const ChainStatus status : {ChainStatus::kPass, ChainStatus::kFail}) {
    out.clear();
    append_new_sealed_data(out, chain, status, "A: 1\r\n", "B: 2\r\n", "C: b=");
    EXPECT_EQ(out,
              std::string(status == ChainStatus::kFail ? ""
                                                       : "arc-authentication-results:i=1; r\r\n"
                                                         "arc-message-signature:i=1; b=mm\r\n"
                                                         "arc-seal:i=1; cv=none; b=yy\r\n") +
                  "a:1\r\nb:2\r\nc:b=");
  }
}

TEST(ArcChain, Golden) {
  EXPECT_EQ(results_field(2, "mx.example", std::vector<std::string>{"dkim=none", "arc=pass"}),
            "ARC-Authentication-Results: i=2; mx.example;\r\n\tdkim=none;\r\n\tarc=pass\r\n");
  EXPECT_EQ(unsigned_seal({.instance = 3,
                           .status = ChainStatus::kPass,
                           .domain = "example.com",
                           .selector = "s1",
                           .signed_at = 1'700'000'000}),
            "ARC-Seal: i=3; a=rsa-sha256; t=1700000000; cv=pass; d=example.com; s=s1;\r\n\tb=");
  const auto header = split_header("From: a@b\r\n");
  const dkim::FieldChoice choice{.oversigned = {"from"}, .others = {}};
  const auto fields = dkim::choose_fields(header, choice);
  EXPECT_EQ(dkim::unsigned_field({.domain = "example.com",
                                  .selector = "s1",
                                  .identity = "@example.com",
                                  .signed_at = 1'700'000'000,
                                  .arc_instance = 3},
                                 fields, std::string(32, 'h')),
            "ARC-Message-Signature: i=3; a=rsa-sha256; c=relaxed/relaxed; d=example.com;\r\n"
            "\ts=s1; t=1700000000;\r\n\th=from:from;\r\n"
            "\tbh=aGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGg=;\r\n\tb=");
}

}  // namespace
}  // namespace barid::arc
