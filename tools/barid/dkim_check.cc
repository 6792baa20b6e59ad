#include "tools/barid/dkim_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/mail/dkim_record.h"

namespace barid::tools {
namespace {

std::string_view key_type_name(const crypto::PrivateKey& key) {
  return key.type() == crypto::KeyType::kRsa ? "rsa" : "ed25519";
}

}  // namespace

std::string key_algorithm(const crypto::PrivateKey& key) {
  return key.type() == crypto::KeyType::kRsa ? fmt::format("rsa{}", key.bits()) : "ed25519";
}

std::string key_record(const crypto::PrivateKey& key) {
  return dkim::format_key_record(key_type_name(key), key.public_key());
}

DkimVerdict judge_dkim_record(const crypto::PrivateKey& key, const policy::DkimRule& rule,
                              const dns::Answer& answer) {
  const auto bad = [](std::string text) { return DkimVerdict{.text = std::move(text)}; };
  if (answer.status == dns::AnswerStatus::kNxDomain ||
      answer.status == dns::AnswerStatus::kNoData) {
    return bad("there is no such record");
  }
  if (answer.status != dns::AnswerStatus::kOk) {
    return bad(fmt::format("DNS does not tell: {}", dns::answer_status_name(answer.status)));
  }
  // RFC 6376 3.6.2.2: of several records a verifier takes one at random.
  if (answer.texts.size() > 1) return bad("there are several records");
  const dkim::ParsedKeyRecord parsed = dkim::parse_key_record(answer.texts.front());
  const dkim::KeyRecord& record = parsed.record;
  if (!parsed.problem.empty()) return bad("the record is not good: " + parsed.problem);
  if (record.public_key.empty()) return bad("the record revokes the key: its p= is empty");
  if (record.key_type != key_type_name(key)) {
    return bad(fmt::format("the record is of a key of type {}, the file's is {}", record.key_type,
                           key_type_name(key)));
  }
  if (record.public_key != key.public_key()) return bad("the record is of another key");
  if (!record.for_mail) return bad("the record does not allow the service email");
  if (!record.hashes.empty() &&
      std::find(record.hashes.begin(), record.hashes.end(), "sha256") == record.hashes.end()) {
    return bad("the record does not allow sha256");
  }
  const std::string_view own = std::string_view(rule.identity).substr(rule.identity.rfind('@') + 1);
  if (record.strict_identity && !rule.identity.empty() && own != rule.domain) {
    return bad(fmt::format("the record (t=s) does not allow the identity {}", rule.identity));
  }
  if (record.testing) {
    return {.good = true,
            .warning = true,
            .text = "the record says t=y (testing): receivers may ignore the signatures"};
  }
  if (key.type() == crypto::KeyType::kRsa && key.bits() < 2048) {
    return {.good = true, .warning = true, .text = "the key has less than 2048 bits"};
  }
  return {.good = true, .warning = false, .text = "the record is that of the key"};
}

}  // namespace barid::tools
